#include "backends/llvm/lower.h"

#include <cstddef>

#include "core/ir/op.h"

namespace mimus::jit {

using llvm::BasicBlock;
using llvm::Value;

const std::array<LowerFn, ir::kOpCount>& lower_table() {
  static const auto table = [] {
    std::array<LowerFn, ir::kOpCount> t{};
    const std::span<const LowerRow> groups[] = {integer_rows(), bit_rows(),           memory_rows(),
                                                atomic_rows(),  float_rows(),         convert_rows(),
                                                vector_rows(),  vector_memory_rows(), crypto_rows()};
    for (const auto& group : groups)
      for (const LowerRow& row : group) t[unsigned(row.op)] = row.lower;
    t[unsigned(ir::Op::begin_insn)] = [](Lowering& l, const ir::Inst& i) { return l.lower_begin_insn(i); };
    t[unsigned(ir::Op::helper)] = [](Lowering& l, const ir::Inst& i) { return l.lower_helper(i); };
    t[unsigned(ir::Op::exit_if)] = [](Lowering& l, const ir::Inst& i) { return l.lower_exit_if(i); };
    t[unsigned(ir::Op::end)] = [](Lowering& l, const ir::Inst& i) { return l.lower_end(i); };
    t[unsigned(ir::Op::read)] = [](Lowering& l, const ir::Inst& i) { return l.read_slot(ir::SlotId(i.imm)); };
    t[unsigned(ir::Op::write)] = [](Lowering& l, const ir::Inst& i) {
      l.write_slot(ir::SlotId(i.imm), l.arg(i, 0));
      return l.nothing();
    };
    return t;
  }();
  return table;
}

Lowering::Lowering(llvm::Module& module, const RegionPlan& plan, const RuntimeLayout& layout,
                   const PrepareOptions& options, const HostFeatures& features, u32 access_slack)
    : b(module.getContext()),
      context(module.getContext()),
      features(features),
      module_(module),
      plan_(plan),
      layout_(layout),
      options_(options),
      access_slack_(access_slack) {
  llvm::MDBuilder md(context);
  llvm::MDNode* root = md.createTBAARoot("mimus");
  llvm::MDNode* guest = md.createTBAAScalarTypeNode("guest memory", root);
  llvm::MDNode* state = md.createTBAAScalarTypeNode("guest state", root);
  guest_tag_ = md.createTBAAStructTagNode(guest, guest, 0);
  state_tag_ = md.createTBAAStructTagNode(state, state, 0);
  rare_ = md.createBranchWeights(1, 2000);
  slots_.resize(layout.state.slots.size());
  stable_.resize(layout.state.slots.size());
  pin_slot_.fill(-1);
  for (size_t s = 0; s < layout.state.slots.size(); ++s)
    if (const u8 pin = layout.state.slots[s].pin) pin_slot_[pin - 1] = int(s);
}

Expected<void> Lowering::run() {
  make_function();
  make_entries();
  for (u32 index : plan_.order) {
    enter_block(index);
    MIMUS_CHECK(lower_block(index));
  }
  // The entry block got the loads of stable slots; now it can end.
  b.SetInsertPoint(entry_block_);
  b.CreateBr(entries_[0].block);
  finish_phis();
  return {};
}

// ---- types and constants ----

llvm::Type* Lowering::type(ir::Type t) {
  llvm::Type* element = nullptr;
  switch (t.elem) {
    case ir::Elem::none: return b.getVoidTy();
    case ir::Elem::f16: element = b.getHalfTy(); break;
    case ir::Elem::bf16: element = b.getBFloatTy(); break;
    case ir::Elem::f32: element = b.getFloatTy(); break;
    case ir::Elem::f64: element = b.getDoubleTy(); break;
    case ir::Elem::f80: element = llvm::Type::getX86_FP80Ty(context); break;
    default: element = b.getIntNTy(t.lane_bits()); break;
  }
  return t.is_vector() ? llvm::FixedVectorType::get(element, t.lanes) : element;
}

llvm::Type* Lowering::memory_type(ir::Type t) {
  return t.elem == ir::Elem::i1 ? type({ir::Elem::i8, t.lanes}) : type(t);
}

llvm::Type* Lowering::flat_type(ir::Type t) {
  if (t.bytes() == 16) return llvm::FixedVectorType::get(b.getInt64Ty(), 2);
  return t.is_float() && !t.is_vector() ? type(t) : b.getInt64Ty();
}

Value* Lowering::splat(ir::Type t, u64 value) { return llvm::ConstantInt::get(type(t), value); }

Value* Lowering::bits_of(Value* v, ir::Type t) {
  if (t.is_int()) return v;
  const ir::Elem same_width[] = {ir::Elem::i16, ir::Elem::i16, ir::Elem::i32, ir::Elem::i64};
  return b.CreateBitCast(v, type({same_width[unsigned(t.elem) - unsigned(ir::Elem::f16)], t.lanes}));
}

Value* Lowering::refuse(std::string why) {
  if (error_.empty()) error_ = std::move(why);
  return nullptr;
}

llvm::CallInst* Lowering::intrinsic(llvm::Intrinsic::ID id, llvm::ArrayRef<llvm::Type*> types,
                                    llvm::ArrayRef<Value*> args) {
  llvm::CallInst* call = b.CreateCall(llvm::Intrinsic::getDeclaration(&module_, id, types), args);
  call->addFnAttr(llvm::Attribute::StrictFP);
  return call;
}

// ---- state and slots ----

Value* Lowering::tag(Value* access, llvm::MDNode* tbaa) {
  llvm::cast<llvm::Instruction>(access)->setMetadata(llvm::LLVMContext::MD_tbaa, tbaa);
  return access;
}

Value* Lowering::state_pointer(u32 offset) { return b.CreateConstInBoundsGEP1_32(b.getInt8Ty(), state_, offset); }

Value* Lowering::state_field(u32 offset, llvm::Type* t) {
  return tag(b.CreateAlignedLoad(t, state_pointer(offset), llvm::Align(1)), state_tag_);
}

void Lowering::set_state_field(u32 offset, Value* v) {
  tag(b.CreateAlignedStore(v, state_pointer(offset), llvm::Align(1)), state_tag_);
}

Value* Lowering::load_slot(ir::SlotId s) {
  const SlotDesc& slot = layout_.state.slots[s];
  Value* v = state_field(slot.offset, memory_type(slot.type));
  return slot.type.elem == ir::Elem::i1 ? b.CreateTrunc(v, type(slot.type)) : v;
}

Value* Lowering::read_slot(ir::SlotId s) {
  if (!plan_.changed.has(s)) return stable_value(s);
  if (!slots_[s].value) slots_[s].value = load_slot(s);
  return slots_[s].value;
}

void Lowering::write_slot(ir::SlotId s, Value* v) { slots_[s] = {v, true}; }

// The value of a slot that the region never changes: loaded once, in the entry block.
Value* Lowering::stable_value(ir::SlotId s) {
  if (slots_[s].value) return slots_[s].value;
  if (!stable_[s]) {
    llvm::IRBuilder<>::InsertPointGuard guard(b);
    b.SetInsertPoint(entry_block_);
    stable_[s] = load_slot(s);
  }
  return stable_[s];
}

void Lowering::store_slot(ir::SlotId s) {
  if (!slots_[s].dirty) return;
  const SlotDesc& slot = layout_.state.slots[s];
  Value *v = slots_[s].value, *low, *high;
  if (Value* number = known_f64(v)) return set_state_field(slot.offset, number);
  if (known_split(v, low, high)) {
    set_state_field(slot.offset, low);
    return set_state_field(slot.offset + 4, high);
  }
  if (slot.type.elem == ir::Elem::i1) v = b.CreateZExt(v, memory_type(slot.type));
  set_state_field(slot.offset, v);
}

void Lowering::store_dirty() {
  for (size_t s = 0; s < slots_.size(); ++s) store_slot(ir::SlotId(s));
}

void Lowering::store_unpinned() {
  for (size_t s = 0; s < slots_.size(); ++s)
    if (!layout_.state.slots[s].pin) store_slot(ir::SlotId(s));
}

void Lowering::sync_slots() {
  store_dirty();
  for (Slot& s : slots_) s.dirty = false;
}

void Lowering::clean_slots(const SlotSet& except) {
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (!slots_[s].dirty || except.has(ir::SlotId(s))) continue;
    store_slot(ir::SlotId(s));
    slots_[s].dirty = false;
  }
}

