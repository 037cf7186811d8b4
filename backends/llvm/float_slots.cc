// Floating-point registers are slots of 64 bits, and bits are what moves and stores see. But a value that travels
// between general and vector registers on its way from one operation to the next, or around a loop, costs more than the
// operations do. So the lowering remembers for values what else they are (an f64; an f32 and the bits above it), merges
// slots at joins in the form in which the region uses them, and stores that form.
#include "backends/llvm/lower.h"

namespace mimus::jit {

using llvm::Value;

namespace {

// Constants fold by themselves, whatever they are used as, and are not worth remembering.
bool is_constant(const Value* v) { return llvm::isa<llvm::Constant>(v); }

// Behind the definition of `v`, so that what is put there can be used wherever `v` can.
void go_behind(llvm::IRBuilder<>& b, Value* v, llvm::BasicBlock* entry) {
  auto* inst = llvm::dyn_cast<llvm::Instruction>(v);
  if (!inst) return b.SetInsertPoint(entry, entry->begin());  // an argument
  llvm::BasicBlock* block = inst->getParent();
  const auto at = llvm::isa<llvm::PHINode>(inst) ? block->getFirstInsertionPt() : std::next(inst->getIterator());
  b.SetInsertPoint(block, at);
}

}  // namespace

Value* Lowering::as_f64(Value* v) {
  if (is_constant(v)) return b.CreateBitCast(v, b.getDoubleTy());
  Form& form = forms_[v];
  if (!form.f64) {
    llvm::IRBuilder<>::InsertPointGuard guard(b);
    go_behind(b, v, entry_block_);
    form.f64 = b.CreateBitCast(v, b.getDoubleTy());
  }
  return form.f64;
}

void Lowering::split(Value* v, Value*& low, Value*& high) {
  const auto low_half = [&] { return b.CreateBitCast(b.CreateTrunc(v, b.getInt32Ty()), b.getFloatTy()); };
  const auto high_half = [&] { return b.CreateTrunc(b.CreateLShr(v, 32), b.getInt32Ty()); };
  if (is_constant(v)) {
    low = low_half();
    high = high_half();
    return;
  }
  Form& form = forms_[v];
  if (!form.low) {
    llvm::IRBuilder<>::InsertPointGuard guard(b);
    go_behind(b, v, entry_block_);
    form.low = low_half();
    form.high = high_half();
  }
  low = form.low;
  high = form.high;
}

Value* Lowering::from_f64(Value* number) {
  Value* v = b.CreateBitCast(number, b.getInt64Ty());
  if (!is_constant(v)) forms_[v].f64 = number;
  return v;
}

Value* Lowering::join(Value* low, Value* high) {
  Value* bits = b.CreateZExt(b.CreateBitCast(low, b.getInt32Ty()), b.getInt64Ty());
  Value* v = b.CreateOr(bits, b.CreateShl(b.CreateZExt(high, b.getInt64Ty()), 32));
  if (is_constant(v)) return v;
  Form& form = forms_[v];
  form.low = low;
  form.high = high;
  return v;
}

// A boxed number is what nearly every program has, so that a branch costs less than a choice.
Value* Lowering::unboxed(Value* v, Value* default_nan) {
  Value *low, *high;
  split(v, low, high);
  if (auto* load = llvm::dyn_cast<llvm::LoadInst>(v); load && load->getParent() == entry_block_) {
    Form& form = forms_[v];
    if (form.unboxed) return form.unboxed;
    llvm::IRBuilder<>::InsertPointGuard guard(b);
    b.SetInsertPoint(entry_block_);
    return form.unboxed = b.CreateSelect(b.CreateICmpEQ(high, b.getInt32(~u32{0})), low, default_nan);
  }
  Value* boxed = b.CreateICmpEQ(high, b.getInt32(~u32{0}));
  if (auto* known = llvm::dyn_cast<llvm::ConstantInt>(boxed)) return known->isOne() ? low : default_nan;
  llvm::BasicBlock *from = b.GetInsertBlock(), *other = new_block(), *after = new_block();
  branch_unlikely(b.CreateNot(boxed), other, after);
  b.SetInsertPoint(other);
  b.CreateBr(after);
  b.SetInsertPoint(after);
  llvm::PHINode* result = b.CreatePHI(b.getFloatTy(), 2);
  result->addIncoming(low, from);
  result->addIncoming(default_nan, other);
  return result;
}

Value* Lowering::known_f64(Value* v) const {
  const auto it = forms_.find(v);
  return it == forms_.end() ? nullptr : it->second.f64;
}

bool Lowering::known_split(Value* v, Value*& low, Value*& high) const {
  const auto it = forms_.find(v);
  if (it == forms_.end() || !it->second.low) return false;
  low = it->second.low;
  high = it->second.high;
  return true;
}

bool Lowering::becomes_f64(ir::ValueId id) const {
  constexpr size_t kLook = 8;  // a load is written to its register soon
  const auto& insts = block_->insts;
  for (size_t i = id + 1; i < std::min(insts.size(), id + kLook); ++i)
    if (insts[i].op == ir::Op::write && insts[i].args[0] == id) return plan_.float_uses[insts[i].imm] == FloatUse::f64;
  return false;
}

// ---- slots at joins ----

void Lowering::make_phi(Entry& entry, ir::SlotId s, unsigned edges) {
  const FloatUse use = plan_.float_uses[s];
  llvm::Type* t = use == FloatUse::f64   ? b.getDoubleTy()
                  : use == FloatUse::f32 ? b.getFloatTy()
                                         : type(layout_.state.slots[s].type);
  entry.phis[s] = b.CreatePHI(t, edges);
  if (use == FloatUse::f32) entry.high_phis[s] = b.CreatePHI(b.getInt32Ty(), edges);
}

void Lowering::add_incoming(Entry& entry, ir::SlotId s, Value* v, llvm::BasicBlock* from) {
  Value *low = v, *high = nullptr;
  if (plan_.float_uses[s] == FloatUse::f64) low = as_f64(v);
  if (plan_.float_uses[s] == FloatUse::f32) split(v, low, high);
  entry.phis[s]->addIncoming(low, from);
  if (high) entry.high_phis[s]->addIncoming(high, from);
}

// The slot's value as bits, at the start of the block.
Value* Lowering::merged(const Entry& entry, ir::SlotId s) {
  if (!entry.phis[s] || plan_.float_uses[s] == FloatUse::none) return entry.phis[s];
  Value* v = plan_.float_uses[s] == FloatUse::f64 ? from_f64(entry.phis[s]) : join(entry.phis[s], entry.high_phis[s]);
  merged_.emplace_back(v);
  return v;
}

}  // namespace mimus::jit
