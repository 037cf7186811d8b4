#include "frontends/aarch64/debug.h"

#include "core/engine/port.h"

namespace mimus::aarch64 {
namespace {

constexpr u64 kOslk = 2, kMdcrTde = 1 << 8;

unsigned debug_target(const Aarch64State& s) {
  return el2_enabled(s) && ((s.mdcr_el2 & kMdcrTde) || (s.hcr_el2 & kHcrTge)) ? 2 : 1;
}

// DBGBCR<n>_EL1.
constexpr u64 kEnabled = 1, kHmc = 1 << 13;
constexpr unsigned kLinked = 1, kLinkedContext = 3;  // BT

// PMC and HMC: the levels that a breakpoint is for (D2.8.3, without the security states).
bool at_level(u64 control, u64 el) {
  const u64 pmc = bits(control, 1, 2);
  switch (el) {
    case 0: return pmc >= 2;
    case 1: return pmc & 1;
    default: return (control & kHmc) && el == 2;
  }
}

bool context_matches(const Aarch64State& s, unsigned n) {
  if (n >= kBreakpoints) return false;
  const auto& b = s.breakpoints[n];
  return (b.control & kEnabled) && bits(b.control, 20, 4) == kLinkedContext && u32(b.value) == u32(s.contextidr_el1);
}

}  // namespace

bool debug_enabled(const Aarch64State& s, u64 el, bool masked) {
  if ((s.oslsr_el1 & kOslk) || s.user_process) return false;
  const unsigned target = debug_target(s);
  if (el != target) return el < target;
  return (s.mdscr_el1 & kMdscrKde) && !masked;
}

StepState step_state(const Aarch64State& s) {
  if (!(s.mdscr_el1 & kMdscrSs) || !debug_enabled(s, s.current_el, s.daif & kDaifD)) return StepState::inactive;
  return s.pstate_ss ? StepState::active_not_pending : StepState::active_pending;
}

u64 step_after_return(const Aarch64State& s, u64 from, u64 spsr) {
  const bool before = debug_enabled(s, from, s.daif & kDaifD);
  const bool after = debug_enabled(s, bits(spsr, 2, 2), spsr & kDaifD);
  return (s.mdscr_el1 & kMdscrSs) && !before && after && (spsr & kPstateSs);
}

void begin_step(Aarch64State& s) {
  const u32 leave = s.leave;
  s.pstate_ss = 0;
  s.stepping = 1;
  s.clear_return_stack();
  s.port->mode_changed();
  s.leave = leave;
}

bool breakpoints_active(const Aarch64State& s) {
  if (!(s.mdscr_el1 & kMdscrMde) || !debug_enabled(s, s.current_el, s.daif & kDaifD)) return false;
  for (const auto& b : s.breakpoints)
    if (b.control & kEnabled) return true;
  return false;
}

bool breakpoint_hit(const Aarch64State& s) {
  for (const auto& b : s.breakpoints) {
    const u64 type = bits(b.control, 20, 4);
    if (!(b.control & kEnabled) || type > kLinked || !at_level(b.control, s.current_el)) continue;
    if (u64(sign_extend(b.value & ~u64{3}, 53)) != s.pc || bits(b.control, 5, 4) != 0xf) continue;
    if (type == kLinked && !context_matches(s, unsigned(bits(b.control, 16, 4)))) continue;
    return true;
  }
  return false;
}

}  // namespace mimus::aarch64
