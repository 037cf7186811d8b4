// Shifts of lanes, by registers and by immediates (insns/simd_integer.def).
#include "frontends/aarch64/simd_lanes.h"

namespace mimus::aarch64::translate {

using namespace simd;

namespace {

// -- by register: the amount is the signed lowest byte of each lane; to the right if negative --

Any amounts(T& t, Any m) {
  const unsigned up = m.type.lane_bits() - 8;
  return shift_right(t, shift_left(t, m, up), up, true);
}
// Shifts by 0 or more; by the width or more they leave nothing but copies of the sign.
Any left_by(T& t, Any a, Any amount) {
  const Any inside = test(t, Op::ult, amount, t.constant_like(amount, a.type.lane_bits()));
  return t.bin(Op::and_, t.bin(Op::shl, a, amount), inside);
}
Any right_by(T& t, Any a, Any amount, bool is_signed) {
  const unsigned width = a.type.lane_bits();
  if (is_signed) return t.bin(Op::ashr, a, t.bin(Op::umin, amount, t.constant_like(amount, width - 1)));
  const Any inside = test(t, Op::ult, amount, t.constant_like(amount, width));
  return t.bin(Op::and_, t.bin(Op::lshr, a, amount), inside);
}
// To the right by -amount where that is positive; rounded, the last bit shifted out is added.
Any right_by_negated(T& t, Any a, Any amount, bool is_signed, bool round) {
  const Any result = right_by(t, a, negated(t, amount), is_signed);
  if (!round) return result;
  const Any last = right_by(t, a, t.un(Op::not_, amount), is_signed);  // by one less
  return add(t, result, t.bin(Op::and_, last, t.constant_like(a, 1)));
}

Next shift(T& t, const Insn& i, bool is_signed, bool round) {
  return two(t, i, [&](Any a, Any m) {
    const Any amount = amounts(t, m);
    return choose(t, shift_right(t, amount, a.type.lane_bits() - 1, true),
                  right_by_negated(t, a, amount, is_signed, round), left_by(t, a, amount));
  });
}

// What a saturates to.
Any limit(T& t, Any a, bool is_signed) {
  const unsigned size = size_of(a);
  if (!is_signed) return t.constant_like(a, lane_ones(size));
  return t.bin(Op::xor_, shift_right(t, a, lane_bits(size) - 1, true), t.constant_like(a, lane_max(size)));
}

Next saturating_shift(T& t, const Insn& i, bool is_signed, bool round) {
  return two(t, i, [&](Any a, Any m) {
    const Any amount = amounts(t, m), to_right = shift_right(t, amount, a.type.lane_bits() - 1, true);
    const Any left = left_by(t, a, amount);
    const Any fits = test(t, Op::eq, right_by(t, left, amount, is_signed), a);
    const Any limited = choose(t, fits, left, limit(t, a, is_signed));
    note_saturation(t, t.bin(Op::or_, fits, to_right), t.constant_like(a, lane_ones(size_of(a))),
                    result_bits(i, lane_size(i)));
    return choose(t, to_right, right_by_negated(t, a, amount, is_signed, round), limited);
  });
}

// -- by immediate: immh:immb is the lane's width and the amount together --

struct ShiftImmediate {
  unsigned size;   // of the lanes; of a narrowing shift, those of the result
  unsigned left;   // 0 to width - 1
  unsigned right;  // 1 to width (twice the width for narrowing shifts, which count from there)
};
ShiftImmediate immediate_of(const Insn& i) {
  const u32 value = i.get(16, 7);
  const unsigned size = unsigned(std::bit_width(value >> 3)) - 1, width = lane_bits(size);
  return {size, value - width, 2 * width - value};
}

Next shift_right_imm(T& t, const Insn& i, bool is_signed, bool round, bool accumulate) {
  const auto [size, left, right] = immediate_of(i);
  const Any a = full(t, size, i.rn());
  Any result = round ? round_right(t, a, right, is_signed) : shift_right(t, a, right, is_signed);
  if (accumulate) result = add(t, full(t, size, i.rd()), result);
  return put(t, i, result, result_bits(i, size));
}

// Bits of the destination stay where nothing is shifted to.
Next insert(T& t, const Insn& i, Any shifted, u64 kept, unsigned size) {
  const Any d = full(t, size, i.rd());
  return put(t, i, t.bin(Op::or_, t.bin(Op::and_, d, t.constant_like(d, kept)), shifted), result_bits(i, size));
}

Next saturating_left(T& t, const Insn& i, bool is_signed) {
  const auto [size, left, right] = immediate_of(i);
  const unsigned bits = result_bits(i, size);
  const Any a = full(t, size, i.rn()), shifted = shift_left(t, a, left);
  const Any fits = test(t, Op::eq, shift_right(t, shifted, left, is_signed), a);
  note_saturation(t, fits, t.constant_like(a, lane_ones(size)), bits);
  return put(t, i, choose(t, fits, shifted, limit(t, a, is_signed)), bits);
}

Next shift_narrow(T& t, const Insn& i, bool round) {
  const auto [size, left, right] = immediate_of(i);
  const Any a = full(t, size + 1, i.rn());
  return put_narrow(t, i, round ? round_right(t, a, right, false) : shift_right(t, a, right, false), 0);
}
Next shift_narrow_saturated(T& t, const Insn& i, bool round, Narrowing how) {
  const auto [size, left, right] = immediate_of(i);
  const bool is_signed = how != Narrowing::unsigned_;
  const Any a = full(t, size + 1, i.rn());
  return put_narrow_saturated(t, i, round ? round_right(t, a, right, is_signed) : shift_right(t, a, right, is_signed),
                              how);
}

Next shift_long(T& t, const Insn& i, bool is_signed) {
  const auto [size, left, right] = immediate_of(i);
  return put(t, i, shift_left(t, extend_half(t, full(t, size, i.rn()), is_signed, i.q()), left), 128);
}

}  // namespace

// -- by register --
Next sshl(T& t, const Insn& i) { return shift(t, i, true, false); }
Next ushl(T& t, const Insn& i) { return shift(t, i, false, false); }
Next srshl(T& t, const Insn& i) { return shift(t, i, true, true); }
Next urshl(T& t, const Insn& i) { return shift(t, i, false, true); }
Next sqshl(T& t, const Insn& i) { return saturating_shift(t, i, true, false); }
Next uqshl(T& t, const Insn& i) { return saturating_shift(t, i, false, false); }
Next sqrshl(T& t, const Insn& i) { return saturating_shift(t, i, true, true); }
Next uqrshl(T& t, const Insn& i) { return saturating_shift(t, i, false, true); }

// -- by immediate --
Next sshr(T& t, const Insn& i) { return shift_right_imm(t, i, true, false, false); }
Next ushr(T& t, const Insn& i) { return shift_right_imm(t, i, false, false, false); }
Next ssra(T& t, const Insn& i) { return shift_right_imm(t, i, true, false, true); }
Next usra(T& t, const Insn& i) { return shift_right_imm(t, i, false, false, true); }
Next srshr(T& t, const Insn& i) { return shift_right_imm(t, i, true, true, false); }
Next urshr(T& t, const Insn& i) { return shift_right_imm(t, i, false, true, false); }
Next srsra(T& t, const Insn& i) { return shift_right_imm(t, i, true, true, true); }
Next ursra(T& t, const Insn& i) { return shift_right_imm(t, i, false, true, true); }
Next simd_shl(T& t, const Insn& i) {
  const auto [size, left, right] = immediate_of(i);
  return put(t, i, shift_left(t, full(t, size, i.rn()), left), result_bits(i, size));
}
Next sri(T& t, const Insn& i) {
  const auto [size, left, right] = immediate_of(i);
  const u64 moved = right >= lane_bits(size) ? 0 : lane_ones(size) >> right;
  return insert(t, i, shift_right(t, full(t, size, i.rn()), right, false), lane_ones(size) & ~moved, size);
}
Next sli(T& t, const Insn& i) {
  const auto [size, left, right] = immediate_of(i);
  return insert(t, i, shift_left(t, full(t, size, i.rn()), left), (u64{1} << left) - 1, size);
}
Next sqshl_imm(T& t, const Insn& i) { return saturating_left(t, i, true); }
Next uqshl_imm(T& t, const Insn& i) { return saturating_left(t, i, false); }
// Signed lanes to unsigned ones: negative lanes saturate to 0.
Next sqshlu(T& t, const Insn& i) {
  const auto [size, left, right] = immediate_of(i);
  const unsigned bits = result_bits(i, size);
  const Any a = full(t, size, i.rn()), negative = shift_right(t, a, lane_bits(size) - 1, true);
  const Any shifted = shift_left(t, a, left), back = shift_right(t, shifted, left, false);
  const Any fits = t.bin(Op::andn, test(t, Op::eq, back, a), negative);
  note_saturation(t, fits, t.constant_like(a, lane_ones(size)), bits);
  return put(t, i, choose(t, fits, shifted, t.un(Op::not_, negative)), bits);
}
Next shrn(T& t, const Insn& i) { return shift_narrow(t, i, false); }
Next rshrn(T& t, const Insn& i) { return shift_narrow(t, i, true); }
Next sqshrn(T& t, const Insn& i) { return shift_narrow_saturated(t, i, false, Narrowing::signed_); }
Next uqshrn(T& t, const Insn& i) { return shift_narrow_saturated(t, i, false, Narrowing::unsigned_); }
Next sqshrun(T& t, const Insn& i) { return shift_narrow_saturated(t, i, false, Narrowing::signed_to_unsigned); }
Next sqrshrn(T& t, const Insn& i) { return shift_narrow_saturated(t, i, true, Narrowing::signed_); }
Next uqrshrn(T& t, const Insn& i) { return shift_narrow_saturated(t, i, true, Narrowing::unsigned_); }
Next sqrshrun(T& t, const Insn& i) { return shift_narrow_saturated(t, i, true, Narrowing::signed_to_unsigned); }
Next sshll(T& t, const Insn& i) { return shift_long(t, i, true); }
Next ushll(T& t, const Insn& i) { return shift_long(t, i, false); }

}  // namespace mimus::aarch64::translate
