// Exceptions: syndromes and delivery.
#pragma once

#include "core/engine/frontend.h"
#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

// Fault::cause is the syndrome as in ESR_EL1 (D23.2.37), Fault::tval what goes to FAR_EL1.
enum ExceptionClass : u32 {
  kEcUnknown = 0x00,
  kEcWfx = 0x01,
  kEcFpAccess = 0x07,
  kEcBranchTarget = 0x0d,
  kEcIllegalState = 0x0e,
  kEcSvc = 0x15,
  kEcHvc = 0x16,
  kEcSmc = 0x17,
  kEcSystem = 0x18,  // MSR, MRS, system instruction
  kEcInsnAbortLower = 0x20,
  kEcInsnAbort = 0x21,
  kEcPcAlignment = 0x22,
  kEcDataAbortLower = 0x24,
  kEcDataAbort = 0x25,
  kEcSpAlignment = 0x26,
  kEcMops = 0x27,  // memory copy and memory set
  kEcBreakpointLower = 0x30,
  kEcStepLower = 0x32,
  kEcBrk = 0x3c,
};
inline constexpr u32 kSyndromeIl = u32{1} << 25;  // a 32-bit instruction
constexpr u32 syndrome(ExceptionClass ec, u32 iss = 0) { return u32(ec) << 26 | kSyndromeIl | iss; }
constexpr u32 exception_class(u32 syndrome) { return syndrome >> 26; }

// Fault status codes of aborts (ISS.DFSC, IFSC), those with a level without it.
inline constexpr u32 kFscAddressSize = 0x00, kFscTranslationLevel0 = 0x04, kFscAccessFlag = 0x08,
                     kFscPermissionLevel0 = 0x0c, kFscExternal = 0x10, kFscExternalOnWalk = 0x14, kFscAlignment = 0x21,
                     kFscDebug = 0x22;
inline constexpr u32 kFscTranslation = 0x07, kFscPermission = 0x0f;  // at level 3
inline constexpr u32 kIssWnr = 1 << 6, kIssS1ptw = 1 << 7, kIssCm = 1 << 8, kIssEa = 1 << 9;
// Not of the architecture: the abort is of stage 2, at the address that HPFAR_EL2 is to tell (fault_ipa). Taken away on
// delivery.
inline constexpr u32 kIssStage2 = 1 << 13;
// As from EL0; raise_exception makes it "from the same level" where that is so.
Fault abort_fault(GuestVa va, Access access, u32 status_code);
// ISS of an access to a system register or a SYS instruction, out of its encoding (D24.2.40, EC 0x18).
u32 system_iss(u32 raw);

// Takes the exception of the instruction at state.pc: to the level that the architecture sends it to, or to `level`.
void raise_exception(Aarch64State& state, const Fault& fault);
void raise_exception_to(Aarch64State& state, const Fault& fault, unsigned level);
// ERET; the new PC.
GuestPc exception_return(Aarch64State& state);

// -- traps --
// The level that wants to see FP and SIMD instructions: CPACR_EL1.FPEN, CPTR_EL2.TFP, CPTR_EL3.TFP. 0: none.
unsigned fp_trap_target(const Aarch64State& state);
inline constexpr u32 kIssFpAccess = 1 << 24 | 0xe << 20;  // CV, COND

// -- interrupts; inputs are bits of irq_lines --
inline constexpr u64 kIrqLine = 1, kFiqLine = 2;
bool take_interrupt(Aarch64State& state);
bool interrupt_pending(const Aarch64State& state);  // whatever PSTATE.DAIF says: WFI ends

}  // namespace mimus::aarch64
