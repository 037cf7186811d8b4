// The shapes of the integer Advanced SIMD instructions. All of them work on whole 128-bit registers; what an
// instruction does not define of its result (the upper half of a 64-bit vector, everything but the lowest lane of a
// scalar) is cleared at the end, in put().
#pragma once

#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::simd {

using ir::Any;
using ir::Op;
using T = Translator;

inline constexpr ir::Type kQ = ir::vec(ir::Elem::i64, 2);  // the type of the registers' slots

// -- fields --
inline unsigned lane_size(const Insn& i) { return i.get(22, 2); }  // log2 of the bytes of a lane
inline bool is_scalar(const Insn& i) { return i.get(28, 1); }
constexpr unsigned lane_bits(unsigned size) { return 8u << size; }
constexpr unsigned lane_count(unsigned size) { return 16u >> size; }
// Bits of the result, whose lanes have `size`.
inline unsigned result_bits(const Insn& i, unsigned size) { return is_scalar(i) ? lane_bits(size) : i.q() ? 128 : 64; }
// The half that long and narrowing instructions look at.
inline bool upper_half(const Insn& i) { return !is_scalar(i) && i.q(); }

// The type of a register of such lanes, and of one of them.
constexpr ir::Type lanes(unsigned size) {
  constexpr ir::Elem kElems[] = {ir::Elem::i8, ir::Elem::i16, ir::Elem::i32, ir::Elem::i64};
  return ir::vec(kElems[size], u16(16 >> size));
}
constexpr ir::Type lane_of(ir::Type vector) { return {vector.elem, 1}; }
inline Any lane(T& t, Any vector, unsigned index) {
  return t.b.emit(Op::lane_get, lane_of(vector.type), {vector}, index);
}
inline Any full(T& t, unsigned size, unsigned n) { return t.v(lanes(size), n); }
inline Any as_lanes(T& t, unsigned size, Any a) { return t.bitcast(lanes(size), a); }

constexpr u64 lane_ones(unsigned size) { return ~u64{0} >> (64 - lane_bits(size)); }
constexpr u64 lane_min(unsigned size) { return u64{1} << (lane_bits(size) - 1); }  // most negative
constexpr u64 lane_max(unsigned size) { return lane_min(size) - 1; }               // most positive
inline unsigned size_of(Any vector) { return unsigned(std::countr_zero(vector.type.lane_bits() / 8)); }

// -- permutations: lane k of the result is lane source(k) of a and c together --
template <class F>
Any permute(T& t, Any a, Any c, F source) {
  u8 table[16];
  const unsigned count = a.type.lanes;
  for (unsigned k = 0; k < count; ++k) table[k] = u8(source(k));
  return t.shuffle(a, c, {table, count});
}
inline Any zeros(T& t, unsigned size) { return t.constant(lanes(size), 0); }
// Lane `index` in all lanes.
inline Any repeat(T& t, Any a, unsigned index) {
  return permute(t, a, a, [&](unsigned) { return index; });
}
// The low halves of two registers, one after the other.
Any join_halves(T& t, Any low, Any high);
// The low `bits`, zeros above.
Any keep(T& t, Any a, unsigned bits);

inline Next put(T& t, const Insn& i, Any value, unsigned bits) {
  t.set_v(i.rd(), keep(t, value, bits));
  return Next::go_on;
}

// -- arithmetic on lanes --
inline Any add(T& t, Any a, Any c) { return t.bin(Op::add, a, c); }
inline Any sub(T& t, Any a, Any c) { return t.bin(Op::sub, a, c); }
inline Any negated(T& t, Any a) { return t.un(Op::neg, a); }
// All ones where the comparison holds.
inline Any test(T& t, Op op, Any a, Any c) { return t.b.emit(Op::sext, a.type, {t.b.compare(op, a, c)}); }
// Bits of `yes` where the mask is set, else of `no`.
Any choose(T& t, Any mask, Any yes, Any no);
// a >> amount, 0 to the lane's width.
Any shift_right(T& t, Any a, unsigned amount, bool is_signed);
// The same, rounded: the last bit shifted out is added. `amount` is not 0.
Any round_right(T& t, Any a, unsigned amount, bool is_signed);
inline Any shift_left(T& t, Any a, unsigned amount) {
  return amount ? t.bin(Op::shl, a, t.constant_like(a, amount)) : a;
}
Any difference(T& t, Any a, Any c, bool is_signed);  // absolute

// The lanes of one half, or the even or odd ones, in lanes of twice the width.
Any extend_half(T& t, Any a, bool is_signed, bool upper);
Any extend_even(T& t, Any a, bool is_signed);
Any extend_odd(T& t, Any a, bool is_signed);

// FPSR.QC is set if two values differ in the low `bits`: what an instruction gives, and what it would give without
// saturation.
void note_saturation(T& t, Any saturated, Any plain, unsigned bits);

// Narrowing: the even (parity 0) or odd halves of the lanes, written as the second half (Q) or the first and only one.
Next put_narrow(T& t, const Insn& i, Any wide, unsigned parity);
// Lanes clamped to half their width.
enum class Narrowing : u8 { signed_, unsigned_, signed_to_unsigned };
Next put_narrow_saturated(T& t, const Insn& i, Any wide, Narrowing how);

// -- whole instructions; f(n, m), f(d, n, m) and f(n) get and give full registers --
template <class F>
Next two(T& t, const Insn& i, F f) {
  const unsigned size = lane_size(i);
  return put(t, i, f(full(t, size, i.rn()), full(t, size, i.rm())), result_bits(i, size));
}
template <class F>
Next three(T& t, const Insn& i, F f) {
  const unsigned size = lane_size(i);
  const Any d = full(t, size, i.rd());
  return put(t, i, f(d, full(t, size, i.rn()), full(t, size, i.rm())), result_bits(i, size));
}
template <class F>
Next one(T& t, const Insn& i, F f) {
  const unsigned size = lane_size(i);
  return put(t, i, f(full(t, size, i.rn())), result_bits(i, size));
}

}  // namespace mimus::aarch64::simd
