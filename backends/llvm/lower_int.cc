// Integer arithmetic, widths, comparison, choice and constants. Everything works lane by lane on vectors.
#include "backends/llvm/lower.h"

namespace mimus::jit {
namespace {

using ir::Inst;
using ir::Op;
using llvm::Value;

Value* constant(Lowering& l, const Inst& i) {
  if (i.type.is_int()) return l.splat(i.type, i.imm);
  if (i.type.elem == ir::Elem::f80) return l.refuse("80-bit constants");
  const ir::Type bits{i.type.lane_bits() == 16   ? ir::Elem::i16
                      : i.type.lane_bits() == 32 ? ir::Elem::i32
                                                 : ir::Elem::i64,
                      i.type.lanes};
  return l.b.CreateBitCast(l.splat(bits, i.imm), l.type(i.type));
}

Value* constant_wide(Lowering& l, const Inst& i) {
  const ir::Type bytes{ir::Elem::i8, u16(i.type.bytes())};
  llvm::SmallVector<llvm::Constant*, 64> lanes;
  for (unsigned k = 0; k < bytes.lanes; ++k) lanes.push_back(l.b.getInt8(l.block().pool.at(i.imm + k)));
  Value* raw = llvm::ConstantVector::get(lanes);
  if (i.type.elem == ir::Elem::i1) return l.b.CreateTrunc(raw, l.type(i.type));
  return l.b.CreateBitCast(raw, l.type(i.type));
}

template <llvm::Instruction::BinaryOps kOp>
Value* binary(Lowering& l, const Inst& i) {
  return l.b.CreateBinOp(kOp, l.arg(i, 0), l.arg(i, 1));
}

template <llvm::Intrinsic::ID kId>
Value* binary_intrinsic(Lowering& l, const Inst& i) {
  return l.intrinsic(kId, {l.type(i.type)}, {l.arg(i, 0), l.arg(i, 1)});
}

template <llvm::CmpInst::Predicate kPredicate>
Value* compare(Lowering& l, const Inst& i) {
  return l.b.CreateICmp(kPredicate, l.arg(i, 0), l.arg(i, 1));
}

// High half of the product of a extended by kSignA and b by kSignB.
template <bool kSignA, bool kSignB>
Value* multiply_high(Lowering& l, const Inst& i) {
  const unsigned width = i.type.lane_bits();
  llvm::Type* narrow = l.type(i.type);
  llvm::Type* wide = narrow->getWithNewBitWidth(width * 2);
  Value* a = l.b.CreateIntCast(l.arg(i, 0), wide, kSignA);
  Value* b = l.b.CreateIntCast(l.arg(i, 1), wide, kSignB);
  return l.b.CreateTrunc(l.b.CreateLShr(l.b.CreateMul(a, b), llvm::ConstantInt::get(wide, width)), narrow);
}

// Division is total in the IR: a divisor that LLVM leaves undefined is replaced by 1, and the result of x / 0 put
// right.
template <bool kSigned, bool kRemainder>
Value* divide(Lowering& l, const Inst& i) {
  if (i.type.elem == ir::Elem::i1) return l.refuse("division of single bits");         // 1 would be -1
  if (i.type.elem == ir::Elem::i128) return l.refuse("division of 128-bit integers");  // LLVM calls libgcc
  auto& b = l.b;
  Value *x = l.arg(i, 0), *y = l.arg(i, 1);
  llvm::Type* t = l.type(i.type);
  Value* zero = b.CreateICmpEQ(y, llvm::ConstantInt::get(t, 0));
  Value* bad = zero;
  if (kSigned) {
    Value* minimum = llvm::ConstantInt::get(t, llvm::APInt::getSignedMinValue(i.type.lane_bits()));
    bad = b.CreateOr(zero,
                     b.CreateAnd(b.CreateICmpEQ(x, minimum), b.CreateICmpEQ(y, llvm::Constant::getAllOnesValue(t))));
  }
  Value* divisor = b.CreateSelect(bad, llvm::ConstantInt::get(t, 1), y);
  if (kRemainder) return b.CreateSelect(zero, x, kSigned ? b.CreateSRem(x, divisor) : b.CreateURem(x, divisor));
  Value* quotient = kSigned ? b.CreateSDiv(x, divisor) : b.CreateUDiv(x, divisor);
  return b.CreateSelect(zero, llvm::Constant::getAllOnesValue(t), quotient);
}

Value* negate(Lowering& l, const Inst& i) { return l.b.CreateNeg(l.arg(i, 0)); }

Value* add_with_carry(Lowering& l, const Inst& i) {
  Value* carry = l.b.CreateZExt(l.arg(i, 2), l.type(l.arg_type(i, 0)));
  return l.b.CreateAdd(l.b.CreateAdd(l.arg(i, 0), l.arg(i, 1)), carry);
}

// Carry out: a + b wraps, or the sum is all ones and the carry comes on top.
Value* carry_out(Lowering& l, const Inst& i) {
  Value* partial = l.b.CreateAdd(l.arg(i, 0), l.arg(i, 1));
  Value* wraps = l.b.CreateICmpULT(partial, l.arg(i, 0));
  Value* full = l.b.CreateICmpEQ(partial, llvm::Constant::getAllOnesValue(partial->getType()));
  return l.b.CreateOr(wraps, l.b.CreateAnd(full, l.arg(i, 2)));
}

// Signed overflow: the result's sign differs from the signs of both operands.
Value* overflow_out(Lowering& l, const Inst& i) {
  Value* sum = add_with_carry(l, i);
  Value* differs = l.b.CreateAnd(l.b.CreateXor(sum, l.arg(i, 0)), l.b.CreateXor(sum, l.arg(i, 1)));
  return l.b.CreateICmpSLT(differs, llvm::ConstantInt::get(sum->getType(), 0));
}

Value* zero_extend(Lowering& l, const Inst& i) {
  if (Value* wide = l.extended(i.args[0], false)) return l.b.CreateTrunc(wide, l.type(i.type));
  return l.b.CreateZExt(l.arg(i, 0), l.type(i.type));
}
Value* sign_extend(Lowering& l, const Inst& i) {
  if (Value* wide = l.extended(i.args[0], true)) return l.b.CreateTrunc(wide, l.type(i.type));
  return l.b.CreateSExt(l.arg(i, 0), l.type(i.type));
}
Value* truncate(Lowering& l, const Inst& i) {
  Value *low, *high;
  if (i.type == ir::i32 && l.known_split(l.arg(i, 0), low, high)) return l.b.CreateBitCast(low, l.type(i.type));
  return l.b.CreateTrunc(l.arg(i, 0), l.type(i.type));
}
Value* bit_cast(Lowering& l, const Inst& i) {
  const ir::Type from = l.arg_type(i, 0);
  if (from == ir::i64 && i.type == ir::f64) return l.as_f64(l.arg(i, 0));
  if (from == ir::f64 && i.type == ir::i64) return l.from_f64(l.arg(i, 0));
  return l.b.CreateBitCast(l.arg(i, 0), l.type(i.type));
}

Value* pair(Lowering& l, const Inst& i) {
  llvm::Type* t = l.type(i.type);
  Value* high = l.b.CreateZExt(l.arg(i, 1), t);
  return l.b.CreateOr(l.b.CreateShl(high, i.type.lane_bits() / 2), l.b.CreateZExt(l.arg(i, 0), t));
}

Value* select(Lowering& l, const Inst& i) { return l.b.CreateSelect(l.arg(i, 0), l.arg(i, 1), l.arg(i, 2)); }

constexpr LowerRow kRows[] = {
    {Op::constant, constant},
    {Op::constant_wide, constant_wide},
    {Op::add, binary<llvm::Instruction::Add>},
    {Op::sub, binary<llvm::Instruction::Sub>},
    {Op::mul, binary<llvm::Instruction::Mul>},
    {Op::smulh, multiply_high<true, true>},
    {Op::umulh, multiply_high<false, false>},
    {Op::sumulh, multiply_high<true, false>},
    {Op::sdiv, divide<true, false>},
    {Op::udiv, divide<false, false>},
    {Op::srem, divide<true, true>},
    {Op::urem, divide<false, true>},
    {Op::neg, negate},
    {Op::add_carry, carry_out},
    {Op::add_overflow, overflow_out},
    {Op::adc, add_with_carry},
    {Op::smin, binary_intrinsic<llvm::Intrinsic::smin>},
    {Op::smax, binary_intrinsic<llvm::Intrinsic::smax>},
    {Op::umin, binary_intrinsic<llvm::Intrinsic::umin>},
    {Op::umax, binary_intrinsic<llvm::Intrinsic::umax>},
    {Op::sat_sadd, binary_intrinsic<llvm::Intrinsic::sadd_sat>},
    {Op::sat_uadd, binary_intrinsic<llvm::Intrinsic::uadd_sat>},
    {Op::sat_ssub, binary_intrinsic<llvm::Intrinsic::ssub_sat>},
    {Op::sat_usub, binary_intrinsic<llvm::Intrinsic::usub_sat>},
    {Op::and_, binary<llvm::Instruction::And>},
    {Op::or_, binary<llvm::Instruction::Or>},
    {Op::xor_, binary<llvm::Instruction::Xor>},
    {Op::zext, zero_extend},
    {Op::sext, sign_extend},
    {Op::trunc, truncate},
    {Op::bitcast, bit_cast},
    {Op::pair, pair},
    {Op::eq, compare<llvm::CmpInst::ICMP_EQ>},
    {Op::ne, compare<llvm::CmpInst::ICMP_NE>},
    {Op::slt, compare<llvm::CmpInst::ICMP_SLT>},
    {Op::sle, compare<llvm::CmpInst::ICMP_SLE>},
    {Op::ult, compare<llvm::CmpInst::ICMP_ULT>},
    {Op::ule, compare<llvm::CmpInst::ICMP_ULE>},
    {Op::select, select},
};

}  // namespace

std::span<const LowerRow> integer_rows() { return kRows; }

}  // namespace mimus::jit
