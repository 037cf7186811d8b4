// Soft float for generated code: one C function that carries out the rare floating-point ops and modes that the host's
// instructions lack (round to nearest away, round to odd, static modes, narrow formats, out-of-range conversions).
#pragma once

#include "core/ir/op.h"
#include "core/state/cpu.h"

namespace mimus::emit {

// What fp_assist is to do: an op on scalars of at most 64 bits.
struct FpAssist {
  ir::Op op = ir::Op::fadd;       // fadd fsub fmul fdiv fsqrt fma fcvt fround fto_s fto_u ffrom_s ffrom_u tiny_fix
  ir::Elem from = ir::Elem::f64;  // of the operands
  ir::Elem to = ir::Elem::f64;    // of the result
  ir::FpAttr attr;

  constexpr u32 pack() const { return u32(op) | u32(from) << 10 | u32(to) << 14 | u32(attr.pack()) << 18; }
  static constexpr FpAssist unpack(u32 v) {
    return {ir::Op(v & 0x3ff), ir::Elem(v >> 10 & 15), ir::Elem(v >> 14 & 15), ir::FpAttr::unpack(u16(v >> 18))};
  }
};

// True if fp_assist can do it.
bool can_assist(const FpAssist& what);

// Bit patterns, zero-extended, in and out; `what` is FpAssist::pack(). Rounds by the mode of state->guest_mxcsr when
// the attribute says `current`, and accumulates exceptions there.
u64 fp_assist(CpuState* state, u64 a, u64 b, u64 c, u32 what);

}  // namespace mimus::emit
