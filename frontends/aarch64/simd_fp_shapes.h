// The shapes of floating-point Advanced SIMD instructions.
#pragma once

#include "frontends/aarch64/fp_shapes.h"
#include "frontends/aarch64/simd_shapes.h"

namespace mimus::aarch64::translate {

// log2 of the bytes of a lane: the rows of FEAT_FP16's vectors are for half precision, sz chooses among the others.
inline unsigned float_size(const Insn& i) { return i.desc->feature == Feat::AdvSIMDFP16 ? 1 : 2 + i.get(22, 1); }
constexpr ir::Type float_lanes(unsigned size, bool full) {
  constexpr ir::Elem kElems[] = {ir::Elem::none, ir::Elem::f16, ir::Elem::f32, ir::Elem::f64};
  return ir::vec(kElems[size], u16((full ? 16 : 8) >> size));
}
// The lanes that the encoding names, and no others: they may raise exceptions.
inline ir::Type float_type(const Insn& i, unsigned size) {
  const ir::Type type = float_lanes(size, i.q());
  return is_scalar(i) ? lane_of(type) : type;
}
inline ir::Any get_lanes(Translator& t, ir::Type type, unsigned n) {
  return type.is_vector() ? vector(t, type, n) : t.v_scalar(type, n);
}
inline Next set_lanes(Translator& t, const Insn& i, ir::Any value) {
  if (value.type.is_vector()) {
    set_vector(t, i.rd(), value);
  } else {
    t.set_v_scalar(i.rd(), value);
  }
  return Next::go_on;
}

// Vm by element: H:L:M for halves (Rm has four bits), H:L for singles, H for doubles.
struct FloatElement {
  unsigned reg, index;
};
inline FloatElement float_element(const Insn& i, unsigned size) {
  const unsigned high = i.get(11, 1), low = i.get(21, 1), middle = i.get(20, 1);
  if (size == 1) return {i.get(16, 4), high << 2 | low << 1 | middle};
  return {i.rm(), size == 2 ? high << 1 | low : high};
}

}  // namespace mimus::aarch64::translate
