// Integer arithmetic, comparison and logic of lanes: three same, two-register miscellaneous, across lanes, pairwise
// (insns/simd_integer.def).
#include "frontends/aarch64/simd_lanes.h"

namespace mimus::aarch64::translate {

using namespace simd;

namespace {

Next lanewise(T& t, const Insn& i, Op op) {
  return two(t, i, [&](Any a, Any m) { return t.bin(op, a, m); });
}
Next lanewise_unary(T& t, const Insn& i, Op op) {
  return one(t, i, [&](Any a) { return t.un(op, a); });
}
Next comparison(T& t, const Insn& i, Op op) {
  return two(t, i, [&](Any a, Any m) { return test(t, op, a, m); });
}
// The other way round: IR has "less" alone.
Next comparison_greater(T& t, const Insn& i, Op op) {
  return two(t, i, [&](Any a, Any m) { return test(t, op, m, a); });
}

// a + m = 2 * (a & m) + (a ^ m) = 2 * (a | m) - (a ^ m)
Next halving_add(T& t, const Insn& i, bool is_signed, bool round) {
  return two(t, i, [&](Any a, Any m) {
    const Any half = shift_right(t, t.bin(Op::xor_, a, m), 1, is_signed);
    return round ? sub(t, t.bin(Op::or_, a, m), half) : add(t, t.bin(Op::and_, a, m), half);
  });
}
// a - m = (a ^ m) - 2 * (m & ~a)
Next halving_subtract(T& t, const Insn& i, bool is_signed) {
  return two(t, i, [&](Any a, Any m) {
    return sub(t, shift_right(t, t.bin(Op::xor_, a, m), 1, is_signed), t.bin(Op::andn, m, a));
  });
}

Next saturating(T& t, const Insn& i, Op op, Op plain) {
  return two(t, i, [&](Any a, Any m) {
    const Any result = t.bin(op, a, m);
    note_saturation(t, result, t.bin(plain, a, m), result_bits(i, lane_size(i)));
    return result;
  });
}
Any absolute(T& t, Any a) { return t.bin(Op::smax, a, negated(t, a)); }

// SUQADD and USQADD: moving the accumulator by half the range makes both operands of one kind.
Next accumulate_other_sign(T& t, const Insn& i, Op op) {
  const unsigned size = lane_size(i), bits = result_bits(i, size);
  const Any a = full(t, size, i.rn()), d = full(t, size, i.rd()), middle = t.constant_like(d, lane_min(size));
  const Any result = t.bin(Op::xor_, t.bin(op, t.bin(Op::xor_, d, middle), a), middle);
  note_saturation(t, result, add(t, d, a), bits);
  return put(t, i, result, bits);
}

Next bitwise(T& t, const Insn& i, Op op, bool inverted) {
  Any m = t.v(kQ, i.rm());
  const Any a = t.v(kQ, i.rn());
  const unsigned bits = i.q() ? 128 : 64;
  if (op == Op::or_ && i.rn() == i.rm() && !inverted) return put(t, i, a, bits);  // MOV
  if (op == Op::and_ && inverted) return put(t, i, t.bin(Op::andn, a, m), bits);
  if (inverted) m = t.un(Op::not_, m);
  return put(t, i, t.bin(op, a, m), bits);
}
// `mask` chooses between the other two.
Next bitwise_select(T& t, const Insn& i, unsigned mask, unsigned yes, unsigned no) {
  return put(t, i, choose(t, t.v(kQ, mask), t.v(kQ, yes), t.v(kQ, no)), i.q() ? 128 : 64);
}

Next compare_zero(T& t, const Insn& i, Op op, bool swapped) {
  return one(t, i, [&](Any a) {
    const Any zero = t.constant_like(a, 0);
    return swapped ? test(t, op, zero, a) : test(t, op, a, zero);
  });
}

// f on the even and the odd lanes of n and m together.
template <class F>
Next pairwise(T& t, const Insn& i, F f) {
  const unsigned size = lane_size(i);
  Any a = full(t, size, i.rn()), m = full(t, size, i.rm());
  if (!i.q()) a = m = join_halves(t, a, m);
  const Any even = permute(t, a, m, [](unsigned k) { return 2 * k; });
  const Any odd = permute(t, a, m, [](unsigned k) { return 2 * k + 1; });
  return put(t, i, f(even, odd), result_bits(i, size));
}
Next pairwise_op(T& t, const Insn& i, Op op) {
  return pairwise(t, i, [&](Any a, Any c) { return t.bin(op, a, c); });
}

// SADDLP and its like: sums of adjacent lanes, in lanes of twice the width.
Any pair_sums(T& t, Any a, bool is_signed) { return add(t, extend_even(t, a, is_signed), extend_odd(t, a, is_signed)); }
Next add_long_pairwise(T& t, const Insn& i, bool is_signed, bool accumulate) {
  const unsigned size = lane_size(i);
  Any sums = pair_sums(t, full(t, size, i.rn()), is_signed);
  if (accumulate) sums = add(t, full(t, size + 1, i.rd()), sums);
  return put(t, i, sums, i.q() ? 128 : 64);
}

// The result in lane 0.
Next across(T& t, const Insn& i, Op op) {
  const unsigned size = lane_size(i), count = lane_count(size);
  Any a = full(t, size, i.rn());
  if (!i.q()) a = join_halves(t, a, a);
  for (unsigned step = count / 2; step; step /= 2)
    a = t.bin(op, a, permute(t, a, a, [&](unsigned k) { return (k + step) % count; }));
  return put(t, i, a, lane_bits(size));
}
Next add_across(T& t, const Insn& i, Any a) {
  t.set_v_scalar(i.rd(), t.b.emit(Op::reduce_add, lane_of(a.type), {keep(t, a, i.q() ? 128 : 64)}));
  return Next::go_on;
}

}  // namespace

// -- three same --
Next simd_add(T& t, const Insn& i) { return lanewise(t, i, Op::add); }
Next simd_sub(T& t, const Insn& i) { return lanewise(t, i, Op::sub); }
Next simd_mul(T& t, const Insn& i) { return lanewise(t, i, Op::mul); }
Next pmul(T& t, const Insn& i) { return lanewise(t, i, Op::clmul); }
Next mla(T& t, const Insn& i) {
  return three(t, i, [&](Any d, Any a, Any m) { return add(t, d, t.bin(Op::mul, a, m)); });
}
Next mls(T& t, const Insn& i) {
  return three(t, i, [&](Any d, Any a, Any m) { return sub(t, d, t.bin(Op::mul, a, m)); });
}
Next shadd(T& t, const Insn& i) { return halving_add(t, i, true, false); }
Next uhadd(T& t, const Insn& i) { return halving_add(t, i, false, false); }
Next srhadd(T& t, const Insn& i) { return halving_add(t, i, true, true); }
Next urhadd(T& t, const Insn& i) { return halving_add(t, i, false, true); }
Next shsub(T& t, const Insn& i) { return halving_subtract(t, i, true); }
Next uhsub(T& t, const Insn& i) { return halving_subtract(t, i, false); }
Next sqadd(T& t, const Insn& i) { return saturating(t, i, Op::sat_sadd, Op::add); }
Next uqadd(T& t, const Insn& i) { return saturating(t, i, Op::sat_uadd, Op::add); }
Next sqsub(T& t, const Insn& i) { return saturating(t, i, Op::sat_ssub, Op::sub); }
Next uqsub(T& t, const Insn& i) { return saturating(t, i, Op::sat_usub, Op::sub); }
Next simd_smax(T& t, const Insn& i) { return lanewise(t, i, Op::smax); }
Next simd_umax(T& t, const Insn& i) { return lanewise(t, i, Op::umax); }
Next simd_smin(T& t, const Insn& i) { return lanewise(t, i, Op::smin); }
Next simd_umin(T& t, const Insn& i) { return lanewise(t, i, Op::umin); }
Next sabd(T& t, const Insn& i) {
  return two(t, i, [&](Any a, Any m) { return difference(t, a, m, true); });
}
Next uabd(T& t, const Insn& i) {
  return two(t, i, [&](Any a, Any m) { return difference(t, a, m, false); });
}
Next saba(T& t, const Insn& i) {
  return three(t, i, [&](Any d, Any a, Any m) { return add(t, d, difference(t, a, m, true)); });
}
Next uaba(T& t, const Insn& i) {
  return three(t, i, [&](Any d, Any a, Any m) { return add(t, d, difference(t, a, m, false)); });
}
Next cmgt(T& t, const Insn& i) { return comparison_greater(t, i, Op::slt); }
Next cmge(T& t, const Insn& i) { return comparison_greater(t, i, Op::sle); }
Next cmhi(T& t, const Insn& i) { return comparison_greater(t, i, Op::ult); }
Next cmhs(T& t, const Insn& i) { return comparison_greater(t, i, Op::ule); }
Next cmeq(T& t, const Insn& i) { return comparison(t, i, Op::eq); }
Next cmtst(T& t, const Insn& i) {
  return two(t, i, [&](Any a, Any m) { return test(t, Op::ne, t.bin(Op::and_, a, m), t.constant_like(a, 0)); });
}
Next simd_and(T& t, const Insn& i) { return bitwise(t, i, Op::and_, false); }
Next simd_bic(T& t, const Insn& i) { return bitwise(t, i, Op::and_, true); }
Next simd_orr(T& t, const Insn& i) { return bitwise(t, i, Op::or_, false); }
Next simd_orn(T& t, const Insn& i) { return bitwise(t, i, Op::or_, true); }
Next simd_eor(T& t, const Insn& i) { return bitwise(t, i, Op::xor_, false); }
Next bsl(T& t, const Insn& i) { return bitwise_select(t, i, i.rd(), i.rn(), i.rm()); }
Next bit(T& t, const Insn& i) { return bitwise_select(t, i, i.rm(), i.rn(), i.rd()); }
Next bif(T& t, const Insn& i) { return bitwise_select(t, i, i.rm(), i.rd(), i.rn()); }
Next simd_addp(T& t, const Insn& i) { return pairwise_op(t, i, Op::add); }
Next smaxp(T& t, const Insn& i) { return pairwise_op(t, i, Op::smax); }
Next umaxp(T& t, const Insn& i) { return pairwise_op(t, i, Op::umax); }
Next sminp(T& t, const Insn& i) { return pairwise_op(t, i, Op::smin); }
Next uminp(T& t, const Insn& i) { return pairwise_op(t, i, Op::umin); }
Next addp_scalar(T& t, const Insn& i) {
  const Any a = t.v(kQ, i.rn());
  return put(t, i, add(t, a, repeat(t, a, 1)), 64);
}

// -- two-register miscellaneous --
Next simd_abs(T& t, const Insn& i) {
  return one(t, i, [&](Any a) { return absolute(t, a); });
}
Next simd_neg(T& t, const Insn& i) { return lanewise_unary(t, i, Op::neg); }
Next sqabs(T& t, const Insn& i) {
  return one(t, i, [&](Any a) {
    const Any result = t.bin(Op::smax, a, t.bin(Op::sat_ssub, t.constant_like(a, 0), a));
    note_saturation(t, result, absolute(t, a), result_bits(i, lane_size(i)));
    return result;
  });
}
Next sqneg(T& t, const Insn& i) {
  return one(t, i, [&](Any a) {
    const Any result = t.bin(Op::sat_ssub, t.constant_like(a, 0), a);
    note_saturation(t, result, negated(t, a), result_bits(i, lane_size(i)));
    return result;
  });
}
Next suqadd(T& t, const Insn& i) { return accumulate_other_sign(t, i, Op::sat_uadd); }
Next usqadd(T& t, const Insn& i) { return accumulate_other_sign(t, i, Op::sat_sadd); }
// Leading bits equal to the sign, which itself does not count.
Next simd_cls(T& t, const Insn& i) {
  return one(t, i, [&](Any a) {
    const Any changes = t.bin(Op::xor_, a, shift_right(t, a, 1, true));
    return sub(t, t.un(Op::clz, changes), t.constant_like(a, 1));
  });
}
Next simd_clz(T& t, const Insn& i) { return lanewise_unary(t, i, Op::clz); }
Next cnt(T& t, const Insn& i) { return lanewise_unary(t, i, Op::popcount); }
Next simd_not(T& t, const Insn& i) { return put(t, i, t.un(Op::not_, t.v(kQ, i.rn())), i.q() ? 128 : 64); }
Next simd_rbit(T& t, const Insn& i) { return put(t, i, t.un(Op::bitreverse, full(t, 0, i.rn())), i.q() ? 128 : 64); }
Next cmgt_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::slt, true); }
Next cmge_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::sle, true); }
Next cmeq_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::eq, false); }
Next cmle_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::sle, false); }
Next cmlt_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::slt, false); }
Next saddlp(T& t, const Insn& i) { return add_long_pairwise(t, i, true, false); }
Next uaddlp(T& t, const Insn& i) { return add_long_pairwise(t, i, false, false); }
Next sadalp(T& t, const Insn& i) { return add_long_pairwise(t, i, true, true); }
Next uadalp(T& t, const Insn& i) { return add_long_pairwise(t, i, false, true); }

// -- across lanes --
Next addv(T& t, const Insn& i) { return add_across(t, i, full(t, lane_size(i), i.rn())); }
Next saddlv(T& t, const Insn& i) { return add_across(t, i, pair_sums(t, full(t, lane_size(i), i.rn()), true)); }
Next uaddlv(T& t, const Insn& i) { return add_across(t, i, pair_sums(t, full(t, lane_size(i), i.rn()), false)); }
Next smaxv(T& t, const Insn& i) { return across(t, i, Op::smax); }
Next umaxv(T& t, const Insn& i) { return across(t, i, Op::umax); }
Next sminv(T& t, const Insn& i) { return across(t, i, Op::smin); }
Next uminv(T& t, const Insn& i) { return across(t, i, Op::umin); }

}  // namespace mimus::aarch64::translate
