#include "frontends/aarch64/soft_estimate.h"

namespace mimus::aarch64 {
namespace {

// RecipEstimate: 9 bits in, 256 to 511, and out.
u32 reciprocal_table(u32 a) { return ((1u << 19) / (2 * a + 1) + 1) / 2; }
// RecipSqrtEstimate: 128 to 511 in, 256 to 511 out.
u32 root_table(u32 a) {
  const u64 scaled = a < 256 ? 2 * a + 1 : 2 * ((a & ~1u) + 1);
  u64 b = 512;
  while (scaled * (b + 1) * (b + 1) < (u64{1} << 28)) ++b;
  return u32(b + 1) / 2;
}

template <class F>
using Bits = typename F::Bits;

template <class F>
Bits<F> nan_result(const sf::Parts& a, SoftFloat& soft) {
  if (soft.default_nan()) return sf::propagate_nan<F, sf::ArmDefaultNan>({a}, soft.env);
  return sf::propagate_nan<F, sf::Arm>({a}, soft.env);
}
template <class F>
Bits<F> pack(bool sign, int exponent, u32 estimate) {  // estimate: 1.xxxxxxxx in 9 bits
  const auto fraction = Bits<F>(Bits<F>(estimate & 0xff) << (F::frac_bits - 8));
  return Bits<F>(F::zero(sign) | Bits<F>(exponent) << F::frac_bits | fraction);
}
// The top nine bits of a significand with bit 63 set.
u32 leading(u64 sig) { return u32(sig >> 55); }

}  // namespace

template <class F>
Bits<F> reciprocal_estimate(Bits<F> bits, SoftFloat& soft) {
  const sf::Parts a = sf::read<F, sf::Arm>(bits, soft.env);
  if (a.is_nan()) return nan_result<F>(a, soft);
  if (a.is_inf()) return F::zero(a.sign);
  if (a.is_zero()) {
    soft.env.raise(sf::kDivByZero);
    return F::inf(a.sign);
  }
  if (a.exp < F::emin - 2) return sf::overflow<F>(a.sign, soft.env);
  if (a.exp >= F::emax - 1 && soft.flushes_results(sf::is_half<F>)) {
    soft.env.raise(sf::kUnderflow);
    return F::zero(a.sign);
  }
  const int exponent = F::emax - 1 - a.exp;  // the biased one of the result
  const u32 estimate = reciprocal_table(leading(a.sig));
  if (exponent > 0) return pack<F>(a.sign, exponent, estimate);
  // Subnormal: the leading one is a bit of the fraction.
  const auto fraction = Bits<F>(Bits<F>(estimate) << (F::frac_bits - 8)) >> (1 - exponent);
  return Bits<F>(F::zero(a.sign) | fraction);
}

template <class F>
Bits<F> root_estimate(Bits<F> bits, SoftFloat& soft) {
  const sf::Parts a = sf::read<F, sf::Arm>(bits, soft.env);
  if (a.is_nan()) return nan_result<F>(a, soft);
  if (a.is_zero()) {
    soft.env.raise(sf::kDivByZero);
    return F::inf(a.sign);
  }
  if (a.sign) {
    soft.env.raise(sf::kInvalid);
    return F::quiet_nan(false);
  }
  if (a.is_inf()) return F::zero(false);
  const int field = a.exp + F::emax;
  const u32 scaled = field & 1 ? leading(a.sig) >> 1 : leading(a.sig);
  return pack<F>(false, (3 * F::emax - 1 - field) >> 1, root_table(scaled));
}

template <class F>
Bits<F> reciprocal_exponent(Bits<F> bits, SoftFloat& soft) {
  const sf::Parts a = sf::read<F, sf::Arm>(bits, soft.env);
  if (a.is_nan()) return nan_result<F>(a, soft);
  const unsigned field = unsigned(bits >> F::frac_bits) & unsigned(F::exp_max_field);
  const unsigned result = field == 0 ? unsigned(F::exp_max_field) - 1 : ~field & unsigned(F::exp_max_field);
  return Bits<F>(F::zero(a.sign) | Bits<F>(Bits<F>(result) << F::frac_bits));
}

// (3 - a * b) / 2, rounded once; infinity times zero gives 1.5.
template <class F>
Bits<F> root_step(Bits<F> a_bits, Bits<F> b_bits, SoftFloat& soft) {
  sf::Env& env = soft.env;
  const sf::Parts a = sf::read<F, sf::Arm>(Bits<F>(a_bits ^ F::sign_mask), env), b = sf::read<F, sf::Arm>(b_bits, env);
  if (a.is_nan() || b.is_nan()) {
    if (soft.default_nan()) return sf::propagate_nan<F, sf::ArmDefaultNan>({a, b}, env);
    return sf::propagate_nan<F, sf::Arm>({a, b}, env);
  }
  constexpr auto kOneAndHalf = Bits<F>(Bits<F>(F::emax) << F::frac_bits | Bits<F>(1) << (F::frac_bits - 1));
  if ((a.is_inf() && b.is_zero()) || (a.is_zero() && b.is_inf())) return kOneAndHalf;
  if (a.is_inf() || b.is_inf()) return F::inf(a.sign != b.sign);
  if (a.is_zero() || b.is_zero()) return kOneAndHalf;
  const sf::Exact three{false, 1, u128{3} << 126};
  return sf::round_sum<F, sf::Arm>(sf::product(a, b), three, env, -1);
}

u32 integer_estimate(u32 value) { return value >> 31 ? reciprocal_table(value >> 23) << 23 : ~u32{0}; }
u32 integer_root_estimate(u32 value) { return value >> 30 ? root_table(value >> 23) << 23 : ~u32{0}; }

// Without infinities and NaNs; what is too large becomes the largest number.
template <class F>
u16 to_alternative_half(Bits<F> bits, SoftFloat& soft) {
  constexpr u16 kMagnitude = 0x7fff;
  constexpr int kLeast = -14, kMost = 16;
  const sf::Parts a = sf::read<F, sf::Arm>(bits, soft.env);
  const u16 sign = a.sign ? 0x8000 : 0;
  if (a.is_zero()) return sign;
  if (!a.is_finite()) {
    soft.env.raise(sf::kInvalid);
    return a.is_nan() ? sign : u16(sign | kMagnitude);
  }
  const bool tiny = a.exp < kLeast;
  const u128 sig = tiny ? sf::shift_right_sticky(u128{a.sig} << 64, unsigned(kLeast - a.exp)) : u128{a.sig} << 64;
  const sf::Rounded rounded = sf::round_to_digits(sig, 11, soft.env.rm, a.sign);
  // A carry out of the fraction goes on into the exponent.
  const int exponent = tiny ? kLeast : a.exp;
  const u64 magnitude = u64(rounded.kept) + (u64(exponent - kLeast) << 10);
  if (exponent > kMost || magnitude > kMagnitude) {
    soft.env.raise(sf::kInvalid);
    return u16(sign | kMagnitude);
  }
  if (rounded.inexact) soft.env.raise(tiny ? sf::kUnderflow | sf::kInexact : sf::kInexact);
  return u16(sign | magnitude);
}

template <class F>
Bits<F> from_alternative_half(u16 bits) {
  constexpr unsigned kMost = 31;
  sf::Env env;
  if ((bits >> 10 & kMost) != kMost) return sf::convert<F, sf::F16, sf::Arm>(bits, env);
  return Bits<F>(F::zero(bits >> 15) | Bits<F>(F::emax + 16) << F::frac_bits |
                 Bits<F>(Bits<F>(bits & 0x3ff) << (F::frac_bits - 10)));
}

#define MIMUS_ESTIMATES(F)                                      \
  template Bits<F> reciprocal_estimate<F>(Bits<F>, SoftFloat&); \
  template Bits<F> root_estimate<F>(Bits<F>, SoftFloat&);       \
  template Bits<F> reciprocal_exponent<F>(Bits<F>, SoftFloat&); \
  template Bits<F> root_step<F>(Bits<F>, Bits<F>, SoftFloat&);
MIMUS_ESTIMATES(sf::F16)
MIMUS_ESTIMATES(sf::F32)
MIMUS_ESTIMATES(sf::F64)
#undef MIMUS_ESTIMATES
template u16 to_alternative_half<sf::F32>(u32, SoftFloat&);
template u16 to_alternative_half<sf::F64>(u64, SoftFloat&);
template u32 from_alternative_half<sf::F32>(u16);
template u64 from_alternative_half<sf::F64>(u16);

}  // namespace mimus::aarch64
