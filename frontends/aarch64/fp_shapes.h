// What floating-point instructions share, scalar and vector: attributes by FPCR, the default-NaN mode, flushing.
#pragma once

#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

constexpr ir::Type fp_type(u32 ftype) { return ftype == 0 ? ir::f32 : ftype == 1 ? ir::f64 : ir::f16; }
constexpr bool is_half(ir::Type type) { return type.elem == ir::Elem::f16; }
constexpr ir::Type integer_as_wide(ir::Type type) {
  const ir::Elem elem = type.lane_bits() == 16 ? ir::Elem::i16 : type.lane_bits() == 32 ? ir::Elem::i32 : ir::Elem::i64;
  return ir::vec(elem, type.lanes);
}
// Bits of the exponent and the fraction of a lane.
constexpr unsigned exponent_bits(ir::Type type) { return type.lane_bits() == 16 ? 5 : type.lane_bits() == 32 ? 8 : 11; }
constexpr unsigned fraction_bits(ir::Type type) { return type.lane_bits() - exponent_bits(type) - 1; }
constexpr u64 exponent_field(ir::Type type, u64 value) { return value << fraction_bits(type); }
constexpr u64 fp_infinity(ir::Type type) { return exponent_field(type, (u64{1} << exponent_bits(type)) - 1); }
constexpr u64 fp_power(ir::Type type, int exponent) {  // 2^exponent
  return exponent_field(type, u64((1 << (exponent_bits(type) - 1)) - 1 + exponent));
}
constexpr u64 fp_sign(ir::Type type) { return u64{1} << (type.lane_bits() - 1); }

// Rounding, NaN and underflow rules of an operation on operands of `type` under the current FPCR. With Arm's rule an op
// propagates NaNs and finds tininess as the manual has it.
inline ir::FpAttr fp_attr(const Translator& t, ir::Type type, ir::Rounding rounding = ir::Rounding::current,
                          bool exact = true) {
  return {rounding, ir::IntRule::arm, exact, t.mode.fz && !is_half(type)};
}
// Whether FPCR.FZ or FZ16 flushes subnormal operands of the type.
inline bool flushes(const Translator& t, ir::Type type) { return is_half(type) ? t.mode.fz16 : t.mode.fz; }
// The operand; if it is subnormal and FPCR says so, a zero of its sign. For what engines do without looking at FPCR.
ir::Any fp_flushed(Translator& t, ir::Any value);

// FPCR.DN: every NaN result is the default NaN.
inline ir::Any fp_result(Translator& t, ir::Any value) {
  if (!t.mode.dn) return value;
  return t.b.unary(ir::Op::nan_fix, value, 0, u16(ir::NanRule::positive_default));
}

// An op on operands of one type, rounded by FPCR.
ir::Any fp_op(Translator& t, ir::Op op, std::initializer_list<ir::Any> operands);
inline ir::Any fp_minmax(Translator& t, ir::Op op, ir::FpMinRule rule, ir::Any a, ir::Any c) {
  return fp_result(t, t.b.binary(op, fp_flushed(t, a), fp_flushed(t, c), 0, u16(rule)));
}
inline ir::Any fp_round(Translator& t, ir::Any value, ir::Rounding rounding, bool exact) {
  if (is_half(value.type)) value = fp_flushed(t, value);
  return fp_result(t, t.b.unary(ir::Op::fround, value, 0, fp_attr(t, value.type, rounding, exact).pack()));
}
// The manual's FPMulX: infinity times zero is two.
ir::Any fp_multiply_extended(Translator& t, ir::Any n, ir::Any m);
// FPRecipStepFused: 2 - n * m, infinity times zero being two.
ir::Any fp_reciprocal_step(Translator& t, ir::Any n, ir::Any m);
// FPRoundIntN: to an integral value of `bits` bits, what does not fit to the most negative one.
ir::Any fp_round_to(Translator& t, ir::Any value, unsigned bits, ir::Rounding rounding);
// Half-precision lanes as single-precision ones, NaNs as they are: what FPMulAddH multiplies.
ir::Any fp_widen_half(Translator& t, ir::Any value);

// VFPExpandImm for a scalar type.
constexpr u64 fp_immediate(ir::Type type, u32 imm8) {
  const u64 sign = imm8 >> 7 & 1, b6 = imm8 >> 6 & 1;
  const u64 middle = b6 ? (u64{1} << (exponent_bits(type) - 3)) - 1 : 0;
  const u64 exponent = (b6 ^ 1) << (exponent_bits(type) - 1) | middle << 2 | (imm8 >> 4 & 3);
  return sign << (type.bits() - 1) | exponent_field(type, exponent) | u64(imm8 & 15) << (fraction_bits(type) - 4);
}

}  // namespace mimus::aarch64::translate
