#include "frontends/aarch64/fixed.h"

#include "frontends/aarch64/soft_float.h"

namespace mimus::aarch64 {
namespace {

template <class Make>
u64 by_float(unsigned size, Make make) {
  if (size == 1) return make.template operator()<sf::F16>();
  return size == 2 ? make.template operator()<sf::F32>() : make.template operator()<sf::F64>();
}
template <class Make>
u64 by_int(FixedConversion c, Make make) {
  if (c.int_size == 1) return c.is_signed ? make.template operator()<s16>() : make.template operator()<u16>();
  if (c.int_size == 2) return c.is_signed ? make.template operator()<s32>() : make.template operator()<u32>();
  return c.is_signed ? make.template operator()<s64>() : make.template operator()<u64>();
}

}  // namespace

u64 fixed_to_int(Aarch64State& s, u64 bits, FixedConversion what) {
  SoftFloat soft(s);
  soft.env.rm = sf::Rounding::rtz;
  return by_float(what.float_size, [&]<class F>() {
    return by_int(what, [&]<class Int>() {
      const Int value = sf::to_int<Int, F, sf::Arm>(typename F::Bits(bits), soft.env, what.fraction_bits);
      return u64(std::make_unsigned_t<Int>(value));
    });
  });
}

u64 fixed_from_int(Aarch64State& s, u64 value, FixedConversion what) {
  SoftFloat soft(s);
  return by_float(what.float_size, [&]<class F>() {
    return by_int(what, [&]<class Int>() {
      return u64(sf::from_int<F, sf::Arm, Int>(Int(value), soft.env, what.fraction_bits));
    });
  });
}

// Z: the conversion was exact; minus zero counts as inexact.
u64 javascript_to_int(Aarch64State& s, u64 bits) {
  constexpr u64 kMinusZero = u64{1} << 63;
  SoftFloat soft(s);
  bits = sf::flush_input<sf::F64, sf::Arm>(bits, soft.env);
  const u32 result = u32(sf::to_i32_modular<sf::F64, sf::Arm>(bits, soft.env));
  const bool exact = !(soft.env.flags & (sf::kInvalid | sf::kInexact)) && bits != kMinusZero;
  return u64(exact) << 32 | result;
}

}  // namespace mimus::aarch64
