// Conversions that no IR op has: fixed-point numbers and JavaScript's integers, by soft float in helpers.
#pragma once

#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

struct FixedConversion {
  u8 ftype = 0;  // of the floating-point side: 0 single, 1 double, 3 half
  bool is64 = false, is_signed = false;
  u8 fraction_bits = 0;

  constexpr u64 pack() const { return ftype | u64(is64) << 2 | u64(is_signed) << 3 | u64(fraction_bits) << 8; }
  static constexpr FixedConversion unpack(u64 v) { return {u8(v & 3), bit(v, 2), bit(v, 3), u8(v >> 8)}; }
};

// FPToFixed with rounding toward zero, FixedToFP by FPCR.RMode. Exceptions accumulate in guest_mxcsr.
u64 fixed_to_int(Aarch64State& state, u64 bits, FixedConversion what);
u64 fixed_from_int(Aarch64State& state, u64 value, FixedConversion what);
// FPToFixedJS: the result, and in bit 32 PSTATE.Z.
u64 javascript_to_int(Aarch64State& state, u64 bits);

}  // namespace mimus::aarch64
