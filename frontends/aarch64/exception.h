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
  kEcBrk = 0x3c,
};
inline constexpr u32 kSyndromeIl = u32{1} << 25;  // a 32-bit instruction
constexpr u32 syndrome(ExceptionClass ec, u32 iss = 0) { return u32(ec) << 26 | kSyndromeIl | iss; }
constexpr u32 exception_class(u32 syndrome) { return syndrome >> 26; }

// Fault status codes of aborts, level 3 where there is a level.
inline constexpr u32 kFscTranslation = 0x07, kFscPermission = 0x0f, kFscExternal = 0x10, kFscAlignment = 0x21;
inline constexpr u32 kIssWnr = 1 << 6;
// As from EL0; raise_exception makes it "from the same level" where that is so.
Fault abort_fault(GuestVa va, Access access, u32 status_code);

// Takes the exception of the instruction at state.pc.
void raise_exception(Aarch64State& state, const Fault& fault);
// ERET; the new PC.
GuestPc exception_return(Aarch64State& state);

}  // namespace mimus::aarch64
