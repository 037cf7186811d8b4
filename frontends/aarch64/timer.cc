#include "frontends/aarch64/timer.h"

#include "core/device/cpu_interrupt_port.h"
#include "core/device/timebase.h"
#include "core/engine/port.h"

namespace mimus::aarch64 {
namespace {

constexpr u64 kEnable = 1, kImask = 2, kIstatus = 4;
// INTIDs of the private interrupts (Server Base System Architecture, DEN 0029, 3.8.2), by TimerId.
constexpr u8 kIntid[kTimerCount] = {30, 27, 26, 29};

u64 offset_of(const Aarch64State& s, TimerId timer) { return timer == kTimerVirtual ? s.cntvoff_el2 : 0; }
u64 count_of(const Aarch64State& s, TimerId timer) { return physical_count(s) - offset_of(s, timer); }

// D12.2.4: unsigned, of 64 bits.
bool expired(const Aarch64State& s, TimerId timer) { return count_of(s, timer) >= s.timers[timer].cval; }

}  // namespace

u64 physical_count(const Aarch64State& s) { return s.port ? s.port->timebase() : 0; }
u64 virtual_count(const Aarch64State& s) { return physical_count(s) - s.cntvoff_el2; }

u64 read_timer_control(const Aarch64State& s, TimerId timer) {
  const u64 ctl = s.timers[timer].ctl;
  return ctl | ((ctl & kEnable) && expired(s, timer) ? kIstatus : 0);
}
void write_timer_control(Aarch64State& s, TimerId timer, u64 value) {
  s.timers[timer].ctl = value & (kEnable | kImask);
  update_timer(s, timer);
}
void write_compare_value(Aarch64State& s, TimerId timer, u64 value) {
  s.timers[timer].cval = value;
  update_timer(s, timer);
}
// TVAL is a signed view of 32 bits: CompareValue - count.
u64 read_timer_value(const Aarch64State& s, TimerId timer) { return u32(s.timers[timer].cval - count_of(s, timer)); }
void write_timer_value(Aarch64State& s, TimerId timer, u64 value) {
  write_compare_value(s, timer, count_of(s, timer) + u64(sign_extend(value, 32)));
}

void update_timer(Aarch64State& s, TimerId timer) {
  const GenericTimer& t = s.timers[timer];
  const u64 now = physical_count(s), count = now - offset_of(s, timer);
  const bool enabled = t.ctl & kEnable, masked = t.ctl & kImask, done = enabled && count >= t.cval;
  if (s.interrupt_port) s.interrupt_port->set_irq(kIntid[timer], done && !masked);
  if (!s.port) return;
  const u64 deadline = now + (t.cval - count);
  const bool waits = enabled && !masked && !done && deadline > now;
  s.port->set_timer(timer, waits ? deadline : Timebase::kNever);
}

void update_timers(Aarch64State& s) {
  for (unsigned timer = 0; timer < kTimerCount; ++timer) update_timer(s, TimerId(timer));
}

}  // namespace mimus::aarch64
