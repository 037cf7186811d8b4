// What IEEE 754 leaves to the architecture, one struct per rule set. Every operation takes one as a template argument.
#pragma once

#include "core/base/types.h"

namespace mimus::softfloat {

// Which NaN an operation on NaNs returns.
enum class NanRule : u8 {
  canonical,            // always the default NaN
  first_operand,        // the first NaN operand, quieted
  signaling_first,      // the first signaling NaN, else the first quiet one, quieted
  largest_significand,  // x87: a quiet NaN before a signaling one, then the larger significand, then the positive one
};

// What a conversion to an integer returns for values that do not fit. All raise kInvalid.
enum class IntRule : u8 {
  saturate_nan_max,   // the nearest integer of the type; NaN gives the largest one (RISC-V)
  saturate_nan_zero,  // the nearest integer of the type; NaN gives 0 (Arm)
  indefinite,         // signed: the most negative integer; unsigned: all ones (x86)
};

// RISC-V Unprivileged ISA 20240411: 20.3 (canonical NaN), 20.4 (tininess after rounding), Table 36 (conversions).
struct RiscV {
  static constexpr NanRule nan_rule = NanRule::canonical;
  static constexpr bool default_nan_sign = false;
  static constexpr bool tiny_before_rounding = false;
  static constexpr IntRule int_rule = IntRule::saturate_nan_max;
  static constexpr bool nan_addend_first = false;         // order of fused multiply-add operands in the NaN rule
  static constexpr bool inf_times_zero_dominates = true;  // inf * 0 + qNaN is invalid and gives the default NaN
  static constexpr bool reports_denormals = false;        // using a subnormal operand raises kDenormal
  static constexpr bool round_reports_denormals = false;  // ... even when it is only rounded to an integral value
  static constexpr bool flushed_input_reports = false;    // flushing a subnormal operand raises kDenormal
  static constexpr bool flushed_output_inexact = false;   // flushing a tiny result raises kInexact as well
};

// Arm ARM DDI 0487, shared pseudocode FPProcessNaNs, FPProcessNaNs3, FPMulAdd, FPRoundBase, FPToFixed; FPCR.DN = 0.
struct Arm {
  static constexpr NanRule nan_rule = NanRule::signaling_first;
  static constexpr bool default_nan_sign = false;
  static constexpr bool tiny_before_rounding = true;
  static constexpr IntRule int_rule = IntRule::saturate_nan_zero;
  static constexpr bool nan_addend_first = true;
  static constexpr bool inf_times_zero_dominates = true;
  static constexpr bool reports_denormals = false;
  static constexpr bool round_reports_denormals = false;
  static constexpr bool flushed_input_reports = true;
  static constexpr bool flushed_output_inexact = false;
};

// The same with FPCR.DN = 1.
struct ArmDefaultNan : Arm {
  static constexpr NanRule nan_rule = NanRule::canonical;
};

// SSE, AVX, FMA3: Intel SDM volume 1, 4.8.3.5 (NaN table), 4.9.1.5 (tininess), 10.2.3 (MXCSR), 14.5 (FMA).
struct X86 {
  static constexpr NanRule nan_rule = NanRule::first_operand;
  static constexpr bool default_nan_sign = true;
  static constexpr bool tiny_before_rounding = false;
  static constexpr IntRule int_rule = IntRule::indefinite;
  static constexpr bool nan_addend_first = false;
  static constexpr bool inf_times_zero_dominates = false;
  static constexpr bool reports_denormals = true;
  static constexpr bool round_reports_denormals = false;  // ROUNDSD; FRNDINT differs
  static constexpr bool flushed_input_reports = false;
  static constexpr bool flushed_output_inexact = true;
};

// x87: the choice between two NaNs (Intel SDM volume 1, 4.8.3.5, Table 4-7) and FRNDINT's exceptions are its own.
struct X87 : X86 {
  static constexpr NanRule nan_rule = NanRule::largest_significand;
  static constexpr bool round_reports_denormals = true;
};

}  // namespace mimus::softfloat
