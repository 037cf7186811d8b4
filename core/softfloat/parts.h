// Taking values apart, choosing NaNs, and the one place where anything is rounded.
#pragma once

#include <utility>

#include "core/softfloat/env.h"
#include "core/softfloat/format.h"
#include "core/softfloat/policy.h"

namespace mimus::softfloat {

enum class Kind : u8 { zero, finite, infinity, quiet_nan, signaling_nan, unsupported };

// One operand. finite: the value is (-1)^sign * sig * 2^(exp - 63), bit 63 of `sig` set (subnormals are normalised).
// NaNs: `sig` holds the fraction with its quiet bit at bit 62.
// unsupported: an f80 encoding that the x87 rejects (unnormal, pseudo-infinity, pseudo-NaN).
struct Parts {
  Kind kind;
  bool sign;
  bool subnormal;
  int exp;
  u64 sig;

  constexpr bool is_zero() const { return kind == Kind::zero; }
  constexpr bool is_finite() const { return kind == Kind::finite; }  // finite and not zero
  constexpr bool is_inf() const { return kind == Kind::infinity; }
  constexpr bool is_nan() const { return kind >= Kind::quiet_nan; }
  constexpr bool is_signaling() const { return kind >= Kind::signaling_nan; }
};

// An exact nonzero intermediate: (-1)^sign * sig * 2^(exp - 127), bit 127 of `sig` set. Bit 0 may stand for
// any nonzero amount below it ("sticky").
struct Exact {
  bool sign;
  int exp;
  u128 sig;
};

constexpr unsigned count_leading_zeros(u128 value) {
  const u64 high = static_cast<u64>(value >> 64);
  return static_cast<unsigned>(high ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<u64>(value)));
}

// value >> count for any count, with the bits shifted out ORed into bit 0.
constexpr u128 shift_right_sticky(u128 value, unsigned count) {
  if (count == 0) return value;
  if (count > 127) return value != 0;
  return (value >> count) | ((value << (128 - count)) != 0);
}

template <class F>
constexpr Parts unpack(typename F::Bits bits) {
  const bool sign = (bits & F::sign_mask) != 0;
  const int field = static_cast<int>((bits >> F::exp_lsb) & static_cast<typename F::Bits>(F::exp_max_field));
  const u64 frac = static_cast<u64>(bits & F::frac_mask) << (63 - F::frac_bits);
  const bool integer = F::explicit_integer ? (bits & F::integer_bit) != 0 : field != 0;
  if (field != 0 && !integer) return {Kind::unsupported, sign, false, 0, frac};
  if (field == F::exp_max_field) {
    if (frac == 0) return {Kind::infinity, sign, false, 0, 0};
    return {bit(frac, 62) ? Kind::quiet_nan : Kind::signaling_nan, sign, false, 0, frac};
  }
  const u64 sig = frac | (u64{integer} << 63);
  if (sig == 0) return {Kind::zero, sign, false, 0, 0};
  if (field != 0) return {Kind::finite, sign, false, field - F::emax, sig};
  const int shift = std::countl_zero(sig);
  return {Kind::finite, sign, true, F::emin - shift, sig << shift};
}

template <class F>
inline constexpr bool is_half = F::exp_bits == F16::exp_bits;

// The operand itself, or under Env::flush_inputs the zero that stands for a subnormal one.
template <class F, class P>
constexpr typename F::Bits flush_input(typename F::Bits bits, Env& env) {
  if (!(is_half<F> ? env.flush_half : env.flush_inputs)) [[likely]]
    return bits;
  if (!unpack<F>(bits).subnormal) return bits;
  // FPCR.FZ16 flushes half precision without FPSR.IDC (Arm ARM, FPUnpackBase).
  if (P::flushed_input_reports && !is_half<F>) env.raise(kDenormal);
  return F::zero((bits & F::sign_mask) != 0);
}

template <class F, class P>
constexpr Parts read(typename F::Bits bits, Env& env) {
  return unpack<F>(flush_input<F, P>(bits, env));
}

// To be called once an operation is known to be neither invalid nor on NaNs nor a division by zero.
template <class P, class... Operands>
constexpr void note_subnormals(Env& env, const Operands&... operands) {
  if constexpr (P::reports_denormals) {
    if ((operands.subnormal || ...)) env.raise(kDenormal);
  }
}

template <class F, class P>
constexpr typename F::Bits default_nan() {
  return F::quiet_nan(P::default_nan_sign);
}

template <class F, class P>
constexpr typename F::Bits invalid(Env& env) {
  env.raise(kInvalid);
  return default_nan<F, P>();
}

// Orders NaN operands by the x87 rule: is `b` chosen before `a`? (Intel SDM volume 1, Table 4-7.)
constexpr bool x87_prefers_second(const Parts& a, const Parts& b) {
  if (!a.is_nan() || !b.is_nan()) return b.is_nan();
  if (a.kind != b.kind) return b.kind == Kind::quiet_nan;
  if (a.sig != b.sig) return b.sig > a.sig;
  return a.sign && !b.sign;
}

