// The read and write functions that sysreg.def names, by the file that has them.
#pragma once

#include "frontends/aarch64/sysreg.h"
#include "frontends/aarch64/timer.h"

namespace mimus::aarch64::sysreg {

inline constexpr std::nullptr_t none = nullptr;

#define READ(name) u64 name(Aarch64State& state);
#define WRITE(name) void name(Aarch64State& state, u64 value);
#define BOTH(name) READ(read_##name) WRITE(write_##name)

// sysreg_user.cc
READ(read_dczid)
BOTH(nzcv_register)
BOTH(daif)
BOTH(dit)
BOTH(ssbs)
READ(read_fpcr)
WRITE(write_fpcr_register)
READ(read_fpsr_register)
WRITE(write_fpsr_register)
READ(read_random)

// sysreg_id.cc
READ(read_ctr)
READ(read_midr)
READ(read_mpidr)
READ(read_ccsidr)
READ(read_id_aa64pfr0)
READ(read_id_aa64pfr1)
READ(read_id_aa64dfr0)
READ(read_id_aa64isar0)
READ(read_id_aa64isar1)
READ(read_id_aa64isar2)
READ(read_id_aa64mmfr0)
READ(read_id_aa64mmfr1)
READ(read_id_aa64mmfr2)

// sysreg_control.cc
BOTH(spsel)
READ(read_current_el)
BOTH(pan)
BOTH(uao)
BOTH(cpacr)
BOTH(ttbr1_el1)
READ(read_isr)
READ(read_rvbar)
BOTH(hcr)
BOTH(scr)
BOTH(cptr_el2)
BOTH(cptr_el3)
BOTH(mdcr_el2)
BOTH(vttbr)
BOTH(vtcr)
BOTH(cntvoff)

// sysreg_debug.cc
BOTH(mdscr)
WRITE(write_oslar)
READ(read_claim)
READ(read_claim_set)
WRITE(write_claim_set)
WRITE(write_claim_clear)

#undef READ
#undef WRITE
#undef BOTH

// By level.
template <unsigned El>
u64 read_sctlr(Aarch64State& s) {
  return s.sctlr[El];
}
template <unsigned El>
u64 read_ttbr0(Aarch64State& s) {
  return s.ttbr0[El];
}
template <unsigned El>
u64 read_tcr(Aarch64State& s) {
  return s.tcr[El];
}
void assign_sctlr(Aarch64State& state, unsigned el, u64 value);
void assign_ttbr0(Aarch64State& state, unsigned el, u64 value);
void assign_tcr(Aarch64State& state, unsigned el, u64 value);
template <unsigned El>
void write_sctlr(Aarch64State& s, u64 value) {
  assign_sctlr(s, El, value);
}
template <unsigned El>
void write_ttbr0(Aarch64State& s, u64 value) {
  assign_ttbr0(s, El, value);
}
template <unsigned El>
void write_tcr(Aarch64State& s, u64 value) {
  assign_tcr(s, El, value);
}

// CLIDR_EL1: separate first-level caches, a unified second one; coherent and unified at level 1 and 2.
inline constexpr u64 kCacheLevels = 3 | 4 << 3 | 1 << 21 | 2 << 24 | 1 << 27;

// -- generic timer --
template <TimerId T>
u64 read_ctl(Aarch64State& s) {
  return read_timer_control(s, T);
}
template <TimerId T>
void write_ctl(Aarch64State& s, u64 value) {
  write_timer_control(s, T, value);
}
template <TimerId T>
u64 read_cval(Aarch64State& s) {
  return s.timers[T].cval;
}
template <TimerId T>
void write_cval(Aarch64State& s, u64 value) {
  write_compare_value(s, T, value);
}
template <TimerId T>
u64 read_tval(Aarch64State& s) {
  return read_timer_value(s, T);
}
template <TimerId T>
void write_tval(Aarch64State& s, u64 value) {
  write_timer_value(s, T, value);
}
inline u64 read_cntfrq(Aarch64State& s) { return s.cntfrq_el0; }
inline void write_cntfrq(Aarch64State& s, u64 value) { s.cntfrq_el0 = value & 0xffff'ffff; }
inline u64 read_cntpct(Aarch64State& s) { return physical_count(s); }
inline u64 read_cntvct(Aarch64State& s) { return virtual_count(s); }

// -- debug --
void assign_breakpoint_control(Aarch64State& state, unsigned n, u64 value);
template <unsigned N>
u64 read_breakpoint_value(Aarch64State& s) {
  return s.breakpoints[N].value;
}
template <unsigned N>
u64 read_breakpoint_control(Aarch64State& s) {
  return s.breakpoints[N].control;
}
template <unsigned N>
u64 read_watchpoint_value(Aarch64State& s) {
  return s.watchpoints[N].value;
}
template <unsigned N>
u64 read_watchpoint_control(Aarch64State& s) {
  return s.watchpoints[N].control;
}
template <unsigned N>
void write_breakpoint_value(Aarch64State& s, u64 value) {
  s.breakpoints[N].value = value;
}
template <unsigned N>
void write_breakpoint_control(Aarch64State& s, u64 value) {
  assign_breakpoint_control(s, N, value & 0x00ff'e1e7);
}
template <unsigned N>
void write_watchpoint_value(Aarch64State& s, u64 value) {
  s.watchpoints[N].value = value & ~u64{3};
}
template <unsigned N>
void write_watchpoint_control(Aarch64State& s, u64 value) {
  s.watchpoints[N].control = value & 0x1fff'ffff;
}

// -- GIC CPU interface --
u64 read_gic(Aarch64State& state, u32 number);
void write_gic(Aarch64State& state, u32 number, u64 value);

}  // namespace mimus::aarch64::sysreg
