// Conversions between formats and to and from integers, rounding to integral values (IEEE 754-2019, 5.4, 5.8, 5.9).
#pragma once

#include <limits>
#include <type_traits>

#include "core/softfloat/parts.h"

namespace mimus::softfloat {

// From the format From to the format To, rounding by env.rm.
template <class To, class From, class P>
typename To::Bits convert(typename From::Bits bits, Env& env) {
  const Parts a = read<From, P>(bits, env);
  if (a.is_nan()) return propagate_nan<To, P>({a}, env);
  if constexpr (!From::explicit_integer) note_subnormals<P>(env, a);  // FLD reports them, FST does not
  if (a.is_inf()) return To::inf(a.sign);
  if (a.is_zero()) return To::zero(a.sign);
  return round_pack<To, P>(exact(a), env);
}

// The integer nearest to |a| * 2^scale by the mode `rm`. `a` is finite, and the result below 2^127.
constexpr Rounded round_magnitude(const Parts& a, int scale, Rounding rm) {
  const u128 sig = u128{a.sig} << 64;
  const int digits = a.exp + scale + 1;
  if (digits >= 0) return round_to_digits(sig, static_cast<unsigned>(digits), rm, a.sign);
  return round_to_digits(shift_right_sticky(sig, static_cast<unsigned>(-digits)), 0, rm, a.sign);
}

// roundToIntegral*: by env.rm, keeping the sign of zeros. kInexact is raised only if `exact` (roundToIntegralExact).
template <class F, class P>
typename F::Bits round_to_int(typename F::Bits bits, bool exact, Env& env) {
  bits = flush_input<F, P>(bits, env);
  const Parts a = unpack<F>(bits);
  if (a.is_nan()) return propagate_nan<F, P>({a}, env);
  if constexpr (P::round_reports_denormals) note_subnormals<P>(env, a);
  if (!a.is_finite() || a.exp >= static_cast<int>(F::frac_bits)) return bits;
  const Rounded rounded = round_magnitude(a, 0, env.rm);
  if (rounded.inexact && exact) env.raise(kInexact);
  if (rounded.kept == 0) return F::zero(a.sign);
  return round_pack<F, P>(normalised(a.sign, 127, rounded.kept), env);  // exact: at most frac_bits + 1 digits
}

template <class Int, class P>
constexpr Int out_of_range(bool nan, bool sign) {
  using Limits = std::numeric_limits<Int>;
  switch (P::int_rule) {
    case IntRule::saturate_nan_max: return sign && !nan ? Limits::min() : Limits::max();
    case IntRule::saturate_nan_zero: return nan ? Int{0} : sign ? Limits::min() : Limits::max();
    case IntRule::indefinite: return std::is_signed_v<Int> ? Limits::min() : Limits::max();
  }
  return 0;
}

// a * 2^scale as an Int (at most 64 bits; scale is 0 except for fixed-point results), rounded by env.rm.
// Out of range: the policy's value and kInvalid alone; otherwise kInexact if rounding changed the value.
template <class Int, class F, class P>
Int to_int(typename F::Bits bits, Env& env, int scale = 0) {
  const Parts a = read<F, P>(bits, env);
  if (a.is_zero()) return 0;
  if (a.is_finite() && a.exp + scale < 64) {
    const Rounded rounded = round_magnitude(a, scale, env.rm);
    const u128 limit = a.sign ? u128{0} - static_cast<u128>(s128{std::numeric_limits<Int>::min()})
                              : static_cast<u128>(std::numeric_limits<Int>::max());
    if (rounded.kept <= limit) {
      if (rounded.inexact) env.raise(kInexact);
      return static_cast<Int>(a.sign ? u128{0} - rounded.kept : rounded.kept);
    }
  }
  env.raise(kInvalid);
  return out_of_range<Int, P>(a.is_nan(), a.sign);
}

// Truncates to an integer modulo 2^32: RISC-V FCVTMOD.W.D, Arm FJCVTZS. NaN and infinity give 0. Values that do not
// fit an s32 raise kInvalid, others kInexact if truncation changed them.
template <class F, class P>
s32 to_i32_modular(typename F::Bits bits, Env& env) {
  const Parts a = read<F, P>(bits, env);
  if (a.is_zero()) return 0;
  if (!a.is_finite()) {
    env.raise(kInvalid);
    return 0;
  }
  if (a.exp > 95) {  // the lowest digit weighs at least 2^32
    env.raise(kInvalid);
    return 0;
  }
  const Rounded rounded = round_magnitude(a, 0, Rounding::rtz);
  if (rounded.kept > (u128{1} << 31) - !a.sign) {
    env.raise(kInvalid);
  } else if (rounded.inexact) {
    env.raise(kInexact);
  }
  const u32 low = static_cast<u32>(rounded.kept);
  return static_cast<s32>(a.sign ? 0 - low : low);
}

// value * 2^-scale in F (scale is 0 except for fixed-point operands), rounded by env.rm. Zero is +0.
template <class F, class P, class Int>
typename F::Bits from_int(Int value, Env& env, int scale = 0) {
  if (value == 0) return F::zero(false);
  const bool sign = value < 0;
  const u128 magnitude = sign ? u128{0} - static_cast<u128>(s128{value}) : static_cast<u128>(value);
  return round_pack<F, P>(normalised(sign, 127 - scale, magnitude), env);
}

}  // namespace mimus::softfloat