// The NaN result of an operation with at least one NaN among its operands (given in the policy's order), raising
// kInvalid for signaling ones. F is the result's format; payloads keep their most significant bits.
template <class F, class P, std::size_t N>
constexpr typename F::Bits propagate_nan(const Parts (&operands)[N], Env& env) {
  const Parts* first_nan = nullptr;
  const Parts* first_signaling = nullptr;
  const Parts* largest = &operands[0];
  bool unsupported = false;
  for (const Parts& operand : operands) {
    if (operand.is_nan() && !first_nan) first_nan = &operand;
    if (operand.is_signaling() && !first_signaling) first_signaling = &operand;
    if (x87_prefers_second(*largest, operand)) largest = &operand;
    unsupported |= operand.kind == Kind::unsupported;
  }
  if (first_signaling) env.raise(kInvalid);
  if (P::nan_rule == NanRule::canonical || unsupported) return default_nan<F, P>();
  const Parts* chosen = first_nan;
  if (P::nan_rule == NanRule::signaling_first && first_signaling) chosen = first_signaling;
  if (P::nan_rule == NanRule::largest_significand) chosen = largest;
  const auto payload = static_cast<typename F::Bits>(chosen->sig >> (63 - F::frac_bits)) & F::frac_mask;
  return static_cast<typename F::Bits>(F::quiet_nan(chosen->sign) | payload);
}

// The rounding decision, for all operations. `lost` holds the discarded digits as a binary fraction (bit 127 is one
// half); `odd` is the last digit kept. Returns whether the kept magnitude grows by one unit in the last place.
constexpr bool rounds_up(Rounding rm, bool sign, bool odd, u128 lost) {
  constexpr u128 half = u128{1} << 127;
  switch (rm) {
    case Rounding::rne: return lost > half || (lost == half && odd);
    case Rounding::rmm: return lost >= half;
    case Rounding::rtz: return false;
    case Rounding::rdn: return sign && lost != 0;
    case Rounding::rup: return !sign && lost != 0;
    case Rounding::rod: return !odd && lost != 0;
  }
  return false;
}

struct Rounded {
  u128 kept;  // the integer after rounding; at most 2^digits
  bool inexact;
};

// Rounds `sig` (a fraction below 1 with 128 digits) to its first `digits` digits; digits is 0..127.
constexpr Rounded round_to_digits(u128 sig, unsigned digits, Rounding rm, bool sign) {
  const u128 kept = digits == 0 ? 0 : sig >> (128 - digits);
  const u128 lost = sig << digits;
  return {kept + rounds_up(rm, sign, (kept & 1) != 0, lost), lost != 0};
}

// Overflow goes to infinity, or to the largest finite number for modes that do not round that way (IEEE 754-2019, 7.4).
template <class F>
constexpr typename F::Bits overflow(bool sign, Env& env) {
  env.raise(kOverflow | kInexact);
  const bool to_infinity = env.rm == Rounding::rne || env.rm == Rounding::rmm || (env.rm == Rounding::rdn && sign) ||
                           (env.rm == Rounding::rup && !sign);
  if (to_infinity) return F::inf(sign);
  // One field below infinity, with as many ones as the precision has digits.
  constexpr auto lowest_digit = static_cast<typename F::Bits>(u128{1} << (F::frac_bits + 1 - F::precision));
  constexpr auto exp_field = static_cast<typename F::Bits>(F::exp_max_field - 1) << F::exp_lsb;
  constexpr auto frac = static_cast<typename F::Bits>(F::frac_mask + 1 - lowest_digit);
  return static_cast<typename F::Bits>(F::zero(sign) | exp_field | F::integer_bit | frac);
}

// Is a value below the normal range tiny, by the policy's way of detecting it (IEEE 754-2019, 7.5)?
template <class F, class P>
constexpr bool is_tiny(const Exact& value, Rounding rm) {
  if (P::tiny_before_rounding || value.exp < F::emin - 1) return true;
  // Rounded as if the exponent range were unbounded, does it reach 2^emin?
  return (round_to_digits(value.sig, F::precision, rm, value.sign).kept >> F::precision) == 0;
}

// Rounds to F and packs; raises kInexact, kUnderflow, kOverflow.
template <class F, class P>
constexpr typename F::Bits round_pack(const Exact& value, Env& env) {
  using Bits = typename F::Bits;
  u128 sig = value.sig;
  int exp = value.exp;
  bool tiny = false;
  if (exp < F::emin) [[unlikely]] {
    tiny = is_tiny<F, P>(value, env.rm);
    if (tiny && (is_half<F> ? env.flush_half : env.flush_outputs)) {
      env.raise(P::flushed_output_inexact ? kUnderflow | kInexact : kUnderflow);
      return F::zero(value.sign);
    }
    sig = shift_right_sticky(sig, static_cast<unsigned>(F::emin - exp));
    exp = F::emin;
  }
  Rounded rounded = round_to_digits(sig, F::precision, env.rm, value.sign);
  if (rounded.kept >> F::precision) {
    rounded.kept >>= 1;
    ++exp;
  }
  if (exp > F::emax) [[unlikely]]
    return overflow<F>(value.sign, env);
  if (rounded.inexact) env.raise(tiny ? kUnderflow | kInexact : kInexact);
  const bool normal = (rounded.kept >> (F::precision - 1)) != 0;
  const auto field = static_cast<Bits>(normal ? exp + F::emax : 0) << F::exp_lsb;
  const auto frac = static_cast<Bits>(rounded.kept << (F::frac_bits + 1 - F::precision)) & F::frac_mask;
  return static_cast<Bits>(F::zero(value.sign) | field | (normal ? F::integer_bit : Bits{0}) | frac);
}

constexpr Exact exact(const Parts& value) { return {value.sign, value.exp, u128{value.sig} << 64}; }

// `sig` (nonzero) need not be normalised: the value is (-1)^sign * sig * 2^(exp - 127).
constexpr Exact normalised(bool sign, int exp, u128 sig) {
  const unsigned shift = count_leading_zeros(sig);
  return {sign, exp - static_cast<int>(shift), sig << shift};
}

}  // namespace mimus::softfloat
