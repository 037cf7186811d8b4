// Addition, multiplication, division, square root, fused multiply-add (IEEE 754-2019, 5.4.1).
// All take and return bit patterns of F, round by env.rm and accumulate env.flags.
#pragma once

#include <type_traits>

#include "core/softfloat/parts.h"

namespace mimus::softfloat {

// The zero that a cancelling or empty sum gives (IEEE 754-2019, 6.3).
template <class F>
typename F::Bits zero_sum(bool a_sign, bool b_sign, Rounding rm) {
  return F::zero(a_sign == b_sign ? a_sign : rm == Rounding::rdn);
}

// The rounded sum of two nonzero values. Both must be free of sticky bits and have a zero bit 0, so that operands
// whose exponents differ by at most one, the only ones that cancel by more than a digit, lose nothing. With `scale` the
// sum is multiplied by a power of two before it is rounded.
template <class F, class P>
typename F::Bits round_sum(Exact a, Exact b, Env& env, int scale = 0) {
  if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) std::swap(a, b);
  const u128 high = a.sig >> 1;  // one digit of head room for the carry
  const u128 low = shift_right_sticky(b.sig, static_cast<unsigned>(a.exp - b.exp) + 1);
  const u128 sum = a.sign == b.sign ? high + low : high - low;
  if (sum == 0) return zero_sum<F>(a.sign, b.sign, env.rm);
  return round_pack<F, P>(normalised(a.sign, a.exp + 1 + scale, sum), env);
}

template <class F, class P>
typename F::Bits add_parts(const Parts& a, const Parts& b, Env& env) {
  if (a.is_nan() || b.is_nan()) return propagate_nan<F, P>({a, b}, env);
  if (a.is_inf() && b.is_inf() && a.sign != b.sign) return invalid<F, P>(env);
  note_subnormals<P>(env, a, b);
  if (a.is_inf()) return F::inf(a.sign);
  if (b.is_inf()) return F::inf(b.sign);
  if (a.is_zero() && b.is_zero()) return zero_sum<F>(a.sign, b.sign, env.rm);
  if (a.is_zero()) return round_pack<F, P>(exact(b), env);
  if (b.is_zero()) return round_pack<F, P>(exact(a), env);
  return round_sum<F, P>(exact(a), exact(b), env);
}

template <class F, class P>
typename F::Bits add(typename F::Bits a, typename F::Bits b, Env& env) {
  const Parts x = read<F, P>(a, env);
  const Parts y = read<F, P>(b, env);
  return add_parts<F, P>(x, y, env);
}

// a - b. A NaN `b` propagates with its own sign.
template <class F, class P>
typename F::Bits sub(typename F::Bits a, typename F::Bits b, Env& env) {
  const Parts x = read<F, P>(a, env);
  Parts y = read<F, P>(b, env);
  if (!y.is_nan()) y.sign = !y.sign;
  return add_parts<F, P>(x, y, env);
}

// The exact product of two finite nonzero values.
inline Exact product(const Parts& a, const Parts& b) {
  return normalised(a.sign != b.sign, a.exp + b.exp + 1, u128{a.sig} * b.sig);
}

template <class F, class P>
typename F::Bits mul(typename F::Bits a_bits, typename F::Bits b_bits, Env& env) {
  const Parts a = read<F, P>(a_bits, env);
  const Parts b = read<F, P>(b_bits, env);
  if (a.is_nan() || b.is_nan()) return propagate_nan<F, P>({a, b}, env);
  if ((a.is_inf() && b.is_zero()) || (a.is_zero() && b.is_inf())) return invalid<F, P>(env);
  note_subnormals<P>(env, a, b);
  const bool sign = a.sign != b.sign;
  if (a.is_inf() || b.is_inf()) return F::inf(sign);
  if (a.is_zero() || b.is_zero()) return F::zero(sign);
  return round_pack<F, P>(product(a, b), env);
}

// The quotient of two finite nonzero values, with at least precision + 2 digits and a sticky bit.
template <class F>
Exact quotient(const Parts& a, const Parts& b) {
  const bool below = a.sig < b.sig;
  const u128 dividend = u128{a.sig} << (below ? 64 : 63);  // makes the quotient fill 64 bits
  u128 sig = (dividend / b.sig) << 64;
  u128 rest = dividend % b.sig;
  if constexpr (F::precision > 62) {
    sig |= (rest << 64) / b.sig;
    rest = (rest << 64) % b.sig;
  }
  return {a.sign != b.sign, a.exp - b.exp - below, sig | (rest != 0)};
}

template <class F, class P>
typename F::Bits div(typename F::Bits a_bits, typename F::Bits b_bits, Env& env) {
  const Parts a = read<F, P>(a_bits, env);
  const Parts b = read<F, P>(b_bits, env);
  if (a.is_nan() || b.is_nan()) return propagate_nan<F, P>({a, b}, env);
  if ((a.is_inf() && b.is_inf()) || (a.is_zero() && b.is_zero())) return invalid<F, P>(env);
  const bool sign = a.sign != b.sign;
  if (a.is_finite() && b.is_zero()) {
    env.raise(kDivByZero);
    return F::inf(sign);
  }
  note_subnormals<P>(env, a, b);
  if (a.is_inf()) return F::inf(sign);
  if (a.is_zero() || b.is_inf()) return F::zero(sign);
  return round_pack<F, P>(quotient<F>(a, b), env);
}

