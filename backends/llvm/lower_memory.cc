// Plain loads and stores, fences, clearing.
#include <bit>
#include <cstddef>

#include "backends/llvm/access.h"

namespace mimus::jit {

using ir::Inst;
using ir::Op;
using llvm::Value;

Access::Access(Lowering& l, const Inst& inst, unsigned bytes, unsigned element, bool write)
    : l_(l),
      inst_(inst),
      attr_(ir::MemAttr::unpack(inst.attr)),
      bytes_(bytes),
      element_(element),
      write_(write),
      fast_(attr_.privilege == 0 && !l.flat()) {
  if (fast_) group_ = l.group_of(inst, displacement_);
  if (!group_) va_ = address();
}

Value* Access::address() const {
  if (va_) return va_;
  return inst_.imm ? l_.b.CreateAdd(l_.arg(inst_, 0), l_.b.getInt64(inst_.imm)) : l_.arg(inst_, 0);
}

void Access::align_down(u64 alignment) { va_ = l_.b.CreateAnd(va_, l_.b.getInt64(~(alignment - 1))); }

Value* Access::entry_field(u32 offset) {
  Value* at = l_.b.CreateConstInBoundsGEP1_32(l_.b.getInt8Ty(), entry_, offset);
  return l_.tag(l_.b.CreateAlignedLoad(l_.b.getInt64Ty(), at, llvm::Align(8)), l_.state_tag());
}

void Access::look_up(Value* first, Value* page, bool write, llvm::BasicBlock* hit) {
  auto& b = l_.b;
  Value* mask = l_.state_field(offsetof(CpuState, tlb_mask), b.getInt64Ty());
  Value* tlb = l_.state_field(offsetof(CpuState, tlb), b.getPtrTy());
  Value* index = b.CreateAnd(b.CreateLShr(first, kPageBits - kTlbEntryShift), mask);
  entry_ = b.CreateInBoundsGEP(b.getInt8Ty(), tlb, index);
  Value* tag = entry_field(write ? offsetof(TlbEntry, write_tag) : offsetof(TlbEntry, read_tag));
  l_.branch_unlikely(b.CreateICmpNE(page, tag), miss_, hit);
  b.SetInsertPoint(hit);
}

void Access::probe() {
  auto& b = l_.b;
  if (!fast_) return;
  miss_ = l_.new_block();
  join_ = l_.new_block();
  if (group_) return probe_group();
  // The last element lies on the page looked up, or the tag differs; misaligned elements that have to be aligned keep
  // low address bits, which no tag has.
  const u64 alignment = attr_.align == ir::Align::none ? 1 : element_;
  Value* last = bytes_ == alignment ? va_ : b.CreateAdd(va_, b.getInt64(bytes_ - alignment));
  Value* page = b.CreateAnd(last, b.getInt64(~kPageMask | (alignment - 1)));
  look_up(va_, page, write_, l_.new_block());
  Value* addend = entry_field(offsetof(TlbEntry, addend));
  host_ = b.CreateIntToPtr(b.CreateAdd(addend, va_), b.getPtrTy());
}

void Access::probe_group() {
  auto& b = l_.b;
  llvm::BasicBlock* hit = l_.new_block();
  Value* base_host = group_->host;
  if (base_host) {
    l_.branch_unlikely(b.CreateICmpEQ(base_host, b.getInt64(0)), miss_, hit);
    b.SetInsertPoint(hit);
  } else {
    Value* base = l_.value(group_->base);
    Value* first = b.CreateAdd(base, b.getInt64(u64(group_->low)));
    Value* last = b.CreateAdd(base, b.getInt64(u64(group_->high - 1)));
    look_up(first, b.CreateAnd(last, b.getInt64(~kPageMask)), group_->writes, hit);
    base_host = group_host_ = b.CreateAdd(entry_field(offsetof(TlbEntry, addend)), base);
  }
  host_ = b.CreateIntToPtr(b.CreateAdd(base_host, b.getInt64(u64(displacement_))), b.getPtrTy());
}

Value* Access::physical() {
  Value* page = entry_field(offsetof(TlbEntry, page));
  return l_.b.CreateOr(page, l_.b.CreateAnd(va_, l_.b.getInt64(kPageMask)));
}

void Access::go_slow() {
  if (!fast_) return;
  fast_end_ = l_.b.GetInsertBlock();
  l_.b.CreateBr(join_);
  l_.b.SetInsertPoint(miss_);
}

Value* Access::join(Value* fast, Value* slow) {
  if (!fast_) return slow;
  llvm::BasicBlock* slow_end = l_.b.GetInsertBlock();
  l_.b.CreateBr(join_);
  l_.b.SetInsertPoint(join_);
  if (group_host_) {
    llvm::PHINode* host = l_.b.CreatePHI(l_.b.getInt64Ty(), 2);
    host->addIncoming(group_host_, fast_end_);
    host->addIncoming(l_.b.getInt64(0), slow_end);
    group_->host = host;
  }
  if (!fast) return l_.nothing();
  llvm::PHINode* both = l_.b.CreatePHI(fast->getType(), 2);
  both->addIncoming(fast, fast_end_);
  both->addIncoming(slow, slow_end);
  return both;
}

Value* to_u64(Lowering& l, Value* v, ir::Type t) {
  Value* raw = l.b.CreateBitCast(v, l.b.getIntNTy(t.bytes() * 8));
  return l.b.CreateZExt(raw, l.b.getInt64Ty());
}

Value* from_u64(Lowering& l, Value* v, ir::Type t) {
  Value* raw = l.b.CreateTrunc(v, l.b.getIntNTy(t.bytes() * 8));
  return l.b.CreateBitCast(raw, l.memory_type(t));
}

Value* swap_bytes(Lowering& l, Value* v, ir::Type t, bool swap) {
  if (!swap || t.lane_bits() <= 8) return v;
  Value* raw = l.bits_of(v, t);
  return l.b.CreateBitCast(l.intrinsic(llvm::Intrinsic::bswap, {raw->getType()}, {raw}), v->getType());
}

void order_after_load(Lowering& l, ir::Order order) {
  if (order != ir::Order::relaxed) l.b.CreateFence(llvm::AtomicOrdering::Acquire);
}
void order_before_store(Lowering& l, ir::Order order) {
  if (order != ir::Order::relaxed) l.b.CreateFence(llvm::AtomicOrdering::Release);
}
void order_after_store(Lowering& l, ir::Order order) {
  if (order == ir::Order::seq_cst) l.b.CreateFence(llvm::AtomicOrdering::SequentiallyConsistent);
}

namespace {

bool fits(const ir::Type& t) { return t.bytes() <= 16 && t.elem != ir::Elem::f80; }

// The value of the slow path of a load, in its memory type; 16-byte values come through the scratch words.
Value* slow_load(Lowering& l, const Access& access, ir::Type t) {
  SlowCall call{.function = Slow::load, .result = t.bytes() <= 8, .desc = access.desc()};
  call.arguments = {{SlowArguments::kFirst, access.address()}};
  Value* low = l.call_slow(call);
  return call.result ? from_u64(l, low, t) : l.state_field(offsetof(CpuState, scratch), l.memory_type(t));
}

void slow_store(Lowering& l, const Access& access, Value* v, ir::Type t) {
  SlowCall call{.function = Slow::store, .desc = access.desc()};
  call.arguments = {{SlowArguments::kFirst, access.address()}};
  if (t.bytes() <= 8) {
    if (auto* cast = llvm::dyn_cast<llvm::BitCastInst>(v))  // again here, so that the usual path need not do it
      v = l.b.CreateBitCast(cast->getOperand(0), v->getType());
    call.arguments.push_back({SlowArguments::kSecond, to_u64(l, v, t)});
  } else {
    call.arguments.push_back({0, l.b.CreateTrunc(v, l.b.getInt64Ty())});
    call.arguments.push_back({1, l.b.CreateTrunc(l.b.CreateLShr(v, 64), l.b.getInt64Ty())});
  }
  l.call_slow(call);
}

Value* load(Lowering& l, const Inst& i) {
  const ir::Type t = i.type;
  if (t.is_vector()) return load_vector(l, i);
  if (!fits(t)) return l.refuse("80-bit floats");
  if (ir::MemAttr::unpack(i.attr).align == ir::Align::atomic16) return l.refuse("16-byte atomic accesses");
  if (flat_inline(l, i, t)) return flat_load(l, i);
  Access access(l, i, t.bytes(), t.bytes(), false);
  access.probe();
  const bool number = t == ir::i64 && access.has_fast() && !access.attr().big_endian && l.becomes_f64(l.id_of(i));
  llvm::Type* const as = number ? l.b.getDoubleTy() : l.memory_type(t);
  Value* fast = nullptr;
  if (access.has_fast()) {
    fast = l.tag(l.b.CreateAlignedLoad(as, access.host(), llvm::Align(1)), l.guest_tag());
    order_after_load(l, access.attr().order);
    fast = swap_bytes(l, fast, t, access.attr().big_endian);
  }
  access.go_slow();
  Value* v = access.join(fast, l.b.CreateBitCast(slow_load(l, access, t), as));
  if (number) return l.from_f64(v);
  return t.elem == ir::Elem::i1 ? l.b.CreateTrunc(v, l.type(t)) : v;
}

Value* store(Lowering& l, const Inst& i) {
  const ir::Type t = l.arg_type(i, 1);
  if (t.is_vector()) return store_vector(l, i);
  if (!fits(t)) return l.refuse("80-bit floats");
  if (ir::MemAttr::unpack(i.attr).align == ir::Align::atomic16) return l.refuse("16-byte atomic accesses");
  if (flat_inline(l, i, t)) return flat_store(l, i);
  Access access(l, i, t.bytes(), t.bytes(), true);
  Value* v = l.arg(i, 1);
  if (t.elem == ir::Elem::i1) v = l.b.CreateZExt(v, l.memory_type(t));
  access.probe();
  if (access.has_fast()) {
    order_before_store(l, access.attr().order);
    Value* number = access.attr().big_endian ? nullptr : l.known_f64(v);
    l.tag(l.b.CreateAlignedStore(number ? number : swap_bytes(l, v, t, access.attr().big_endian), access.host(),
                                 llvm::Align(1)),
          l.guest_tag());
    order_after_store(l, access.attr().order);
  }
  access.go_slow();
  slow_store(l, access, v, t);
  access.join(nullptr, nullptr);
  return l.nothing();
}

// Only a fence that orders stores before later loads costs anything on x86-64.
Value* fence(Lowering& l, const Inst& i) {
  const bool full = ir::FenceKind(i.attr) == ir::FenceKind::full;
  l.b.CreateFence(full ? llvm::AtomicOrdering::SequentiallyConsistent : llvm::AtomicOrdering::AcquireRelease);
  return l.nothing();
}

Value* zero_block(Lowering& l, const Inst& i) {
  auto& b = l.b;
  const unsigned bytes = unsigned(i.imm);
  Inst at = i;
  at.imm = 0;
  at.attr = ir::MemAttr{}.pack();
  Access access(l, at, 1, 1, true);
  access.align_down(bytes);
  access.probe();
  if (access.has_fast()) l.tag(b.CreateMemSet(access.host(), b.getInt8(0), bytes, llvm::MaybeAlign(1)), l.guest_tag());
  access.go_slow();
  SlowCall call{.function = Slow::zero_block, .extra = bytes};
  call.arguments = {{SlowArguments::kFirst, l.arg(i, 0)}};
  l.call_slow(call);
  access.join(nullptr, nullptr);
  return l.nothing();
}

constexpr LowerRow kRows[] = {
    {Op::load, load},
    {Op::store, store},
    {Op::fence, fence},
    {Op::zero_block, zero_block},
};

}  // namespace

std::span<const LowerRow> memory_rows() { return kRows; }

}  // namespace mimus::jit
