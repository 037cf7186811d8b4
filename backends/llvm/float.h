// What the floating-point rows share.
#pragma once

#include "backends/emit/fp_assist.h"
#include "backends/llvm/lower.h"

namespace mimus::jit {

bool is_host_format(ir::Type t);  // f32 or f64, scalar or vector

// Bit-level constants of a float type (lanes included), as integers of the same shape.
struct FloatShape {
  ir::Type bits;      // integer type of the same shape
  unsigned fraction;  // bits

  explicit FloatShape(ir::Type t) {
    const bool half = t.elem == ir::Elem::f16;
    bits = {t.lane_bits() == 16 ? ir::Elem::i16 : t.lane_bits() == 32 ? ir::Elem::i32 : ir::Elem::i64, t.lanes};
    fraction = half ? 10 : t.elem == ir::Elem::bf16 ? 7 : t.elem == ir::Elem::f32 ? 23 : 52;
  }
  unsigned width() const { return bits.lane_bits(); }
  u64 sign_mask() const { return u64{1} << (width() - 1); }
  u64 smallest_normal() const { return u64{1} << fraction; }
  u64 infinity_bits() const { return (sign_mask() - 1) & ~(smallest_normal() - 1); }

  llvm::Value* constant(Lowering& l, u64 v) const { return l.splat(bits, v); }
  llvm::Value* infinity(Lowering& l) const { return constant(l, infinity_bits()); }
  llvm::Value* quiet_bit(Lowering& l) const { return constant(l, smallest_normal() >> 1); }
  llvm::Value* default_nan(Lowering& l, bool negative = false) const {
    return constant(l, infinity_bits() | smallest_normal() >> 1 | (negative ? sign_mask() : 0));
  }
  llvm::Value* magnitude(Lowering& l, llvm::Value* v) const { return l.b.CreateAnd(v, constant(l, sign_mask() - 1)); }
};

// The instruction by soft float; null when that cannot do it either.
llvm::Value* call_assist(Lowering& l, const ir::Inst& i, llvm::ArrayRef<llvm::Value*> operands, ir::Type from,
                         ir::Type to);

// For FpAttr::rule arm: `result` is the host's; where it is a NaN, or (with `tiny`) may have been rounded up to the
// least normal number, the operation is done again by soft float.
llvm::Value* repair_arm(Lowering& l, const ir::Inst& i, llvm::Value* result, llvm::ArrayRef<llvm::Value*> operands,
                        ir::Type from, bool tiny);

// A constrained intrinsic with strict exceptions; `rounds` when it takes a rounding mode (MXCSR's).
llvm::Value* constrained(Lowering& l, llvm::Intrinsic::ID id, llvm::ArrayRef<llvm::Type*> types,
                         llvm::ArrayRef<llvm::Value*> operands, bool rounds);

// A comparison by an LLVM predicate; `observable`: its exceptions count.
llvm::Value* compare_floats(Lowering& l, const char* predicate, llvm::Value* a, llvm::Value* b, bool signaling,
                            bool observable);

}  // namespace mimus::jit
