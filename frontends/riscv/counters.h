// The hardware performance counters mhpmcounter3 and up, and the Sscofpmf extension: what they count, in which modes,
// and their overflow interrupts. Sources: Volume II, 3.1.10 to 3.1.12 and chapter "Sscofpmf"; event numbers as the
// RISC-V SBI specification 2.0, chapter 11 (event_idx) has them, so that firmware needs no table.
#pragma once

#include "frontends/riscv/state.h"

namespace mimus::riscv {

// mhpmevent fields.
inline constexpr u64 kEventOf = u64{1} << 63, kEventMinh = u64{1} << 62, kEventSinh = u64{1} << 61,
                     kEventUinh = u64{1} << 60;
inline constexpr u64 kEventNumber = 0xfffff;

// What mcycle and minstret are made of. When the run loop counts instructions (CpuState::insn_count) it is their exact
// number; otherwise nothing is counted, and the board's timer stands for a hart of 100 instructions per tick.
u64 running_count(const RiscvState& state);

// counter and event: 3 to 2 + kHpmCounters.
u64 read_counter(const RiscvState& state, unsigned counter);
void write_counter(RiscvState& state, unsigned counter, u64 value);
void write_event(RiscvState& state, unsigned counter, u64 value);

// Counters that the mode or mcountinhibit concerns stop or go on: after a change of privilege or mcountinhibit.
void update_counters(RiscvState& state);
// A page table was walked for an access.
void count_walk(RiscvState& state, Access access);
// After a state load.
void restore_counters(RiscvState& state);
// The timer that foretells an overflow has fired.
void counter_timer_fired(RiscvState& state);

inline constexpr unsigned kCounterTimer = 1;  // CpuPort::set_timer

}  // namespace mimus::riscv
