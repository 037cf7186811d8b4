// Atomic read-modify-writes, compare-and-swap, load-linked and store-conditional. They run inline on a write hit, with
// the host's locked instructions; misaligned ones always miss.
#include <cstddef>

#include "backends/llvm/access.h"

namespace mimus::jit {
namespace {

using ir::Inst;
using ir::Op;
using llvm::AtomicOrdering;
using llvm::Value;

// Atomic accesses are looked up as naturally aligned ones, whatever the guest's rule for misaligned ones: those take
// the slow path.
Inst aligned(const Inst& i) {
  Inst copy = i;
  ir::MemAttr attr = ir::MemAttr::unpack(i.attr);
  if (attr.align == ir::Align::none) attr.align = ir::Align::natural;
  copy.attr = attr.pack();
  return copy;
}

bool supported(const Inst& i, ir::Type t) {
  return t.is_int() && !t.is_vector() && t.bytes() <= 8 && !ir::MemAttr::unpack(i.attr).big_endian;
}

u32 slow_desc(const Inst& i, ir::Type t) { return access_desc(unsigned(std::countr_zero(t.bytes())), i.attr); }

template <llvm::AtomicRMWInst::BinOp kOp>
Value* read_modify_write(Lowering& l, const Inst& i) {
  const ir::Type t = i.type;
  if (!supported(i, t)) return l.refuse("only little-endian integers up to 8 bytes");
  const Inst lookup = aligned(i);
  Access access(l, lookup, t.bytes(), t.bytes(), true);
  access.probe();
  Value* fast = nullptr;
  if (access.has_fast())
    fast = l.tag(l.b.CreateAtomicRMW(kOp, access.host(), l.arg(i, 1), llvm::Align(t.bytes()),
                                     AtomicOrdering::SequentiallyConsistent),
                 l.guest_tag());
  access.go_slow();
  SlowCall call{.function = Slow::amo, .result = true, .desc = slow_desc(i, t), .extra = u32(i.op)};
  call.arguments = {{SlowArguments::kFirst, access.address()}, {SlowArguments::kSecond, to_u64(l, l.arg(i, 1), t)}};
  Value* slow = l.call_slow(call);
  return access.join(fast, from_u64(l, slow, t));
}

// Of 16 bytes: by the runtime, which has a lock-free instruction for it. Words 0-1 are expected, 2-3 desired.
Value* compare_and_swap_wide(Lowering& l, const Inst& i) {
  auto& b = l.b;
  const auto half = [&](Value* v, unsigned shift) { return b.CreateTrunc(b.CreateLShr(v, shift), b.getInt64Ty()); };
  SlowCall call{.function = Slow::cas, .desc = slow_desc(i, i.type)};
  call.arguments = {{SlowArguments::kFirst, Access(l, aligned(i), 16, 16, true).address()}};
  for (u32 word = 0; word < 4; ++word) call.arguments.push_back({word, half(l.arg(i, 1 + word / 2), word % 2 * 64)});
  l.call_slow(call);
  return l.state_field(offsetof(CpuState, scratch), l.type(i.type));
}

Value* compare_and_swap(Lowering& l, const Inst& i) {
  auto& b = l.b;
  const ir::Type t = i.type;
  if (t == ir::i128 && !ir::MemAttr::unpack(i.attr).big_endian) return compare_and_swap_wide(l, i);
  if (!supported(i, t)) return l.refuse("only little-endian integers up to 8 bytes");
  const Inst lookup = aligned(i);
  Access access(l, lookup, t.bytes(), t.bytes(), true);
  access.probe();
  Value* fast = nullptr;
  if (access.has_fast()) {
    Value* pair = b.CreateAtomicCmpXchg(access.host(), l.arg(i, 1), l.arg(i, 2), llvm::Align(t.bytes()),
                                        AtomicOrdering::SequentiallyConsistent, AtomicOrdering::SequentiallyConsistent);
    fast = b.CreateExtractValue(l.tag(pair, l.guest_tag()), 0);
  }
  access.go_slow();
  SlowCall call{.function = Slow::cas, .desc = slow_desc(i, t)};
  call.arguments = {
      {SlowArguments::kFirst, access.address()}, {0, to_u64(l, l.arg(i, 1), t)}, {2, to_u64(l, l.arg(i, 2), t)}};
  l.call_slow(call);
  Value* old = l.state_field(offsetof(CpuState, scratch), b.getInt64Ty());
  return access.join(fast, from_u64(l, old, t));
}

// A reservation is an address, a size and the value that was loaded; store_conditional compares the value. (A store of
// the same value in between goes unnoticed; core/engine/runtime.h's slow paths keep the same rule.)
Value* load_linked(Lowering& l, const Inst& i) {
  auto& b = l.b;
  const ir::Type t = i.type;
  if (!supported(i, t)) return l.refuse("only little-endian integers up to 8 bytes");
  const Inst lookup = aligned(i);
  Access access(l, lookup, t.bytes(), t.bytes(), false);
  access.probe();
  Value* fast = nullptr;
  if (access.has_fast()) {
    fast = l.tag(b.CreateAlignedLoad(l.type(t), access.host(), llvm::Align(t.bytes())), l.guest_tag());
    b.CreateFence(AtomicOrdering::Acquire);
    l.set_state_field(offsetof(CpuState, reservation_address), access.physical());
    l.set_state_field(offsetof(CpuState, reservation_value), to_u64(l, fast, t));
    l.set_state_field(offsetof(CpuState, reservation_size), b.getInt32(t.bytes()));
  }
  access.go_slow();
  SlowCall call{.function = Slow::load_linked, .result = true, .desc = slow_desc(i, t)};
  call.arguments = {{SlowArguments::kFirst, access.address()}};
  Value* slow = l.call_slow(call);
  return access.join(fast, from_u64(l, slow, t));
}

Value* store_conditional(Lowering& l, const Inst& i) {
  auto& b = l.b;
  const ir::Type t = l.arg_type(i, 1);
  if (!supported(i, t)) return l.refuse("only little-endian integers up to 8 bytes");
  const Inst lookup = aligned(i);
  Access access(l, lookup, t.bytes(), t.bytes(), true);
  access.probe();
  Value* fast = nullptr;
  if (access.has_fast()) {
    Value* size = l.state_field(offsetof(CpuState, reservation_size), b.getInt32Ty());
    Value* where = l.state_field(offsetof(CpuState, reservation_address), b.getInt64Ty());
    Value* value = l.state_field(offsetof(CpuState, reservation_value), l.type(t));
    l.set_state_field(offsetof(CpuState, reservation_size), b.getInt32(0));
    Value* holds = b.CreateAnd(b.CreateICmpEQ(size, b.getInt32(t.bytes())), b.CreateICmpEQ(where, access.physical()));
    llvm::BasicBlock* before = b.GetInsertBlock();
    llvm::BasicBlock* attempt = l.new_block();
    llvm::BasicBlock* after = l.new_block();
    b.CreateCondBr(holds, attempt, after);
    b.SetInsertPoint(attempt);
    Value* pair = b.CreateAtomicCmpXchg(access.host(), value, l.arg(i, 1), llvm::Align(t.bytes()),
                                        AtomicOrdering::SequentiallyConsistent, AtomicOrdering::SequentiallyConsistent);
    Value* failed = b.CreateNot(b.CreateExtractValue(l.tag(pair, l.guest_tag()), 1));
    b.CreateBr(after);
    b.SetInsertPoint(after);
    llvm::PHINode* result = b.CreatePHI(b.getInt1Ty(), 2);
    result->addIncoming(b.getTrue(), before);
    result->addIncoming(failed, attempt);
    fast = b.CreateZExt(result, b.getInt64Ty());
  }
  access.go_slow();
  SlowCall call{.function = Slow::store_conditional, .result = true, .desc = slow_desc(i, t)};
  call.arguments = {{SlowArguments::kFirst, access.address()}, {SlowArguments::kSecond, to_u64(l, l.arg(i, 1), t)}};
  Value* slow = l.call_slow(call);
  return access.join(fast, slow);
}

using Rmw = llvm::AtomicRMWInst;
constexpr LowerRow kRows[] = {
    {Op::load_linked, load_linked},
    {Op::store_conditional, store_conditional},
    {Op::amo_swap, read_modify_write<Rmw::Xchg>},
    {Op::amo_add, read_modify_write<Rmw::Add>},
    {Op::amo_and, read_modify_write<Rmw::And>},
    {Op::amo_or, read_modify_write<Rmw::Or>},
    {Op::amo_xor, read_modify_write<Rmw::Xor>},
    {Op::amo_smin, read_modify_write<Rmw::Min>},
    {Op::amo_smax, read_modify_write<Rmw::Max>},
    {Op::amo_umin, read_modify_write<Rmw::UMin>},
    {Op::amo_umax, read_modify_write<Rmw::UMax>},
    {Op::cas, compare_and_swap},
};

}  // namespace

std::span<const LowerRow> atomic_rows() { return kRows; }

}  // namespace mimus::jit