template <class U>
struct Root {
  U root;  // floor(sqrt(n))
  U rest;  // n - root * root
};

// Integer square root of n, whose top two bits must not both be zero: digit by digit for 32 bits, and above that by
// one step of P. Zimmermann, "Karatsuba Square Root" (INRIA RR-3805, 1999), from the root of the upper half.
constexpr Root<u64> integer_sqrt(u32 n) {
  u64 root = 0;
  u64 rest = 0;
  for (int digit = 15; digit >= 0; --digit) {
    rest = (rest << 2) | ((n >> (2 * digit)) & 3);
    const u64 trial = (root << 2) | 1;
    const bool one = rest >= trial;
    rest -= one ? trial : 0;
    root = (root << 1) | u64{one};
  }
  return {root, rest};
}

// `upper` is the root of the upper half; `middle` and `lower` are the two quarters of `quarter` bits below it.
template <class Wide>
constexpr Root<Wide> extend_root(Root<u64> upper, u64 middle, u64 lower, unsigned quarter) {
  using Signed = std::conditional_t<sizeof(Wide) == 16, s128, s64>;
  const Wide dividend = (Wide{upper.rest} << quarter) + middle;
  const Wide divisor = Wide{upper.root} << 1;
  const Wide digits = dividend / divisor;
  Wide root = (Wide{upper.root} << quarter) + digits;
  auto rest = static_cast<Signed>(((dividend % divisor) << quarter) + lower) - static_cast<Signed>(digits * digits);
  if (rest < 0) {
    rest += static_cast<Signed>(2 * root - 1);
    --root;
  }
  return {root, static_cast<Wide>(rest)};
}

constexpr Root<u64> integer_sqrt(u64 n) {
  return extend_root<u64>(integer_sqrt(static_cast<u32>(n >> 32)), bits(n, 16, 16), bits(n, 0, 16), 16);
}

constexpr Root<u128> integer_sqrt(u128 n) {
  const u64 low = static_cast<u64>(n);
  return extend_root<u128>(integer_sqrt(static_cast<u64>(n >> 64)), bits(low, 32, 32), bits(low, 0, 32), 32);
}

// The square root of a positive finite value: 64 digits, the 65th, and a sticky bit.
inline Exact square_root(const Parts& a) {
  const Root<u128> r = integer_sqrt(u128{a.sig} << ((a.exp & 1) ? 64 : 63));
  // (root + 1/2)^2 is never an integer: the next digit is one exactly if rest > root, and a nonzero rest is inexact.
  return {false, a.exp >> 1, (r.root << 64) | (u128{r.rest > r.root} << 63) | (r.rest != 0)};
}

template <class F, class P>
typename F::Bits sqrt(typename F::Bits bits, Env& env) {
  const Parts a = read<F, P>(bits, env);
  if (a.is_nan()) return propagate_nan<F, P>({a}, env);
  if (a.is_zero()) return F::zero(a.sign);
  if (a.sign) return invalid<F, P>(env);
  note_subnormals<P>(env, a);
  if (a.is_inf()) return F::inf(false);
  return round_pack<F, P>(square_root(a), env);
}

template <class F, class P>
typename F::Bits fma_nan(const Parts& a, const Parts& b, const Parts& c, bool inf_times_zero, Env& env) {
  if (inf_times_zero && P::inf_times_zero_dominates && !c.is_signaling()) return invalid<F, P>(env);
  if constexpr (P::nan_addend_first) return propagate_nan<F, P>({c, a, b}, env);
  return propagate_nan<F, P>({a, b, c}, env);
}

// a * b + c, rounded once. For the negated forms flip the sign bit of `a` (negates the product) or of `c` first; for
// x86 not that of a NaN: VFNMADD and its kin propagate NaNs with the sign they came with.
template <class F, class P>
typename F::Bits fma(typename F::Bits a_bits, typename F::Bits b_bits, typename F::Bits c_bits, Env& env) {
  static_assert(2 * F::precision < 127, "round_sum must hold the exact product");
  const Parts a = read<F, P>(a_bits, env);
  const Parts b = read<F, P>(b_bits, env);
  const Parts c = read<F, P>(c_bits, env);
  const bool inf_times_zero = (a.is_inf() && b.is_zero()) || (a.is_zero() && b.is_inf());
  if (a.is_nan() || b.is_nan() || c.is_nan()) return fma_nan<F, P>(a, b, c, inf_times_zero, env);
  const bool sign = a.sign != b.sign;
  const bool product_inf = a.is_inf() || b.is_inf();
  if (inf_times_zero || (product_inf && c.is_inf() && c.sign != sign)) return invalid<F, P>(env);
  note_subnormals<P>(env, a, b, c);
  if (product_inf) return F::inf(sign);
  if (c.is_inf()) return F::inf(c.sign);
  if (a.is_zero() || b.is_zero()) {
    return c.is_zero() ? zero_sum<F>(sign, c.sign, env.rm) : round_pack<F, P>(exact(c), env);
  }
  if (c.is_zero()) return round_pack<F, P>(product(a, b), env);
  return round_sum<F, P>(product(a, b), exact(c), env);
}

}  // namespace mimus::softfloat
