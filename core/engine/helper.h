// Helpers: the functions of a frontend that generated code may call, as rows of a table.
#pragma once

#include <string_view>

#include "core/base/types.h"

namespace mimus {

struct CpuState;

enum class HelperEffects : u8 {
  none = 0,          // a function of its operands alone
  reads_state = 1,   // may look at any slot
  writes_state = 2,  // may change any slot (except that pinned general registers are reloaded after the call)
  may_leave = 4,     // may set CpuState::leave, e.g. by raising a guest exception. The frontend writes `pc` (a slot of
                     // role program_counter) with the current instruction's address before the call.
  uses_host_fp = 8,  // runs host floating point: called with the host's MXCSR, the guest's saved in the state
  touches_fp_flags = 16  // reads or writes guest_mxcsr: the guest's MXCSR is saved before and reloaded after
};
constexpr HelperEffects operator|(HelperEffects a, HelperEffects b) { return HelperEffects(u8(a) | u8(b)); }
constexpr bool has(HelperEffects set, HelperEffects any_of) { return (u8(set) & u8(any_of)) != 0; }

// Called as u64 f(CpuState*, u64 a, u64 b, u64 c, u64 d); unused operands are unspecified. Never throws.
using HelperFn = u64 (*)(CpuState*, u64, u64, u64, u64);

struct HelperDesc {
  std::string_view name;
  HelperFn function;
  u8 arity;
  HelperEffects effects;
};

}  // namespace mimus
