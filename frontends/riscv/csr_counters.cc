// The counters (Volume I, Zicntr and Zihpm; Volume II, 3.1.10 to 3.1.12, Sscofpmf). What they count is in counters.h.
#include "core/engine/port.h"
#include "frontends/riscv/counters.h"
#include "frontends/riscv/csr_access.h"

namespace mimus::riscv::csr {
namespace {

constexpr u32 kFirstEvent = 0x320;  // mhpmevent3 is 0x323
constexpr u64 kHpmMask = ((u64{1} << kHpmCounters) - 1) << kFirstHpm;

bool there(unsigned counter) { return counter < kFirstHpm + kHpmCounters; }

}  // namespace

// A counter's value is the running count plus its offset, or the offset alone while it is inhibited.
u64 read_cycle(const RiscvState& s, u32) { return s.mcycle_offset + (bit(s.mcountinhibit, 0) ? 0 : running_count(s)); }
void write_mcycle(RiscvState& s, u64 value, u32) {
  s.mcycle_offset = value - (bit(s.mcountinhibit, 0) ? 0 : running_count(s));
}
u64 read_instret(const RiscvState& s, u32) {
  return s.minstret_offset + (bit(s.mcountinhibit, 2) ? 0 : running_count(s));
}
void write_minstret(RiscvState& s, u64 value, u32) {
  s.minstret_offset = value - (bit(s.mcountinhibit, 2) ? 0 : running_count(s));
}
u64 read_time(const RiscvState& s, u32) { return s.port ? s.port->timebase() : 0; }

// Counters and events that are not implemented read 0.
u64 read_hpmcounter(const RiscvState& s, u32 number) { return there(number & 31) ? read_counter(s, number & 31) : 0; }
void write_mhpmcounter(RiscvState& s, u64 value, u32 number) {
  if (there(number & 31)) write_counter(s, number & 31, value);
}
u64 read_mhpmevent(const RiscvState& s, u32 number) {
  const unsigned counter = number - kFirstEvent;
  return there(counter) ? s.hpm[counter - kFirstHpm].event : 0;
}
void write_mhpmevent(RiscvState& s, u64 value, u32 number) {
  if (there(number - kFirstEvent)) write_event(s, number - kFirstEvent, value);
}

// Only counters that mcounteren opens show below M-mode.
u64 read_scountovf(const RiscvState& s, u32) {
  u64 overflowed = 0;
  for (unsigned i = 0; i < kHpmCounters; ++i) overflowed |= u64((s.hpm[i].event & kEventOf) != 0) << (i + kFirstHpm);
  return s.privilege == kMachine ? overflowed : overflowed & s.mcounteren;
}

u64 read_mcountinhibit(const RiscvState& s, u32) { return s.mcountinhibit; }
void write_mcountinhibit(RiscvState& s, u64 value, u32) {
  u64 cycle = read_cycle(s, 0), instret = read_instret(s, 0);
  s.mcountinhibit = value & (5 | kHpmMask);  // CY, IR and HPMn
  write_mcycle(s, cycle, 0);
  write_minstret(s, instret, 0);
  update_counters(s);
}

u64 read_mcounteren(const RiscvState& s, u32) { return s.mcounteren; }
void write_mcounteren(RiscvState& s, u64 value, u32) { s.mcounteren = u32(value); }
u64 read_scounteren(const RiscvState& s, u32) { return s.scounteren; }
void write_scounteren(RiscvState& s, u64 value, u32) { s.scounteren = u32(value); }

bool counter_enabled(const RiscvState& s, u32 number) {
  unsigned index = number & 31;
  if (s.privilege == kMachine) return true;
  if (!bit(s.mcounteren, index)) return false;
  return s.privilege == kSupervisor || bit(s.scounteren, index);
}

}  // namespace mimus::riscv::csr