void Lowering::forget_slots() {
  for (Slot& s : slots_) s = {};
}

void Lowering::store_pc() { set_state_field(offsetof(CpuState, pc), b.getInt64(pc_)); }

Value* Lowering::lower_begin_insn(const ir::Inst& inst) {
  insns_before_ += pending_insn_;
  pending_insn_ = 1;
  pc_ = inst.imm;
  insn_length_ = inst.attr;
  return nothing();
}

// ---- function and blocks ----

void Lowering::make_function() {
  llvm::SmallVector<llvm::Type*, 11> params{b.getPtrTy()};
  params.append(10, b.getInt64Ty());
  function_type_ = llvm::FunctionType::get(b.getVoidTy(), params, false);
  function_ =
      llvm::Function::Create(function_type_, llvm::GlobalValue::ExternalLinkage, llvm::StringRef(kEntryName), module_);
  function_->setCallingConv(llvm::CallingConv::PreserveNone);
  function_->setVisibility(llvm::GlobalValue::HiddenVisibility);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  function_->addFnAttr(llvm::Attribute::StrictFP);
  function_->addFnAttr("frame-pointer", "none");
  function_->addFnAttr(llvm::Attribute::NoRedZone);  // the stubs of cold sites push
  // Upper halves of vector registers are neither kept by thunks nor left dirty (which slows down SSE code that comes
  // later) unless the region itself has such vectors; then LLVM clears them at every way out.
  function_->addFnAttr("prefer-vector-width", plan_.uses_wide_vectors ? "256" : "128");
  state_ = function_->getArg(0);
  cells_ = new llvm::GlobalVariable(module_, b.getInt64Ty(), false, llvm::GlobalValue::ExternalLinkage, nullptr,
                                    llvm::StringRef(kCellsName));
  cells_->setVisibility(llvm::GlobalValue::HiddenVisibility);
  entry_block_ = new_block();
  b.SetInsertPoint(entry_block_);
  b.setIsFPConstrained(true);
  b.setDefaultConstrainedExcept(llvm::fp::ebStrict);
  b.setDefaultConstrainedRounding(llvm::RoundingMode::Dynamic);
  for (unsigned pin = 0; pin < emit::kPinnedCount; ++pin)
    if (pin_slot_[pin] >= 0) slots_[pin_slot_[pin]] = {function_->getArg(pin < 5 ? 1 + pin : 3 + pin), true};
}

