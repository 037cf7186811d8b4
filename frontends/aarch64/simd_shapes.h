// What Advanced SIMD instructions share: arrangements of registers as IR vectors, and the shapes of groups of
// instructions. A 64-bit vector is the low half of a register; writing it clears the upper half.
#pragma once

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

}  // namespace mimus::aarch64::translate
