// Conversions that no IR op has: fixed-point numbers and JavaScript's integers, by soft float in helpers.
#pragma once

#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

struct FixedConversion {
  u8 float_size = 2, int_size = 2;  // log2 of bytes
  bool is_signed = false;
  u8 fraction_bits = 0;

  constexpr u64 pack() const { return float_size | u64{int_size} << 2 | u64(is_signed) << 4 | u64{fraction_bits} << 8; }
  static constexpr FixedConversion unpack(u64 v) { return {u8(v & 3), u8(v >> 2 & 3), bit(v, 4), u8(v >> 8)}; }
};

// FPToFixed with rounding toward zero, FixedToFP by FPCR.RMode. Exceptions accumulate in guest_mxcsr.
u64 fixed_to_int(Aarch64State& state, u64 bits, FixedConversion what);
u64 fixed_from_int(Aarch64State& state, u64 value, FixedConversion what);
// FPToFixedJS: the result, and in bit 32 PSTATE.Z.
u64 javascript_to_int(Aarch64State& state, u64 bits);

}  // namespace mimus::aarch64
