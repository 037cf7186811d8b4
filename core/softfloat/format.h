// The interchange and extended formats of IEEE Std 754-2019 (3.4, 3.7), as compile-time descriptions.
#pragma once

#include "core/base/types.h"

namespace mimus::softfloat {

// sign | exponent (ExpBits) | integer bit, if it is stored | fraction (FracBits), in the low bits of B.
template <class B, unsigned ExpBits, unsigned FracBits, bool ExplicitInteger = false>
struct Format {
  using Bits = B;
  static constexpr unsigned exp_bits = ExpBits;
  static constexpr unsigned frac_bits = FracBits;
  static constexpr bool explicit_integer = ExplicitInteger;
  static constexpr unsigned precision = FracBits + 1;  // digits that results are rounded to, p in IEEE 754
  static constexpr unsigned exp_lsb = FracBits + (ExplicitInteger ? 1 : 0);
  static constexpr unsigned width = 1 + ExpBits + exp_lsb;
  static constexpr int exp_max_field = (1 << ExpBits) - 1;  // the field of infinities and NaNs
  static constexpr int emax = (1 << (ExpBits - 1)) - 1;
  static constexpr int emin = 1 - emax;

  static constexpr B sign_mask = static_cast<B>(B{1} << (width - 1));
  static constexpr B frac_mask = static_cast<B>((B{1} << FracBits) - 1);
  static constexpr B integer_bit = ExplicitInteger ? static_cast<B>(B{1} << FracBits) : B{0};
  static constexpr B quiet_bit = static_cast<B>(B{1} << (FracBits - 1));
  static constexpr B infinity = static_cast<B>((static_cast<B>(exp_max_field) << exp_lsb) | integer_bit);

  static constexpr B zero(bool sign) { return sign ? sign_mask : B{0}; }
  static constexpr B inf(bool sign) { return static_cast<B>(zero(sign) | infinity); }
  static constexpr B quiet_nan(bool sign) { return static_cast<B>(inf(sign) | quiet_bit); }
};

using F16 = Format<u16, 5, 10>;
using BF16 = Format<u16, 8, 7>;
using F32 = Format<u32, 8, 23>;
using F64 = Format<u64, 11, 52>;
using F80 = Format<u128, 15, 63, true>;  // x87 double extended; the low 80 bits of the u128

// F80 with results rounded to fewer digits by the x87 control word's PC field (Intel SDM volume 1, 8.1.5.2).
struct F80Single : F80 {
  static constexpr unsigned precision = 24;
};
struct F80Double : F80 {
  static constexpr unsigned precision = 53;
};

}  // namespace mimus::softfloat
