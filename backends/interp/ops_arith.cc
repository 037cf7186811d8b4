// Integer arithmetic and comparison.
#include "backends/interp/hot.h"

namespace mimus::interp {

namespace {

// The high half of the full product; 128-bit lanes are multiplied in 64-bit halves.
u128 high_unsigned(u128 a, u128 b) {
  const u64 a0 = u64(a), a1 = u64(a >> 64), b0 = u64(b), b1 = u64(b >> 64);
  const u128 low = u128{a0} * b0, mid1 = u128{a1} * b0, mid2 = u128{a0} * b1;
  const u128 carry = (low >> 64) + u64(mid1) + u64(mid2);
  return u128{a1} * b1 + (mid1 >> 64) + (mid2 >> 64) + (carry >> 64);
}

template <unsigned W>
Uint<W> mul_high(Lane<W> a, Lane<W> b, bool a_signed, bool b_signed) {
  if constexpr (W == 128) {
    u128 high = high_unsigned(a.bits, b.bits);
    if (a_signed && a.s() < 0) high -= b.bits;
    if (b_signed && b.s() < 0) high -= a.bits;
    return high;
  } else {
    const s128 x = a_signed ? s128{a.s()} : s128{a.bits};
    const s128 y = b_signed ? s128{b.s()} : s128{b.bits};
    return Uint<W>(u128(x) * u128(y) >> W);
  }
}

template <unsigned W>
bool overflows_add(Lane<W> a, Lane<W> b, unsigned carry) {
  const Uint<W> sum = Uint<W>(a.bits + b.bits + carry);
  return ((a.bits ^ sum) & (b.bits ^ sum) & Lane<W>::sign) != 0;
}

template <unsigned W>
Uint<W> saturated(bool negative) {
  return negative ? Lane<W>::sign : Uint<W>(Lane<W>::sign - 1);
}

template <unsigned W>
bool is_min_by_minus_one(Lane<W> a, Lane<W> b) {
  return a.bits == Lane<W>::sign && b.bits == Lane<W>::mask;
}

}  // namespace

Handler lower_add(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits + b.bits; });
}
Handler lower_sub(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits - b.bits; });
}
Handler lower_mul(Lowering& l) {
  return hot_binary(l, []<unsigned W>(Lane<W> a, Lane<W> b) {
    using Wide = std::conditional_t<(W < 64), u64, Uint<W>>;
    return Wide{a.bits} * Wide{b.bits};
  });
}
Handler lower_smulh(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return mul_high<W>(a, b, true, true); });
}
Handler lower_umulh(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return mul_high<W>(a, b, false, false); });
}
Handler lower_sumulh(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return mul_high<W>(a, b, true, false); });
}
Handler lower_sdiv(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) -> Uint<W> {
    if (b.bits == 0) return Lane<W>::mask;
    if (is_min_by_minus_one<W>(a, b)) return a.bits;
    return Uint<W>(a.s() / b.s());
  });
}
Handler lower_udiv(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) -> Uint<W> {
    return b.bits == 0 ? Lane<W>::mask : Uint<W>(a.bits / b.bits);
  });
}
Handler lower_srem(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) -> Uint<W> {
    if (b.bits == 0) return a.bits;
    if (is_min_by_minus_one<W>(a, b)) return 0;
    return Uint<W>(a.s() % b.s());
  });
}
Handler lower_urem(Lowering& l) {
  return lanewise<2>(
      l, []<unsigned W>(Lane<W> a, Lane<W> b) -> Uint<W> { return b.bits == 0 ? a.bits : Uint<W>(a.bits % b.bits); });
}
Handler lower_neg(Lowering& l) {
  return lanewise<1>(l, []<unsigned W>(Lane<W> a) { return Uint<W>(0) - a.bits; });
}
Handler lower_add_carry(Lowering& l) {
  return lanewise<3, 1>(l, []<unsigned W>(Lane<W> a, Lane<W> b, Lane<1> c) {
    const Uint<W> sum = Lane<W>::wrap(Uint<W>(a.bits + b.bits + c.bits));
    return sum < a.bits || (c.bits && sum == a.bits);
  });
}
Handler lower_add_overflow(Lowering& l) {
  return lanewise<3, 1>(l, []<unsigned W>(Lane<W> a, Lane<W> b, Lane<1> c) { return overflows_add<W>(a, b, c.bits); });
}
Handler lower_adc(Lowering& l) {
  return lanewise<3>(l, []<unsigned W>(Lane<W> a, Lane<W> b, Lane<1> c) { return a.bits + b.bits + c.bits; });
}
Handler lower_smin(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.s() < b.s() ? a.bits : b.bits; });
}
Handler lower_smax(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.s() > b.s() ? a.bits : b.bits; });
}
Handler lower_umin(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits < b.bits ? a.bits : b.bits; });
}
Handler lower_umax(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits > b.bits ? a.bits : b.bits; });
}
Handler lower_sat_sadd(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) -> Uint<W> {
    return overflows_add<W>(a, b, 0) ? saturated<W>(a.s() < 0) : Uint<W>(a.bits + b.bits);
  });
}
Handler lower_sat_uadd(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) -> Uint<W> {
    const Uint<W> sum = Lane<W>::wrap(Uint<W>(a.bits + b.bits));
    return sum < a.bits ? Lane<W>::mask : sum;
  });
}
Handler lower_sat_ssub(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) -> Uint<W> {
    const Uint<W> difference = Uint<W>(a.bits - b.bits);
    const bool overflow = ((a.bits ^ b.bits) & (a.bits ^ difference) & Lane<W>::sign) != 0;
    return overflow ? saturated<W>(a.s() < 0) : difference;
  });
}
Handler lower_sat_usub(Lowering& l) {
  return lanewise<2>(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits < b.bits ? 0 : a.bits - b.bits; });
}

Handler lower_eq(Lowering& l) {
  return hot_comparison(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits == b.bits; });
}
Handler lower_ne(Lowering& l) {
  return hot_comparison(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits != b.bits; });
}
Handler lower_slt(Lowering& l) {
  return hot_comparison(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.s() < b.s(); });
}
Handler lower_sle(Lowering& l) {
  return hot_comparison(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.s() <= b.s(); });
}
Handler lower_ult(Lowering& l) {
  return hot_comparison(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits < b.bits; });
}
Handler lower_ule(Lowering& l) {
  return hot_comparison(l, []<unsigned W>(Lane<W> a, Lane<W> b) { return a.bits <= b.bits; });
}

}  // namespace mimus::interp
