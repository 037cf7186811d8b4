// Logic, shifts, bit fields, bit counting and carry-less products.
#include "backends/llvm/lower.h"

namespace mimus::jit {
namespace {

using ir::Inst;
using ir::Op;
using llvm::Value;

// An integer constant of the instruction's type.
Value* k(Lowering& l, const Inst& i, u64 value) { return l.splat(i.type, value); }
// `byte` in every byte of a lane.
Value* every_byte(Lowering& l, const Inst& i, u8 byte) {
  return llvm::ConstantInt::get(l.type(i.type), llvm::APInt::getSplat(i.type.lane_bits(), llvm::APInt(8, byte)));
}

Value* and_not(Lowering& l, const Inst& i) { return l.b.CreateAnd(l.arg(i, 0), l.b.CreateNot(l.arg(i, 1))); }
Value* invert(Lowering& l, const Inst& i) { return l.b.CreateNot(l.arg(i, 0)); }

// Amounts are modulo the width, which is what x86 does for 32 and 64 bits: LLVM drops the mask there.
template <llvm::Instruction::BinaryOps kOp>
Value* shift(Lowering& l, const Inst& i) {
  Value* amount = l.b.CreateAnd(l.arg(i, 1), k(l, i, i.type.lane_bits() - 1));
  return l.b.CreateBinOp(kOp, l.arg(i, 0), amount);
}

template <llvm::Intrinsic::ID kId>
Value* rotate(Lowering& l, const Inst& i) {
  return l.intrinsic(kId, {l.type(i.type)}, {l.arg(i, 0), l.arg(i, 0), l.arg(i, 1)});
}

template <llvm::Intrinsic::ID kId>
Value* count_zeros(Lowering& l, const Inst& i) {
  return l.intrinsic(kId, {l.type(i.type)}, {l.arg(i, 0), l.b.getFalse()});
}

template <llvm::Intrinsic::ID kId>
Value* unary(Lowering& l, const Inst& i) {
  return l.intrinsic(kId, {l.type(i.type)}, {l.arg(i, 0)});
}

Value* byte_swap(Lowering& l, const Inst& i) {
  return i.type.lane_bits() <= 8 ? l.arg(i, 0) : unary<llvm::Intrinsic::bswap>(l, i);
}

Value* reverse_in_bytes(Lowering& l, const Inst& i) {
  if (i.type.lane_bits() == 1) return l.arg(i, 0);
  Value* all = unary<llvm::Intrinsic::bitreverse>(l, i);
  return i.type.lane_bits() == 8 ? all : l.intrinsic(llvm::Intrinsic::bswap, {l.type(i.type)}, {all});
}

// Bit 7 of each byte that is not zero, without carries between bytes; then that bit stretched over its byte.
Value* or_combine_bytes(Lowering& l, const Inst& i) {
  if (i.type.lane_bits() == 1) return l.arg(i, 0);
  Value* a = l.arg(i, 0);
  Value* low = every_byte(l, i, 0x7f);
  Value* seven = l.b.CreateOr(l.b.CreateAdd(l.b.CreateAnd(a, low), low), a);
  Value* one = l.b.CreateAnd(l.b.CreateLShr(seven, 7), every_byte(l, i, 1));
  return l.b.CreateMul(one, k(l, i, 0xff));
}

struct Field {
  unsigned lsb, width;
  explicit Field(const Inst& i) : lsb(i.imm & 0xff), width(i.imm >> 8 & 0xff) {}
};

Value* field_mask(Lowering& l, const Inst& i, unsigned lsb, unsigned width) {
  return llvm::ConstantInt::get(l.type(i.type), llvm::APInt::getBitsSet(i.type.lane_bits(), lsb, lsb + width));
}

Value* extract(Lowering& l, const Inst& i) {
  const Field f(i);
  Value* down = l.b.CreateLShr(l.arg(i, 0), f.lsb);
  return f.lsb + f.width == i.type.lane_bits() ? down : l.b.CreateAnd(down, field_mask(l, i, 0, f.width));
}

Value* extract_signed(Lowering& l, const Inst& i) {
  const Field f(i);
  const unsigned width = i.type.lane_bits();
  return l.b.CreateAShr(l.b.CreateShl(l.arg(i, 0), width - f.lsb - f.width), width - f.width);
}

Value* insert(Lowering& l, const Inst& i) {
  const Field f(i);
  Value* mask = field_mask(l, i, f.lsb, f.width);
  Value* kept = l.b.CreateAnd(l.arg(i, 0), l.b.CreateNot(mask));
  return l.b.CreateOr(kept, l.b.CreateAnd(l.b.CreateShl(l.arg(i, 1), f.lsb), mask));
}

// The 128-bit carry-less product of two scalars of up to 64 bits.
Value* carryless_product(Lowering& l, const Inst& i) {
  if (!l.features.pclmul) return l.refuse("the host has no PCLMULQDQ");
  if (i.type.is_vector() || i.type.lane_bits() > 64) return l.refuse("only scalars up to 64 bits");
  llvm::Type* pair = llvm::FixedVectorType::get(l.b.getInt64Ty(), 2);
  const auto widen = [&](unsigned n) {
    Value* v = l.b.CreateZExt(l.arg(i, n), l.b.getInt64Ty());
    return l.b.CreateInsertElement(llvm::Constant::getNullValue(pair), v, u64{0});
  };
  Value* product = l.intrinsic(llvm::Intrinsic::x86_pclmulqdq, {}, {widen(0), widen(1), l.b.getInt8(0)});
  return l.b.CreateBitCast(product, l.b.getInt128Ty());
}

// Lanes of up to 16 bits: one addend for each bit of b.
Value* carryless_lanes(Lowering& l, const Inst& i) {
  const unsigned width = i.type.lane_bits();
  Value* product = llvm::Constant::getNullValue(l.type(i.type));
  for (unsigned n = 0; n < width; ++n) {
    Value* bit = l.b.CreateAShr(l.b.CreateShl(l.arg(i, 1), width - 1 - n), width - 1);
    product = l.b.CreateXor(product, l.b.CreateAnd(l.b.CreateShl(l.arg(i, 0), n), bit));
  }
  return product;
}

Value* carryless_low(Lowering& l, const Inst& i) {
  if (i.type.is_vector() && i.type.lane_bits() <= 16) return carryless_lanes(l, i);
  Value* product = carryless_product(l, i);
  return product ? l.b.CreateTrunc(product, l.type(i.type)) : nullptr;
}

Value* carryless_high(Lowering& l, const Inst& i) {
  Value* product = carryless_product(l, i);
  return product ? l.b.CreateTrunc(l.b.CreateLShr(product, i.type.lane_bits()), l.type(i.type)) : nullptr;
}

constexpr LowerRow kRows[] = {
    {Op::andn, and_not},
    {Op::not_, invert},
    {Op::shl, shift<llvm::Instruction::Shl>},
    {Op::lshr, shift<llvm::Instruction::LShr>},
    {Op::ashr, shift<llvm::Instruction::AShr>},
    {Op::rotl, rotate<llvm::Intrinsic::fshl>},
    {Op::rotr, rotate<llvm::Intrinsic::fshr>},
    {Op::clz, count_zeros<llvm::Intrinsic::ctlz>},
    {Op::ctz, count_zeros<llvm::Intrinsic::cttz>},
    {Op::popcount, unary<llvm::Intrinsic::ctpop>},
    {Op::bswap, byte_swap},
    {Op::bitreverse, unary<llvm::Intrinsic::bitreverse>},
    {Op::bitreverse8, reverse_in_bytes},
    {Op::orc8, or_combine_bytes},
    {Op::extract, extract},
    {Op::sextract, extract_signed},
    {Op::insert, insert},
    {Op::clmul, carryless_low},
    {Op::clmulh, carryless_high},
};

}  // namespace

std::span<const LowerRow> bit_rows() { return kRows; }

}  // namespace mimus::jit
