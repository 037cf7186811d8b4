// Self-hosted debug: software step and breakpoints (DDI 0487, D2).
#pragma once

#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

// MDSCR_EL1 (D24.3.20).
inline constexpr u64 kMdscrSs = 1, kMdscrTdcc = 1 << 12, kMdscrKde = 1 << 13, kMdscrMde = 1 << 15;

// Whether debug exceptions are taken from `el` with PSTATE.D as `masked` (D2.4).
bool debug_enabled(const Aarch64State& state, u64 el, bool masked);

// D2.12: what software step makes of the next instruction.
enum class StepState : u8 { inactive, active_not_pending, active_pending };
StepState step_state(const Aarch64State& state);
// PSTATE.SS behind an exception return from `from` with SPSR.SS set (AArch64.DebugExceptionReturnSS).
u64 step_after_return(const Aarch64State& state, u64 from, u64 spsr);
// An instruction is about to be stepped over: leaves generated code behind it.
void begin_step(Aarch64State& state);

bool breakpoints_active(const Aarch64State& state);
// Whether a breakpoint is at state.pc (D2.8).
bool breakpoint_hit(const Aarch64State& state);

}  // namespace mimus::aarch64
