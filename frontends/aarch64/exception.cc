#include "frontends/aarch64/exception.h"

#include "core/engine/port.h"

namespace mimus::aarch64 {
namespace {

void tell_changes(Aarch64State& s, u64 old_mode) {
  s.regime = data_regime(s);
  if (!s.port) return;
  s.port->regime_changed();
  if (current_mode(s).pack() != old_mode) s.port->mode_changed();
}

void enter_el(Aarch64State& s, u64 el, u64 select) {
  s.current_el = el;
  if (select == s.sp_select) return;
  s.sp_el[s.sp_select] = s.sp;
  s.sp = s.sp_el[select];
  s.sp_select = select;
}

// Exceptions whose return address is behind the instruction.
bool returns_behind(u32 ec) { return ec == kEcSvc || ec == kEcHvc || ec == kEcSmc; }

// The class of an abort that comes from the level that takes it is one higher (D23.2.37).
u32 from_same_level(u32 esr) {
  const u32 ec = exception_class(esr);
  return ec == kEcInsnAbortLower || ec == kEcDataAbortLower ? esr + (u32{1} << 26) : esr;
}

}  // namespace

Fault abort_fault(GuestVa va, Access access, u32 status_code) {
  if (access == Access::execute) return {syndrome(kEcInsnAbortLower, status_code), va};
  return {syndrome(kEcDataAbortLower, status_code | (access == Access::write ? kIssWnr : 0)), va};
}

// D1.3.5 Synchronous exception types, D1.3.4 entry: to EL1 by the table at VBAR_EL1.
void raise_exception(Aarch64State& s, const Fault& fault) {
  if (s.user_process) {
    s.port->user_exception(fault.cause, fault.tval);
    return;
  }
  const u64 old_mode = current_mode(s).pack();
  const u64 offset = s.current_el == 0 ? 0x400 : s.sp_select ? 0x200 : 0;
  s.esr_el1 = s.current_el == 0 ? fault.cause : from_same_level(fault.cause);
  s.far_el1 = fault.tval;
  s.spsr_el1 = read_pstate(s);
  s.elr_el1 = returns_behind(exception_class(fault.cause)) ? s.pc + 4 : s.pc;
  enter_el(s, 1, 1);
  s.daif = 0xf;
  s.pstate_ssbs = 0;
  s.reservation_size = 0;
  s.pc = s.vbar_el1 + offset;
  tell_changes(s, old_mode);
}

GuestPc exception_return(Aarch64State& s) {
  const u64 old_mode = current_mode(s).pack(), spsr = s.spsr_el1;
  write_pstate(s, spsr);
  enter_el(s, spsr >> 2 & 1, spsr >> 2 & 1 ? spsr & 1 : 0);
  s.reservation_size = 0;
  tell_changes(s, old_mode);
  return s.elr_el1;
}

}  // namespace mimus::aarch64