// LLVM blocks and phis of all reachable blocks, before any of them is filled in.
void Lowering::make_entries() {
  entries_.resize(plan_.blocks.size());
  for (u32 index : plan_.order) {
    const BlockPlan& block = plan_.blocks[index];
    Entry& entry = entries_[index];
    entry.block = new_block();
    if (block.in_edges < 2) continue;
    entry.phis.resize(slots_.size());
    entry.high_phis.resize(slots_.size());
    b.SetInsertPoint(entry.block);
    block.live_in.each([&](ir::SlotId s) {
      if (plan_.changed.has(s)) make_phi(entry, s, block.in_edges);
    });
  }
  b.SetInsertPoint(entry_block_);
  if (!plan_.blocks[0].loop.empty()) clean_slots(plan_.blocks[0].loop_writes);
  Entry& first = entries_[0];
  if (first.phis.empty()) {
    first.slots = slots_;
    return;
  }
  for (size_t s = 0; s < slots_.size(); ++s) {
    if (!first.phis[s]) continue;
    Value* v = slots_[s].value ? slots_[s].value : load_slot(ir::SlotId(s));
    add_incoming(first, ir::SlotId(s), v, entry_block_);
  }
}

void Lowering::enter_block(u32 index) {
  Entry& entry = entries_[index];
  block_index_ = index;
  block_ = plan_.region.blocks[index];
  ended_ = false;
  pc_ = block_->key.pc;
  insns_before_ = pending_insn_ = insn_length_ = 0;
  b.SetInsertPoint(entry.block);
  if (entry.phis.empty()) {
    slots_ = std::move(entry.slots);
    return;
  }
  const SlotSet& dirty = plan_.blocks[index].dirty_in;
  for (size_t s = 0; s < slots_.size(); ++s) {
    // Unchanged slots (pins among them) are what they were at the region's entry.
    if (!plan_.changed.has(ir::SlotId(s))) {
      if (layout_.state.slots[s].pin)
        slots_[s] = {function_->getArg(layout_.state.slots[s].pin + (layout_.state.slots[s].pin > 5 ? 2 : 0)),
                     dirty.has(ir::SlotId(s))};
      continue;
    }
    slots_[s] = {merged(entry, ir::SlotId(s)), entry.phis[s] && dirty.has(ir::SlotId(s))};
  }
}

