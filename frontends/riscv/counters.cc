#include "frontends/riscv/counters.h"

#include <algorithm>

#include "core/engine/port.h"
#include "frontends/riscv/trap.h"

namespace mimus::riscv {
namespace {

constexpr u64 kNominalIpt = 100;  // instructions per tick of the timer

u64 walks(const RiscvState& s, Access access) { return s.walks[unsigned(access)]; }

struct Event {
  u64 number;
  bool timed;  // follows running_count()
  u64 (*count)(const RiscvState&);
};
// Cycles, instructions; misses of the data TLB (reads, writes) and of the instruction TLB, which are page-table walks.
constexpr Event kEvents[] = {
    {0x00001, true, running_count},
    {0x00002, true, running_count},
    {0x10019, false, [](const RiscvState& s) { return walks(s, Access::read); }},
    {0x1001b, false, [](const RiscvState& s) { return walks(s, Access::write); }},
    {0x10021, false, [](const RiscvState& s) { return walks(s, Access::execute); }},
};

const Event* event_of(const HpmCounter& counter) {
  const auto* found = std::ranges::find(kEvents, counter.event & kEventNumber, &Event::number);
  return found == std::end(kEvents) ? nullptr : found;
}

HpmCounter& counter_at(RiscvState& s, unsigned counter) { return s.hpm[counter - kFirstHpm]; }

u64 since_start(const RiscvState& s, const HpmCounter& c) { return event_of(c)->count(s) - c.base; }

// Takes what was counted into the value, and notes an overflow: a counter that wraps sets OF, and the interrupt pends
// unless OF was set before.
void settle(RiscvState& s, HpmCounter& c) {
  if (!c.running) return;
  const u64 added = since_start(s, c), before = c.value;
  c.value += added;
  c.base += added;
  if (c.value >= before || !s.model->has(Ext::Sscofpmf) || (c.event & kEventOf)) return;
  c.event |= kEventOf;
  s.mip |= kIrqLcofi;
}

bool inhibited(const RiscvState& s, unsigned index) {
  const u64 mode = s.privilege == kMachine ? kEventMinh : s.privilege == kSupervisor ? kEventSinh : kEventUinh;
  return (s.hpm[index].event & mode) || bit(s.mcountinhibit, index + kFirstHpm);
}

// When the first counter that follows the timer will overflow, at the nominal rate.
void foretell(RiscvState& s) {
  if (!s.port || !s.model->has(Ext::Sscofpmf)) return;
  u64 ticks = ~u64{0};
  for (const HpmCounter& c : s.hpm) {
    if (!c.running || (c.event & kEventOf) || !event_of(c)->timed) continue;
    const u64 left = ~(c.value + since_start(s, c)) + 1;  // up to 2^64; 0: it has just wrapped
    if (left) ticks = std::min(ticks, left / kNominalIpt + 1);
  }
  if (ticks == ~u64{0} && !s.counter_timer) return;
  const u64 now = s.port->timebase();
  s.counter_timer = ticks != ~u64{0};
  s.port->set_timer(kCounterTimer, ticks > ~u64{0} - now ? ~u64{0} : now + ticks);
}

}  // namespace

u64 running_count(const RiscvState& s) {
  if (s.insn_count != 0 || !s.port) return s.insn_count;
  return s.port->timebase() * kNominalIpt;
}

u64 read_counter(const RiscvState& s, unsigned counter) {
  const HpmCounter& c = s.hpm[counter - kFirstHpm];
  return c.running ? c.value + since_start(s, c) : c.value;
}

void write_counter(RiscvState& s, unsigned counter, u64 value) {
  HpmCounter& c = counter_at(s, counter);
  settle(s, c);
  c.value = value;
  update_counters(s);
}

void write_event(RiscvState& s, unsigned counter, u64 value) {
  HpmCounter& c = counter_at(s, counter);
  settle(s, c);
  c.running = false;
  const u64 filters = s.model->has(Ext::Sscofpmf) ? kEventOf | kEventMinh | kEventSinh | kEventUinh : 0;
  c.event = value & (kEventNumber | filters);
  if (!event_of(c)) c.event &= ~kEventNumber;  // what cannot be counted reads as no event
  update_counters(s);
}

void update_counters(RiscvState& s) {
  s.hpm_active = false;
  for (unsigned index = 0; index < kHpmCounters; ++index) {
    HpmCounter& c = s.hpm[index];
    const bool run = event_of(c) && !inhibited(s, index);
    settle(s, c);
    if (run && !c.running) c.base = event_of(c)->count(s);
    c.running = run;
    s.hpm_active |= event_of(c) != nullptr;
  }
  foretell(s);
}

void restore_counters(RiscvState& s) {
  for (HpmCounter& c : s.hpm) c.running &= event_of(c) != nullptr;
  s.counter_timer = true;  // whatever was set before
  update_counters(s);
}

void count_walk(RiscvState& s, Access access) {
  ++s.walks[unsigned(access)];
  if (!s.hpm_active) return;
  const bool pending = s.mip & kIrqLcofi;
  for (HpmCounter& c : s.hpm)
    if (c.running && !event_of(c)->timed) settle(s, c);
  if (!pending && (s.mip & kIrqLcofi) && s.port) s.port->interrupts_changed();
}

void counter_timer_fired(RiscvState& s) {
  for (HpmCounter& c : s.hpm) settle(s, c);
  foretell(s);
}

}  // namespace mimus::riscv
