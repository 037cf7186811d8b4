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
};

}  // namespace

std::span<const LowerRow> vector_rows() { return kRows; }

}  // namespace mimus::jit
