// Lanes: splat, access, permutation, reduction, masks. Vectors are LLVM vectors of the same shape.
#include "backends/llvm/lower.h"

namespace mimus::jit {
namespace {

using ir::Inst;
using ir::Op;
using llvm::Value;

constexpr unsigned kMaxBits = 512;  // beyond that LLVM splits into too many registers

bool fits(Lowering& l, const Inst& i) {
  const ir::Type a = l.arg_type(i, 0);
  if (std::max(i.type.bits(), a.bits()) <= kMaxBits) return true;
  l.refuse("only vectors up to 512 bits");
  return false;
}

Value* splat(Lowering& l, const Inst& i) {
  return fits(l, i) ? l.b.CreateVectorSplat(i.type.lanes, l.arg(i, 0)) : nullptr;
}
Value* get_lane(Lowering& l, const Inst& i) {
  return fits(l, i) ? l.b.CreateExtractElement(l.arg(i, 0), i.imm) : nullptr;
}
Value* set_lane(Lowering& l, const Inst& i) {
  return fits(l, i) ? l.b.CreateInsertElement(l.arg(i, 0), l.arg(i, 1), i.imm) : nullptr;
}

Value* shuffle(Lowering& l, const Inst& i) {
  if (!fits(l, i)) return nullptr;
  llvm::SmallVector<int, 64> lanes;
  for (unsigned k = 0; k < i.type.lanes; ++k) lanes.push_back(l.block().pool.at(i.imm + k));
  return l.b.CreateShuffleVector(l.arg(i, 0), l.arg(i, 1), lanes);
}

// Lane by lane; the index is masked first so that reading out of range is defined, and the result replaced by 0.
Value* pick_lanes(Lowering& l, const Inst& i) {
  if (!fits(l, i)) return nullptr;
  auto& b = l.b;
  Value *from = l.arg(i, 0), *index = l.arg(i, 1);
  if (i.type == ir::vec(ir::Elem::i8, 16) && i.type == l.arg_type(i, 1) && l.features.ssse3) {
    // PSHUFB gives 0 where bit 7 is set: so it is from 16 on.
    Value* far = l.intrinsic(llvm::Intrinsic::uadd_sat, {index->getType()}, {index, l.splat(i.type, 0x70)});
    return l.intrinsic(llvm::Intrinsic::x86_ssse3_pshuf_b_128, {}, {from, far});
  }
  const ir::Type index_type = l.arg_type(i, 1);
  const unsigned lanes = i.type.lanes;
  llvm::Type* element = index->getType()->getScalarType();
  const bool all_valid = index_type.lane_bits() < 64 && (u64{1} << index_type.lane_bits()) <= lanes;
  Value* valid = all_valid ? nullptr : b.CreateICmpULT(index, l.splat(index_type, lanes));
  Value* result = llvm::Constant::getNullValue(from->getType());
  for (unsigned k = 0; k < lanes; ++k) {
    Value* at = b.CreateExtractElement(index, k);
    if (valid) at = b.CreateSelect(b.CreateExtractElement(valid, k), at, llvm::ConstantInt::get(element, 0));
    result = b.CreateInsertElement(result, b.CreateExtractElement(from, at), k);
  }
  return valid ? b.CreateSelect(valid, result, llvm::Constant::getNullValue(from->getType())) : result;
}

// -- products of half lanes --

Value* low_half(Lowering& l, Value* v, bool sign) {
  const unsigned half = v->getType()->getScalarSizeInBits() / 2;
  Value* up = l.b.CreateShl(v, half);
  return sign ? l.b.CreateAShr(up, half) : l.b.CreateLShr(up, half);
}
template <bool kSign>
Value* multiply_low(Lowering& l, const Inst& i) {
  if (i.type.lane_bits() == 1) return llvm::Constant::getNullValue(l.type(i.type));
  return l.b.CreateMul(low_half(l, l.arg(i, 0), kSign), low_half(l, l.arg(i, 1), kSign));
}
Value* multiply_pairs(Lowering& l, const Inst& i) {
  if (i.type.lane_bits() == 1) return llvm::Constant::getNullValue(l.type(i.type));
  if (i.type == ir::vec(ir::Elem::i32, 4)) {
    llvm::Type* halves = l.type(ir::vec(ir::Elem::i16, 8));
    return l.intrinsic(llvm::Intrinsic::x86_sse2_pmadd_wd, {},
                       {l.b.CreateBitCast(l.arg(i, 0), halves), l.b.CreateBitCast(l.arg(i, 1), halves)});
  }
  const auto high = [&](unsigned n) { return l.b.CreateAShr(l.arg(i, n), i.type.lane_bits() / 2); };
  return l.b.CreateAdd(multiply_low<true>(l, i), l.b.CreateMul(high(0), high(1)));
}

template <llvm::Intrinsic::ID kId>
Value* reduce(Lowering& l, const Inst& i) {
  if (!fits(l, i)) return nullptr;
  if (!i.type.is_int()) return l.refuse("only integers");
  return l.intrinsic(kId, {l.arg(i, 0)->getType()}, {l.arg(i, 0)});
}

Value* mask_bits(Lowering& l, const Inst& i) {
  const unsigned lanes = l.arg_type(i, 0).lanes;
  if (lanes > 64) return l.refuse("only 64 lanes");
  return l.b.CreateZExt(l.b.CreateBitCast(l.arg(i, 0), l.b.getIntNTy(lanes)), l.b.getInt64Ty());
}

constexpr LowerRow kRows[] = {
    {Op::splat, splat},
    {Op::lane_get, get_lane},
    {Op::lane_set, set_lane},
    {Op::lane_pick, pick_lanes},
    {Op::shuffle, shuffle},
    {Op::reduce_add, reduce<llvm::Intrinsic::vector_reduce_add>},
    {Op::reduce_or, reduce<llvm::Intrinsic::vector_reduce_or>},
    {Op::reduce_umax, reduce<llvm::Intrinsic::vector_reduce_umax>},
    {Op::mask_bits, mask_bits},
    {Op::smul_low, multiply_low<true>},
    {Op::umul_low, multiply_low<false>},
    {Op::mul_pairs, multiply_pairs},
};

}  // namespace

std::span<const LowerRow> vector_rows() { return kRows; }

}  // namespace mimus::jit
