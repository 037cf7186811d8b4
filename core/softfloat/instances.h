// The table of explicit instantiations: X is `extern template` (declare) or `template` (define).
#pragma once

// clang-format off
#define MIMUS_SOFTFLOAT_FORMAT(X, F, P) \
  X F::Bits add<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits sub<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits mul<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits div<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits sqrt<F, P>(F::Bits, Env&); \
  X F::Bits fma<F, P>(F::Bits, F::Bits, F::Bits, Env&); \
  X bool eq_quiet<F, P>(F::Bits, F::Bits, Env&); \
  X bool lt<F, P>(F::Bits, F::Bits, Env&); \
  X bool le<F, P>(F::Bits, F::Bits, Env&); \
  X bool lt_quiet<F, P>(F::Bits, F::Bits, Env&); \
  X bool le_quiet<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits min_num_2008<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits max_num_2008<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits minimum_number<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits maximum_number<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits minimum<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits maximum<F, P>(F::Bits, F::Bits, Env&); \
  X F::Bits round_to_int<F, P>(F::Bits, bool, Env&); \
  X s32 to_int<s32, F, P>(F::Bits, Env&, int); \
  X u32 to_int<u32, F, P>(F::Bits, Env&, int); \
  X s64 to_int<s64, F, P>(F::Bits, Env&, int); \
  X u64 to_int<u64, F, P>(F::Bits, Env&, int); \
  X s32 to_i32_modular<F, P>(F::Bits, Env&); \
  X F::Bits from_int<F, P, s32>(s32, Env&, int); \
  X F::Bits from_int<F, P, u32>(u32, Env&, int); \
  X F::Bits from_int<F, P, s64>(s64, Env&, int); \
  X F::Bits from_int<F, P, u64>(u64, Env&, int);

#define MIMUS_SOFTFLOAT_CONVERSIONS(X, P) \
  X F16::Bits convert<F16, F32, P>(F32::Bits, Env&); \
  X F16::Bits convert<F16, F64, P>(F64::Bits, Env&); \
  X BF16::Bits convert<BF16, F32, P>(F32::Bits, Env&); \
  X F32::Bits convert<F32, F16, P>(F16::Bits, Env&); \
  X F32::Bits convert<F32, BF16, P>(BF16::Bits, Env&); \
  X F32::Bits convert<F32, F64, P>(F64::Bits, Env&); \
  X F64::Bits convert<F64, F16, P>(F16::Bits, Env&); \
  X F64::Bits convert<F64, F32, P>(F32::Bits, Env&);
// clang-format on
