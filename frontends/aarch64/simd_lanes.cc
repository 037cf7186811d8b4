#include "frontends/aarch64/simd_lanes.h"

namespace mimus::aarch64::simd {

Any join_halves(T& t, Any low, Any high) {
  constexpr u8 kTable[] = {0, 2};
  return t.bitcast(low.type, t.shuffle(t.bitcast(kQ, low), t.bitcast(kQ, high), kTable));
}

Any keep(T& t, Any a, unsigned bits) {
  if (bits == 128) return a;
  if (bits == 64 && a.type != kQ) return t.bitcast(a.type, keep(t, t.bitcast(kQ, a), 64));
  const unsigned count = a.type.lanes, kept = bits / a.type.lane_bits();
  return permute(t, a, t.constant(a.type, 0), [&](unsigned k) { return k < kept ? k : count + k; });
}

Any choose(T& t, Any mask, Any yes, Any no) {
  return t.bin(Op::or_, t.bin(Op::and_, yes, mask), t.bin(Op::andn, no, mask));
}

Any shift_right(T& t, Any a, unsigned amount, bool is_signed) {
  const unsigned width = a.type.lane_bits();
  if (amount == 0) return a;
  if (amount >= width && !is_signed) return t.constant_like(a, 0);
  return t.bin(is_signed ? Op::ashr : Op::lshr, a, t.constant_like(a, std::min(amount, width - 1)));
}

// (a + 2^(amount-1)) >> amount in unlimited width.
Any round_right(T& t, Any a, unsigned amount, bool is_signed) {
  const Any last = t.bin(Op::and_, shift_right(t, a, amount - 1, is_signed), t.constant_like(a, 1));
  return add(t, shift_right(t, a, amount, is_signed), last);
}

Any difference(T& t, Any a, Any c, bool is_signed) {
  return sub(t, t.bin(is_signed ? Op::smax : Op::umax, a, c), t.bin(is_signed ? Op::smin : Op::umin, a, c));
}

Any extend_half(T& t, Any a, bool is_signed, bool upper) {
  const unsigned count = a.type.lanes;
  const Any high = is_signed ? shift_right(t, a, a.type.lane_bits() - 1, true) : t.constant_like(a, 0);
  const Any mixed =
      permute(t, a, high, [&](unsigned k) { return (upper ? count / 2 : 0) + k / 2 + (k & 1 ? count : 0); });
  return as_lanes(t, size_of(a) + 1, mixed);
}
Any extend_even(T& t, Any a, bool is_signed) {
  const unsigned width = a.type.lane_bits(), size = size_of(a);
  const Any wide = as_lanes(t, size + 1, a);
  if (!is_signed) return t.bin(Op::and_, wide, t.constant_like(wide, lane_ones(size)));
  return shift_right(t, shift_left(t, wide, width), width, true);
}
Any extend_odd(T& t, Any a, bool is_signed) {
  return shift_right(t, as_lanes(t, size_of(a) + 1, a), a.type.lane_bits(), is_signed);
}

void note_saturation(T& t, Any saturated, Any plain, unsigned bits) {
  const Any changed = t.bitcast(kQ, keep(t, t.bin(Op::xor_, saturated, plain), bits));
  t.b.write(kSlot_qc, t.bin(Op::or_, t.b.read_any(kSlot_qc), changed));
}

Next put_narrow(T& t, const Insn& i, Any wide, unsigned parity) {
  const unsigned size = size_of(wide) - 1, count = lane_count(size);
  const Any halves = as_lanes(t, size, wide);
  if (upper_half(i)) {
    const Any d = full(t, size, i.rd());
    t.set_v(i.rd(), permute(t, d, halves,
                            [&](unsigned k) { return k < count / 2 ? k : count + 2 * (k - count / 2) + parity; }));
  } else {
    const unsigned kept = is_scalar(i) ? 1 : count / 2;
    t.set_v(i.rd(),
            permute(t, halves, zeros(t, size), [&](unsigned k) { return k < kept ? 2 * k + parity : count + k; }));
  }
  return Next::go_on;
}

Next put_narrow_saturated(T& t, const Insn& i, Any wide, Narrowing how) {
  const unsigned size = size_of(wide) - 1;
  Any clamped;
  if (how == Narrowing::unsigned_) {
    clamped = t.bin(Op::umin, wide, t.constant_like(wide, lane_ones(size)));
  } else {
    const bool to_signed = how == Narrowing::signed_;
    const u64 low = to_signed ? ~lane_max(size) : 0, high = to_signed ? lane_max(size) : lane_ones(size);
    clamped = t.bin(Op::smin, t.bin(Op::smax, wide, t.constant_like(wide, low)), t.constant_like(wide, high));
  }
  note_saturation(t, clamped, wide, is_scalar(i) ? wide.type.lane_bits() : 128);
  return put_narrow(t, i, clamped, 0);
}

}  // namespace mimus::aarch64::simd
