// Rounding modes, exception flags and the floating-point environment of one operation.
#pragma once

#include "core/base/types.h"

namespace mimus::softfloat {

// The first five have the encodings of RISC-V `frm` (RISC-V Unprivileged ISA 20240411, 20.2, Table 32).
enum class Rounding : u8 {
  rne = 0,  // to nearest, ties to even
  rtz = 1,  // toward zero
  rdn = 2,  // toward -infinity
  rup = 3,  // toward +infinity
  rmm = 4,  // to nearest, ties away from zero
  rod = 5,  // to odd: truncate, and set the last bit if anything was lost
};

// Exception flags. The low five bits are RISC-V `fflags`; the sixth has no counterpart there.
inline constexpr u8 kInexact = 1;
inline constexpr u8 kUnderflow = 2;
inline constexpr u8 kOverflow = 4;
inline constexpr u8 kDivByZero = 8;
inline constexpr u8 kInvalid = 16;
inline constexpr u8 kDenormal =
    32;  // x86 MXCSR.DE (a subnormal was used), Arm FPSR.IDC (a subnormal was flushed to zero)

// `rm` is read, `flags` is accumulated (never cleared) by every operation.
struct Env {
  Rounding rm = Rounding::rne;
  u8 flags = 0;
  bool flush_inputs = false;   // MXCSR.DAZ, FPCR.FZ: subnormal operands count as zeros of their sign
  bool flush_outputs = false;  // MXCSR.FTZ, FPCR.FZ: tiny results become zeros of their sign
  bool flush_half = false;     // FPCR.FZ16: both, for half precision, which the other two leave alone

  constexpr void raise(unsigned raised) { flags = static_cast<u8>(flags | raised); }
};

}  // namespace mimus::softfloat
