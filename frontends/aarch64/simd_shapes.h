// What Advanced SIMD instructions share: arrangements of registers as IR vectors, and the shapes of groups of
// instructions. A 64-bit vector is the low half of a register; writing it clears the upper half.
#pragma once

#include <array>

#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

inline constexpr ir::Type kQ = ir::vec(ir::Elem::i64, 2);  // the type of the registers' slots

// Lanes of 8 << size bits filling 64 or 128 bits. One lane of 64 bits is the scalar.
constexpr ir::Type vector_of(unsigned size, bool full) {
  constexpr ir::Elem kElems[] = {ir::Elem::i8, ir::Elem::i16, ir::Elem::i32, ir::Elem::i64};
  return ir::vec(kElems[size], u16((full ? 16 : 8) >> size));
}
constexpr ir::Type float_vector_of(bool is64, bool full) {
  return is64 ? ir::vec(ir::Elem::f64, full ? 2 : 1) : ir::vec(ir::Elem::f32, full ? 4 : 2);
}
constexpr ir::Type lane_of(ir::Type vector) { return {vector.elem, 1}; }

// Which lanes of a register an instruction works on, by its encoding: one (scalar forms), half, all.
inline bool is_scalar(const Insn& i) { return i.get(28, 1) && i.get(30, 1); }

inline ir::Any vector(Translator& t, ir::Type type, unsigned n) {
  return type.bits() == 128 ? t.v(type, n) : t.v_low(type, n);
}
inline void set_vector(Translator& t, unsigned n, ir::Any value) {
  value.type.bits() == 128 ? t.set_v(n, value) : t.set_v_low(n, value);
}
inline ir::Any splat(Translator& t, ir::Type type, ir::Any lane) {
  return type.is_vector() ? t.b.emit(ir::Op::splat, type, {lane}) : lane;
}
inline ir::Any lane(Translator& t, ir::Any vector, unsigned index) {
  return vector.type.is_vector() ? t.b.emit(ir::Op::lane_get, lane_of(vector.type), {vector}, index) : vector;
}

// The low or high 64 bits as a scalar, and a register of two halves.
inline ir::Any half(Translator& t, ir::Any vector, unsigned index) { return lane(t, t.bitcast(kQ, vector), index); }
inline ir::Any halves(Translator& t, ir::Any low, ir::Any high) {
  const ir::Any first = t.b.emit(ir::Op::lane_set, kQ, {t.constant(kQ, 0), t.bitcast(ir::i64, low)}, 0);
  return t.b.emit(ir::Op::lane_set, kQ, {first, t.bitcast(ir::i64, high)}, 1);
}

// Arithmetic without side effects is done on whole registers; `put` keeps the lanes that the encoding names and clears
// the rest.
inline Next put(Translator& t, const Insn& i, ir::Any value) {
  if (is_scalar(i)) {
    t.set_v_scalar(i.rd(), lane(t, value, 0));
  } else if (i.q()) {
    t.set_v(i.rd(), value);
  } else {
    t.set_v_low(i.rd(), half(t, value, 0));
  }
  return Next::go_on;
}
// The lanes that the encoding names, the others zero: for operations with side effects (QC, exceptions).
inline ir::Any active(Translator& t, const Insn& i, ir::Any value) {
  const ir::Type type = value.type;
  if (is_scalar(i)) {
    const ir::Any zero = t.bitcast(type, t.constant(kQ, 0));
    return t.b.emit(ir::Op::lane_set, type, {zero, lane(t, value, 0)}, 0);
  }
  if (i.q()) return value;
  return t.bitcast(type, t.b.emit(ir::Op::lane_set, kQ, {t.constant(kQ, 0), half(t, value, 0)}, 0));
}

constexpr ir::Type mask_of(ir::Type vector) { return ir::vec(ir::Elem::i1, vector.lanes); }
// All ones where the comparison holds.
inline ir::Any compare_mask(Translator& t, ir::Op op, ir::Any a, ir::Any c, ir::Type result) {
  return t.b.emit(ir::Op::sext, result, {t.b.compare(op, a, c)});
}
inline ir::Any all_ones(Translator& t, ir::Type type) { return t.constant(type, ~u64{0}); }

// Lanes of twice the width from half of a register: the low one, or for the "2" forms the high one.
inline ir::Any widen(Translator& t, ir::Any vector, bool high, bool is_signed) {
  const ir::Type narrow = {vector.type.elem, u16(vector.type.lanes / 2)};
  constexpr ir::Elem kWider[] = {ir::Elem::i16, ir::Elem::i32, ir::Elem::i64};
  const unsigned size = unsigned(std::countr_zero(vector.type.lane_bits())) - 3;
  const ir::Any part = t.bitcast(narrow, half(t, vector, high));
  return t.b.emit(is_signed ? ir::Op::sext : ir::Op::zext, ir::vec(kWider[size], narrow.lanes), {part});
}
// Narrow lanes (64 bits in all) into the low half, clearing the high one, or for the "2" forms into the high half.
inline Next put_narrow(Translator& t, const Insn& i, ir::Any narrow) {
  const ir::Any bits = t.bitcast(ir::i64, narrow);
  if (i.q()) {
    t.set_v(i.rd(), t.b.emit(ir::Op::lane_set, kQ, {t.b.read_any(v_slot(i.rd())), bits}, 1));
  } else {
    t.set_v_scalar(i.rd(), bits);
  }
  return Next::go_on;
}
// Lanes cut to half their width, 64 bits in all.
inline ir::Any narrowed(Translator& t, ir::Any wide) {
  constexpr ir::Elem kNarrower[] = {ir::Elem::i8, ir::Elem::i16, ir::Elem::i32};
  const unsigned size = unsigned(std::countr_zero(wide.type.lane_bits())) - 4;
  return t.b.emit(ir::Op::trunc, ir::vec(kNarrower[size], wide.type.lanes), {wide});
}

// A permutation of the lanes of two vectors: lane k is lane from(k) of both together.
template <class From>
ir::Any permute(Translator& t, ir::Any a, ir::Any c, From from) {
  std::array<u8, 16> table;
  for (unsigned k = 0; k < a.type.lanes; ++k) table[k] = u8(from(k));
  return t.shuffle(a, c, {table.data(), a.type.lanes});
}

}  // namespace mimus::aarch64::translate
