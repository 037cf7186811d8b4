// What floating-point instructions share, scalar and vector: attributes by FPCR, and the default-NaN mode.
#pragma once

#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

// Rounding, NaN and underflow rules of an operation under the current FPCR. With Arm's rule an op propagates NaNs and
// finds tininess as the manual has it.
inline ir::FpAttr fp_attr(const Translator& t, ir::Rounding rounding = ir::Rounding::current, bool exact = true) {
  return {rounding, ir::IntRule::arm, exact, t.mode.fz};
}

// FPCR.DN: every NaN result is the default NaN.
inline ir::Any fp_result(Translator& t, ir::Any value) {
  if (!t.mode.dn) return value;
  return t.b.unary(ir::Op::nan_fix, value, 0, u16(ir::NanRule::positive_default));
}

// An op on operands of one type, rounded by FPCR.
inline ir::Any fp_op(Translator& t, ir::Op op, std::initializer_list<ir::Any> operands) {
  return fp_result(t, t.b.emit(op, operands.begin()->type, operands, 0, fp_attr(t).pack()));
}
inline ir::Any fp_minmax(Translator& t, ir::Op op, ir::FpMinRule rule, ir::Any a, ir::Any c) {
  return fp_result(t, t.b.binary(op, a, c, 0, u16(rule)));
}

constexpr ir::Type fp_type(u32 ftype) { return ftype == 0 ? ir::f32 : ftype == 1 ? ir::f64 : ir::f16; }
constexpr ir::Type integer_as_wide(ir::Type type) {
  const ir::Elem elem = type.lane_bits() == 16 ? ir::Elem::i16 : type.lane_bits() == 32 ? ir::Elem::i32 : ir::Elem::i64;
  return ir::vec(elem, type.lanes);
}

// VFPExpandImm for a scalar type.
constexpr u64 fp_immediate(ir::Type type, u32 imm8) {
  const unsigned bits = type.bits(), exponent_bits = bits == 16 ? 5 : bits == 32 ? 8 : 11;
  const unsigned fraction_bits = bits - exponent_bits - 1;
  const u64 sign = imm8 >> 7 & 1, b6 = imm8 >> 6 & 1;
  const u64 middle = b6 ? (u64{1} << (exponent_bits - 3)) - 1 : 0;
  const u64 exponent = (b6 ^ 1) << (exponent_bits - 1) | middle << 2 | (imm8 >> 4 & 3);
  return sign << (bits - 1) | exponent << fraction_bits | u64(imm8 & 15) << (fraction_bits - 4);
}

}  // namespace mimus::aarch64::translate
