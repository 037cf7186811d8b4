// Widening and narrowing arithmetic, products by element, dot products (insns/simd_integer.def).
#include "frontends/aarch64/simd_lanes.h"

namespace mimus::aarch64::translate {

using namespace simd;

namespace {

// -- the second operand: a register, or one of its elements in all lanes --

// Rm and the index of by-element forms (C4.1.97): H:L:M and four bits of Rm for 16-bit lanes, H:L for 32.
struct Element {
  unsigned reg, index;
};
Element element_of(const Insn& i, unsigned size) {
  const unsigned high = i.get(11, 1), low = i.get(21, 1), middle = i.get(20, 1);
  return size == 1 ? Element{i.get(16, 4), high << 2 | low << 1 | middle} : Element{i.get(16, 5), high << 1 | low};
}
// By element: bit 24 is set in both groups of encodings, bit 10 clear.
bool by_element(const Insn& i) { return i.get(24, 1) && !i.get(10, 1); }
Any second(T& t, const Insn& i, unsigned size) {
  if (!by_element(i)) return full(t, size, i.rm());
  const Element e = element_of(i, size);
  return repeat(t, full(t, size, e.reg), e.index);
}

// -- long: lanes of twice the width --

Any long_product(T& t, Any a, Any m, bool is_signed, bool upper) {
  if (a.type.lane_bits() < 32)
    return t.bin(Op::mul, extend_half(t, a, is_signed, upper), extend_half(t, m, is_signed, upper));
  const auto spread = [&](Any v) {
    return t.bitcast(kQ, permute(t, v, v, [&](unsigned k) { return (upper ? 2 : 0) + k / 2; }));
  };
  return t.bin(is_signed ? Op::smul_low : Op::umul_low, spread(a), spread(m));
}

template <class F>
Next long_op(T& t, const Insn& i, bool is_signed, F f) {
  const unsigned size = lane_size(i);
  const Any a = extend_half(t, full(t, size, i.rn()), is_signed, i.q());
  return put(t, i, f(a, extend_half(t, full(t, size, i.rm()), is_signed, i.q())), 128);
}
Next wide_op(T& t, const Insn& i, Op op, bool is_signed) {
  const unsigned size = lane_size(i);
  const Any m = extend_half(t, full(t, size, i.rm()), is_signed, i.q());
  return put(t, i, t.bin(op, full(t, size + 1, i.rn()), m), 128);
}
Next difference_long(T& t, const Insn& i, bool is_signed, bool accumulate) {
  const unsigned size = lane_size(i);
  const Any narrow = difference(t, full(t, size, i.rn()), full(t, size, i.rm()), is_signed);
  const Any wide = extend_half(t, narrow, false, i.q());
  return put(t, i, accumulate ? add(t, full(t, size + 1, i.rd()), wide) : wide, 128);
}
Next multiply_long(T& t, const Insn& i, bool is_signed) {
  const unsigned size = lane_size(i);
  return put(t, i, long_product(t, full(t, size, i.rn()), second(t, i, size), is_signed, i.q()), 128);
}
Next multiply_accumulate_long(T& t, const Insn& i, bool is_signed, Op op) {
  const unsigned size = lane_size(i);
  const Any product = long_product(t, full(t, size, i.rn()), second(t, i, size), is_signed, i.q());
  return put(t, i, t.bin(op, full(t, size + 1, i.rd()), product), 128);
}

// SQDMULL and its like: the doubled product saturates, then the sum does.
Any doubled_product(T& t, const Insn& i, unsigned size) {
  const Any product = long_product(t, full(t, size, i.rn()), second(t, i, size), true, upper_half(i));
  const Any doubled = t.bin(Op::sat_sadd, product, product);
  note_saturation(t, doubled, add(t, product, product), is_scalar(i) ? lane_bits(size + 1) : 128);
  return doubled;
}
Next saturating_long(T& t, const Insn& i, Op op, Op plain) {
  const unsigned size = lane_size(i), bits = is_scalar(i) ? lane_bits(size + 1) : 128;
  const Any product = doubled_product(t, i, size), d = full(t, size + 1, i.rd());
  const Any result = t.bin(op, d, product);
  note_saturation(t, result, t.bin(plain, d, product), bits);
  return put(t, i, result, bits);
}

// ADDHN and its like: the upper halves of the sums.
Next high_half(T& t, const Insn& i, Op op, bool round) {
  const unsigned size = lane_size(i);
  Any result = t.bin(op, full(t, size + 1, i.rn()), full(t, size + 1, i.rm()));
  if (round) result = add(t, result, t.constant_like(result, lane_min(size)));
  return put_narrow(t, i, result, 1);
}

// -- high halves of doubled products --

// (2 * a * m) >> width, rounded: half a unit added before. One result does not fit, min * min: then `overflow` is set
// and the result is the largest.
struct HighProduct {
  Any value, overflow;
};
Any doubled_high(T& t, Any a, Any low, Any m) {
  return t.bin(Op::or_, shift_left(t, t.bin(Op::smulh, a, m), 1), shift_right(t, low, a.type.lane_bits() - 1, false));
}
HighProduct limited(T& t, Any value) {
  const Any overflow = test(t, Op::eq, value, t.constant_like(value, lane_min(size_of(value))));
  return {t.bin(Op::xor_, value, overflow), overflow};
}
HighProduct high_product(T& t, Any a, Any m, bool round) {
  const unsigned width = a.type.lane_bits();
  const Any low = t.bin(Op::mul, a, m), high = doubled_high(t, a, low, m);
  if (!round) return limited(t, high);
  const Any half = t.bin(Op::and_, shift_right(t, low, width - 2, false), t.constant_like(a, 1));
  return limited(t, add(t, high, half));
}
Next doubling_high(T& t, const Insn& i, bool round) {
  const unsigned size = lane_size(i), bits = result_bits(i, size);
  const HighProduct product = high_product(t, full(t, size, i.rn()), second(t, i, size), round);
  note_saturation(t, product.overflow, t.constant_like(product.value, 0), bits);
  return put(t, i, product.value, bits);
}

// SQRDMLAH: the accumulator and the product are added before rounding, so that the product itself is 1 more than the
// largest value for min * min; that 1 is added by itself.
Next doubling_high_accumulate(T& t, const Insn& i, bool subtract) {
  const unsigned size = lane_size(i), bits = result_bits(i, size), width = lane_bits(size);
  const Any a = full(t, size, i.rn()), m = second(t, i, size), d = full(t, size, i.rd());
  HighProduct product;
  if (subtract) {  // half a unit minus the product rounds the other way: up only beyond the half
    const Any low = t.bin(Op::mul, a, m);
    const Any rest = t.bin(Op::and_, low, t.constant_like(low, lane_max(size)));
    const Any up = test(t, Op::ult, t.constant_like(low, u64{1} << (width - 2)), rest);
    product = limited(t, sub(t, doubled_high(t, a, low, m), up));
  } else {
    product = high_product(t, a, m, true);
  }
  const Op op = subtract ? Op::sat_ssub : Op::sat_sadd, plain = subtract ? Op::sub : Op::add;
  const Any one = t.bin(Op::and_, product.overflow, t.constant_like(d, 1));
  const Any result = t.bin(op, t.bin(op, d, product.value), one);
  note_saturation(t, result, t.bin(plain, t.bin(plain, d, product.value), one), bits);
  return put(t, i, result, bits);
}

// -- dot products --

// Sums of four products of bytes, in 32-bit lanes.
Any dot(T& t, Any a, Any m, bool a_signed, bool m_signed) {
  const auto products = [&](Any x, Any y) { return t.bin(Op::mul_pairs, as_lanes(t, 2, x), as_lanes(t, 2, y)); };
  return add(t, products(extend_even(t, a, a_signed), extend_even(t, m, m_signed)),
             products(extend_odd(t, a, a_signed), extend_odd(t, m, m_signed)));
}
Next dot_product(T& t, const Insn& i, bool a_signed, bool m_signed) {
  const Any m =
      by_element(i) ? as_lanes(t, 0, repeat(t, full(t, 2, i.rm()), element_of(i, 2).index)) : full(t, 0, i.rm());
  const Any sums = dot(t, full(t, 0, i.rn()), m, a_signed, m_signed);
  return put(t, i, add(t, full(t, 2, i.rd()), sums), i.q() ? 128 : 64);
}
// Rows of eight bytes: lane 2r + c is the product of row r of n and row c of m.
Next matrix_product(T& t, const Insn& i, bool a_signed, bool m_signed) {
  const Any a = t.v(kQ, i.rn()), m = full(t, 0, i.rm());
  const auto row = [&](unsigned r) { return dot(t, as_lanes(t, 0, repeat(t, a, r)), m, a_signed, m_signed); };
  const Any first = row(0), second = row(1);
  const Any sums = add(t, permute(t, first, second, [](unsigned k) { return 2 * k; }),
                       permute(t, first, second, [](unsigned k) { return 2 * k + 1; }));
  return put(t, i, add(t, full(t, 2, i.rd()), sums), 128);
}

}  // namespace

// -- three different --
Next saddl(T& t, const Insn& i) {
  return long_op(t, i, true, [&](Any a, Any m) { return add(t, a, m); });
}
Next uaddl(T& t, const Insn& i) {
  return long_op(t, i, false, [&](Any a, Any m) { return add(t, a, m); });
}
Next ssubl(T& t, const Insn& i) {
  return long_op(t, i, true, [&](Any a, Any m) { return sub(t, a, m); });
}
Next usubl(T& t, const Insn& i) {
  return long_op(t, i, false, [&](Any a, Any m) { return sub(t, a, m); });
}
Next saddw(T& t, const Insn& i) { return wide_op(t, i, Op::add, true); }
Next uaddw(T& t, const Insn& i) { return wide_op(t, i, Op::add, false); }
Next ssubw(T& t, const Insn& i) { return wide_op(t, i, Op::sub, true); }
Next usubw(T& t, const Insn& i) { return wide_op(t, i, Op::sub, false); }
Next addhn(T& t, const Insn& i) { return high_half(t, i, Op::add, false); }
Next raddhn(T& t, const Insn& i) { return high_half(t, i, Op::add, true); }
Next subhn(T& t, const Insn& i) { return high_half(t, i, Op::sub, false); }
Next rsubhn(T& t, const Insn& i) { return high_half(t, i, Op::sub, true); }
Next sabal(T& t, const Insn& i) { return difference_long(t, i, true, true); }
Next uabal(T& t, const Insn& i) { return difference_long(t, i, false, true); }
Next sabdl(T& t, const Insn& i) { return difference_long(t, i, true, false); }
Next uabdl(T& t, const Insn& i) { return difference_long(t, i, false, false); }
// Also by element:
Next smull(T& t, const Insn& i) { return multiply_long(t, i, true); }
Next umull(T& t, const Insn& i) { return multiply_long(t, i, false); }
Next smlal(T& t, const Insn& i) { return multiply_accumulate_long(t, i, true, Op::add); }
Next umlal(T& t, const Insn& i) { return multiply_accumulate_long(t, i, false, Op::add); }
Next smlsl(T& t, const Insn& i) { return multiply_accumulate_long(t, i, true, Op::sub); }
Next umlsl(T& t, const Insn& i) { return multiply_accumulate_long(t, i, false, Op::sub); }
Next sqdmull(T& t, const Insn& i) {
  const unsigned size = lane_size(i);
  return put(t, i, doubled_product(t, i, size), is_scalar(i) ? lane_bits(size + 1) : 128);
}
Next sqdmlal(T& t, const Insn& i) { return saturating_long(t, i, Op::sat_sadd, Op::add); }
Next sqdmlsl(T& t, const Insn& i) { return saturating_long(t, i, Op::sat_ssub, Op::sub); }
// Bytes to 16 bits, or one half of the register to 128.
Next pmull(T& t, const Insn& i) {
  if (lane_size(i) == 0) {
    const Any a = extend_half(t, full(t, 0, i.rn()), false, i.q());
    return put(t, i, t.bin(Op::clmul, a, extend_half(t, full(t, 0, i.rm()), false, i.q())), 128);
  }
  return put(t, i, t.b.binary(Op::clmul_wide, t.v(kQ, i.rn()), t.v(kQ, i.rm()), i.q()), 128);
}

// -- products of equal width --
Next sqdmulh(T& t, const Insn& i) { return doubling_high(t, i, false); }
Next sqrdmulh(T& t, const Insn& i) { return doubling_high(t, i, true); }
Next sqrdmlah(T& t, const Insn& i) { return doubling_high_accumulate(t, i, false); }
Next sqrdmlsh(T& t, const Insn& i) { return doubling_high_accumulate(t, i, true); }
Next mul_element(T& t, const Insn& i) {
  const unsigned size = lane_size(i);
  return put(t, i, t.bin(Op::mul, full(t, size, i.rn()), second(t, i, size)), result_bits(i, size));
}
Next mla_element(T& t, const Insn& i) {
  const unsigned size = lane_size(i);
  const Any product = t.bin(Op::mul, full(t, size, i.rn()), second(t, i, size));
  return put(t, i, add(t, full(t, size, i.rd()), product), result_bits(i, size));
}
Next mls_element(T& t, const Insn& i) {
  const unsigned size = lane_size(i);
  const Any product = t.bin(Op::mul, full(t, size, i.rn()), second(t, i, size));
  return put(t, i, sub(t, full(t, size, i.rd()), product), result_bits(i, size));
}

// -- dot products, by element or not --
Next sdot(T& t, const Insn& i) { return dot_product(t, i, true, true); }
Next udot(T& t, const Insn& i) { return dot_product(t, i, false, false); }
Next usdot(T& t, const Insn& i) { return dot_product(t, i, false, true); }
Next sudot(T& t, const Insn& i) { return dot_product(t, i, true, false); }
Next smmla(T& t, const Insn& i) { return matrix_product(t, i, true, true); }
Next ummla(T& t, const Insn& i) { return matrix_product(t, i, false, false); }
Next usmmla(T& t, const Insn& i) { return matrix_product(t, i, false, true); }

// -- narrowing and widening moves (two-register miscellaneous) --
Next xtn(T& t, const Insn& i) { return put_narrow(t, i, full(t, lane_size(i) + 1, i.rn()), 0); }
Next sqxtn(T& t, const Insn& i) {
  return put_narrow_saturated(t, i, full(t, lane_size(i) + 1, i.rn()), Narrowing::signed_);
}
Next uqxtn(T& t, const Insn& i) {
  return put_narrow_saturated(t, i, full(t, lane_size(i) + 1, i.rn()), Narrowing::unsigned_);
}
Next sqxtun(T& t, const Insn& i) {
  return put_narrow_saturated(t, i, full(t, lane_size(i) + 1, i.rn()), Narrowing::signed_to_unsigned);
}
Next shll(T& t, const Insn& i) {
  const unsigned size = lane_size(i);
  return put(t, i, shift_left(t, extend_half(t, full(t, size, i.rn()), false, i.q()), lane_bits(size)), 128);
}

}  // namespace mimus::aarch64::translate
