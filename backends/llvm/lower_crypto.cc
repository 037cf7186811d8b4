// Cryptography: AES-NI, PCLMULQDQ and the SHA extensions (Intel SDM volume 2). Where the host lacks them, regions with
// such ops stay with the baseline engine.
#include "backends/llvm/lower.h"

namespace mimus::jit {
namespace {

namespace id = llvm::Intrinsic;
using ir::Inst;
using ir::Op;
using llvm::Value;

// -- AES: the host's instructions add a round key at the end, here 0 --

Value* as_pair(Lowering& l, Value* v) { return l.b.CreateBitCast(v, l.type(ir::vec(ir::Elem::i64, 2))); }
Value* aes_round(Lowering& l, const Inst& i, id::ID function, Value* state) {
  if (!l.features.aes) return l.refuse("the host has no AES instructions");
  Value* pair = as_pair(l, state);
  return l.b.CreateBitCast(l.intrinsic(function, {}, {pair, llvm::Constant::getNullValue(pair->getType())}),
                           l.type(i.type));
}
template <id::ID kId>
Value* aes_last(Lowering& l, const Inst& i) {
  return aes_round(l, i, kId, l.arg(i, 0));
}

// The operand of the instruction that defines operand 0, if that is `op`.
Value* looked_through(Lowering& l, const Inst& i, Op op) {
  const Inst& before = l.block().insts[i.args[0]];
  return before.op == op ? l.arg(before, 0) : nullptr;
}
Value* aes_mix(Lowering& l, const Inst& i) {
  if (Value* state = looked_through(l, i, Op::aes_sub_shift)) return aes_round(l, i, id::x86_aesni_aesenc, state);
  Value* undone = aes_round(l, i, id::x86_aesni_aesdeclast, l.arg(i, 0));
  return undone ? aes_round(l, i, id::x86_aesni_aesenc, undone) : nullptr;
}
Value* aes_inv_mix(Lowering& l, const Inst& i) {
  if (Value* state = looked_through(l, i, Op::aes_inv_sub_shift)) return aes_round(l, i, id::x86_aesni_aesdec, state);
  if (!l.features.aes) return l.refuse("the host has no AES instructions");
  return l.b.CreateBitCast(l.intrinsic(id::x86_aesni_aesimc, {}, {as_pair(l, l.arg(i, 0))}), l.type(i.type));
}

Value* clmul_wide(Lowering& l, const Inst& i) {
  if (!l.features.pclmul) return l.refuse("the host has no PCLMULQDQ");
  return l.intrinsic(id::x86_pclmulqdq, {}, {l.arg(i, 0), l.arg(i, 1), l.b.getInt8(i.imm ? 0x11 : 0x00)});
}

// -- SHA --

template <id::ID kId, unsigned kOperands>
Value* sha256(Lowering& l, const Inst& i) {
  if (!l.features.sha) return l.refuse("the host has no SHA instructions");
  llvm::SmallVector<Value*, 3> operands;
  for (unsigned n = 0; n < kOperands; ++n) operands.push_back(l.arg(i, n));
  return l.intrinsic(kId, {}, operands);
}

// SHA1RNDS4 has the first word in the highest lane and adds the round constant itself.
template <u8 kFunction, u32 kConstant>
Value* sha1(Lowering& l, const Inst& i) {
  if (!l.features.sha) return l.refuse("the host has no SHA instructions");
  const auto reversed = [&](Value* v) { return l.b.CreateShuffleVector(v, llvm::ArrayRef<int>{3, 2, 1, 0}); };
  Value* words = l.b.CreateSub(l.arg(i, 1), l.splat(i.type, kConstant));
  return reversed(l.intrinsic(id::x86_sha1rnds4, {}, {reversed(l.arg(i, 0)), reversed(words), l.b.getInt8(kFunction)}));
}

constexpr LowerRow kRows[] = {
    {Op::clmul_wide, clmul_wide},
    {Op::aes_sub_shift, aes_last<id::x86_aesni_aesenclast>},
    {Op::aes_inv_sub_shift, aes_last<id::x86_aesni_aesdeclast>},
    {Op::aes_mix, aes_mix},
    {Op::aes_inv_mix, aes_inv_mix},
    {Op::sha1_ch, sha1<0, 0x5a827999>},
    {Op::sha1_parity, sha1<1, 0x6ed9eba1>},
    {Op::sha1_maj, sha1<2, 0x8f1bbcdc>},
    {Op::sha256_rounds2, sha256<id::x86_sha256rnds2, 3>},
    {Op::sha256_msg1, sha256<id::x86_sha256msg1, 2>},
    {Op::sha256_msg2, sha256<id::x86_sha256msg2, 2>},
};

}  // namespace

std::span<const LowerRow> crypto_rows() { return kRows; }

}  // namespace mimus::jit
