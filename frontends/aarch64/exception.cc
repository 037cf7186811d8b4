#include "frontends/aarch64/exception.h"

#include "core/engine/port.h"
#include "frontends/aarch64/debug.h"

namespace mimus::aarch64 {
namespace {

// D1.3.1.1 Vector tables: offsets of the kinds.
enum VectorKind : u64 { kSynchronous = 0, kIrq = 0x80, kFiq = 0x100 };
constexpr u64 kMdcrTde = 1 << 8;
constexpr u64 kFromLower = 0x400, kFromSpx = 0x200;

// AArch64.TakeException of the manual (J1.1.2).
void enter(Aarch64State& s, unsigned level, u64 kind, GuestPc return_address) {
  const Watch before(s);
  const u64 from = level > s.current_el ? kFromLower : s.sp_select ? kFromSpx : 0;
  s.spsr[level] = read_pstate(s);
  s.stepping = s.pstate_ss = 0;
  s.elr[level] = return_address;
  set_level(s, level, 1);
  s.daif = kDaif;
  s.pstate_il = s.pstate_uao = 0;
  s.pstate_ssbs = s.model->has(Feat::SSBS) && (s.sctlr[level] & kSctlrDssbs);
  if (level == 1 && s.model->has(Feat::PAN) && !(s.sctlr[1] & kSctlrSpan)) s.pstate_pan = 1;
  s.reservation_size = 0;
  s.pc = s.vbar[level] + from + kind;
  before.tell_changes(s);
}

// Exceptions whose return address is behind the instruction.
bool returns_behind(u32 ec) { return ec == kEcSvc || ec == kEcHvc || ec == kEcSmc; }

// The class of an abort that comes from the level that takes it is one higher (D24.2.40).
u32 from_same_level(u32 esr) {
  const u32 ec = exception_class(esr);
  const bool aborts = ec == kEcInsnAbortLower || ec == kEcDataAbortLower;
  return aborts || ec == kEcBreakpointLower || ec == kEcStepLower ? esr + (u32{1} << 26) : esr;
}

bool is_abort(u32 ec) { return ec == kEcInsnAbortLower || ec == kEcDataAbortLower; }

// D1.3.6: what goes to a level of its own; else EL1, or EL2 in its place, or the level that it happens at.
unsigned target_level(const Aarch64State& s, u32 cause) {
  const u32 ec = exception_class(cause);
  const u64 hcr = effective_hcr(s);
  if (ec == kEcFpAccess) return fp_trap_target(s);
  if (ec == kEcSmc) return 3;
  if (s.current_el == 3) return 3;
  if (ec == kEcHvc) return 2;
  if (is_abort(ec) && (cause & kIssStage2)) return 2;
  const bool external = is_abort(ec) && ((cause & 0x3f) == kFscExternal || (cause & 0x3c) == kFscExternalOnWalk);
  if (external && s.model->el3() && (s.scr_el3 & kScrEa)) return 3;
  if (s.current_el == 2) return 2;
  if (external && (hcr & kHcrTea)) return 2;
  const bool debug = ec == kEcBreakpointLower || ec == kEcStepLower || ec == kEcBrk;
  if (debug && el2_enabled(s) && (s.mdcr_el2 & kMdcrTde)) return 2;
  return s.current_el == 0 && (hcr & kHcrTge) ? 2 : 1;
}

}  // namespace

Fault abort_fault(GuestVa va, Access access, u32 status_code) {
  if (access == Access::execute) return {syndrome(kEcInsnAbortLower, status_code), va};
  return {syndrome(kEcDataAbortLower, status_code | (access == Access::write ? kIssWnr : 0)), va};
}

u32 system_iss(u32 raw) {
  auto field = [raw](unsigned lsb, unsigned width) { return raw >> lsb & ((1u << width) - 1); };
  return field(19, 2) << 20 | field(5, 3) << 17 | field(16, 3) << 14 | field(12, 4) << 10 | field(0, 5) << 5 |
         field(8, 4) << 1 | field(21, 1);
}

unsigned fp_trap_target(const Aarch64State& s) {
  const u64 fpen = bits(s.cpacr_el1, kFpenShift, 2);
  const u64 hcr = effective_hcr(s);
  const bool tge = hcr & kHcrTge;
  if (s.current_el < 2 && !tge && (s.current_el == 0 ? fpen != 3 : !(fpen & 1))) return 1;
  if (s.current_el < 3 && el2_enabled(s) && (s.cptr_el2 & kCptrTfp)) return 2;
  return s.model->el3() && (s.cptr_el3 & kCptrTfp) ? 3 : 0;
}

void raise_exception(Aarch64State& s, const Fault& fault) {
  if (s.user_process) {
    s.port->user_exception(fault.cause, fault.tval);
    return;
  }
  raise_exception_to(s, fault, target_level(s, fault.cause));
}

// What has no address of its own leaves FAR_ELx UNKNOWN: as it was.
void raise_exception_to(Aarch64State& s, const Fault& fault, unsigned level) {
  if (s.user_process) return s.port->user_exception(fault.cause, fault.tval);
  // A step that is pending comes before whatever is wrong with fetching the next instruction.
  if (exception_class(fault.cause) == kEcInsnAbortLower && step_state(s) == StepState::active_pending)
    return raise_exception(s, {syndrome(kEcStepLower, kFscDebug), 0});
  const u32 ec = exception_class(fault.cause), cause = fault.cause & ~(is_abort(ec) ? kIssStage2 : 0);
  s.esr[level] = s.current_el == level ? from_same_level(cause) : cause;
  if (is_abort(ec) || ec == kEcPcAlignment) s.far[level] = fault.tval;
  if (level == 2 && is_abort(ec)) s.hpfar_el2 = s.fault_ipa >> 12 << 4;
  // What could not be executed has not been stepped over (D2.12.5).
  if (s.stepping && !returns_behind(ec) && ec != kEcStepLower) s.pstate_ss = 1;
  enter(s, level, kSynchronous, s.pc + (returns_behind(ec) ? 4 : 0));
}

// -- return --

namespace {

// D1.4.4 Illegal exception returns.
bool legal_return(const Aarch64State& s, u64 spsr) {
  const u64 el = bits(spsr, 2, 2);
  if (bit(spsr, 4) || bit(spsr, 1) || (el == 0 && bit(spsr, 0))) return false;
  if (el > s.current_el || (el == 2 && !el2_enabled(s))) return false;
  return !(el == 1 && (effective_hcr(s) & kHcrTge));
}

}  // namespace

GuestPc exception_return(Aarch64State& s) {
  const Watch before(s);
  const u64 level = s.current_el, spsr = s.spsr[level];
  const bool legal = legal_return(s, spsr);
  const u64 step = step_after_return(s, level, spsr);
  write_pstate(s, spsr);
  if (legal) {
    s.pstate_ss = step;
    set_level(s, bits(spsr, 2, 2), spsr & 1);
  } else {
    s.pstate_il = 1;
  }
  s.reservation_size = 0;
  before.tell_changes(s);
  return s.elr[level];
}

// -- interrupts --

namespace {

struct Interrupt {
  u64 line, mask, scr, hcr, virtual_bit, kind;
};
// In the order of priority.
constexpr Interrupt kInterrupts[] = {{kFiqLine, kDaifF, kScrFiq, kHcrFmo, kHcrVf, kFiq},
                                     {kIrqLine, kDaifI, kScrIrq, kHcrImo, kHcrVi, kIrq}};

// D1.3.6.2 and D1.3.7: the level that takes a physical interrupt now; 0 if it stays pending.
unsigned interrupt_target(const Aarch64State& s, const Interrupt& i) {
  const u64 hcr = effective_hcr(s), el = s.current_el;
  const bool masked = s.daif & i.mask;
  unsigned level = hcr & (i.hcr | kHcrTge) ? 2 : 1;
  if (s.model->el3() && (s.scr_el3 & i.scr)) level = 3;
  if (level < el) return 0;
  const bool unmaskable = level > el && level > 1 && !(level == 2 && (hcr & kHcrTge));
  return masked && !unmaskable ? 0 : level;
}

}  // namespace

bool take_interrupt(Aarch64State& s) {
  const u64 lines = s.irq_lines.load(std::memory_order_relaxed), hcr = effective_hcr(s);
  for (const Interrupt& i : kInterrupts) {
    unsigned level = lines & i.line ? interrupt_target(s, i) : 0;
    const bool is_virtual = (hcr & i.hcr) && (hcr & i.virtual_bit) && !(hcr & kHcrTge);
    if (level == 0 && is_virtual && s.current_el < 2 && !(s.daif & i.mask)) level = 1;
    if (level == 0) continue;
    enter(s, level, i.kind, s.pc);
    return true;
  }
  return false;
}

bool interrupt_pending(const Aarch64State& s) {
  const u64 hcr = effective_hcr(s);
  if (s.irq_lines.load(std::memory_order_relaxed) & (kIrqLine | kFiqLine)) return true;
  return ((hcr & kHcrImo) && (hcr & kHcrVi)) || ((hcr & kHcrFmo) && (hcr & kHcrVf));
}

}  // namespace mimus::aarch64