AccessGroup* Lowering::group_of(const ir::Inst& inst, s64& displacement) {
  if (flat() || (inst.op != ir::Op::load && inst.op != ir::Op::store)) return nullptr;
  const auto id = &inst - block_->insts.data();
  if (id < 0 || size_t(id) >= block_->insts.size()) return nullptr;  // made up by a row
  return groups_.of(ir::ValueId(id), displacement);
}

Expected<void> Lowering::lower_block(u32 index) {
  const auto& table = lower_table();
  values_.assign(block_->insts.size(), nullptr);
  if (!flat()) groups_.find(*block_, layout_.helpers);
  extended_.assign(block_->insts.size(), {});
  for (size_t i = 0; i < block_->insts.size() && !ended_; ++i) {
    const ir::Inst& inst = block_->insts[i];
    const LowerFn lower = table[unsigned(inst.op)];
    if (lower) values_[i] = lower(*this, inst);
    if (values_[i]) continue;
    std::string message = "the LLVM engine cannot compile '" + std::string(ir::info(inst.op).name) + "'";
    if (!inst.type.is_void())
      message += " of " + std::to_string(inst.type.lanes) + " x " + std::to_string(inst.type.lane_bits()) + " bits";
    if (!error_.empty()) message += ": " + error_;
    return fail(message);
  }
  if (!ended_) return fail("block without an end");
  return {};
}

// Phis that merge one value with themselves stand for that value.
void Lowering::finish_phis() {
  std::vector<llvm::WeakVH> phis;
  for (Entry& entry : entries_)
    for (const auto* list : {&entry.phis, &entry.high_phis})
      for (llvm::PHINode* phi : *list)
        if (phi) phis.emplace_back(phi);
  for (llvm::WeakTrackingVH& value : merged_)
    if (value) llvm::RecursivelyDeleteTriviallyDeadInstructions(value);
  for (bool again = true; again;) {
    again = false;
    for (llvm::WeakVH& handle : phis) {
      auto* phi = llvm::cast_or_null<llvm::PHINode>(handle);
      if (!phi) continue;
      Value* only = phi->use_empty() ? llvm::PoisonValue::get(phi->getType()) : phi->hasConstantValue();
      if (!only) continue;
      phi->replaceAllUsesWith(only);
      phi->eraseFromParent();
      again = true;
    }
  }
}

}  // namespace mimus::jit
