#include "frontends/aarch64/fixed.h"

#include "core/softfloat/softfloat.h"

namespace mimus::aarch64 {
namespace {

namespace sf = softfloat;

// MXCSR (Intel SDM volume 1, 10.2.3).
constexpr u8 kMxcsrFlags[] = {sf::kInvalid, sf::kDenormal, sf::kDivByZero, sf::kOverflow, sf::kUnderflow, sf::kInexact};
constexpr sf::Rounding kRmode[4] = {sf::Rounding::rne, sf::Rounding::rup, sf::Rounding::rdn, sf::Rounding::rtz};

sf::Env environment(const Aarch64State& s, sf::Rounding rounding) {
  sf::Env env;
  env.rm = rounding;
  env.flush_inputs = env.flush_outputs = (s.fpcr & kFpcrFz) != 0;
  return env;
}
void accumulate(Aarch64State& s, const sf::Env& env) {
  for (unsigned i = 0; i < std::size(kMxcsrFlags); ++i)
    if (env.flags & kMxcsrFlags[i]) s.guest_mxcsr |= 1u << i;
}

template <class F>
u64 to_int(u64 bits, FixedConversion c, sf::Env& env) {
  const auto b = typename F::Bits(bits);
  if (c.is64) {
    return c.is_signed ? u64(sf::to_int<s64, F, sf::Arm>(b, env, c.fraction_bits))
                       : sf::to_int<u64, F, sf::Arm>(b, env, c.fraction_bits);
  }
  return c.is_signed ? u32(sf::to_int<s32, F, sf::Arm>(b, env, c.fraction_bits))
                     : sf::to_int<u32, F, sf::Arm>(b, env, c.fraction_bits);
}
template <class F>
u64 from_int(u64 value, FixedConversion c, sf::Env& env) {
  if (c.is64) {
    return c.is_signed ? sf::from_int<F, sf::Arm, s64>(s64(value), env, c.fraction_bits)
                       : sf::from_int<F, sf::Arm, u64>(value, env, c.fraction_bits);
  }
  return c.is_signed ? sf::from_int<F, sf::Arm, s32>(s32(value), env, c.fraction_bits)
                     : sf::from_int<F, sf::Arm, u32>(u32(value), env, c.fraction_bits);
}

template <class Make>
u64 by_format(u8 ftype, Make make) {
  if (ftype == 0) return make.template operator()<sf::F32>();
  return ftype == 1 ? make.template operator()<sf::F64>() : make.template operator()<sf::F16>();
}

}  // namespace

u64 fixed_to_int(Aarch64State& s, u64 bits, FixedConversion what) {
  sf::Env env = environment(s, sf::Rounding::rtz);
  const u64 result = by_format(what.ftype, [&]<class F>() { return to_int<F>(bits, what, env); });
  accumulate(s, env);
  return result;
}

u64 fixed_from_int(Aarch64State& s, u64 value, FixedConversion what) {
  sf::Env env = environment(s, kRmode[mimus::bits(s.fpcr, kFpcrRmodeShift, 2)]);
  const u64 result = by_format(what.ftype, [&]<class F>() { return from_int<F>(value, what, env); });
  accumulate(s, env);
  return result;
}

// Z: the conversion was exact; minus zero counts as inexact.
u64 javascript_to_int(Aarch64State& s, u64 bits) {
  constexpr u64 kMinusZero = u64{1} << 63;
  sf::Env env = environment(s, sf::Rounding::rtz);
  const u32 result = u32(sf::to_i32_modular<sf::F64, sf::Arm>(bits, env));
  accumulate(s, env);
  const bool exact = env.flags == 0 && bits != kMinusZero;
  return u64(exact) << 32 | result;
}

}  // namespace mimus::aarch64
