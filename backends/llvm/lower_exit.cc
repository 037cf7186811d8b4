// Ways out of a block: helpers, slow paths, edges inside the region and edges out of it.
#include <cstddef>

#include "backends/llvm/flat.h"
#include "backends/llvm/lower.h"

namespace mimus::jit {

using llvm::BasicBlock;
using llvm::Value;

void Lowering::branch_unlikely(Value* condition, BasicBlock* rare, BasicBlock* usual) {
  b.CreateCondBr(condition, rare, usual, rare_);
}

// Musttail call of code that keeps the register contract. Without pins memory holds them and the target reloads them.
void Lowering::tail_call(Value* target, bool with_pins, Value* extra) {
  Value* poison = llvm::PoisonValue::get(b.getInt64Ty());
  llvm::SmallVector<Value*, 11> args{state_};
  args.append(10, poison);
  if (extra) args[6] = extra;  // rdx
  for (unsigned pin = 0; with_pins && pin < emit::kPinnedCount; ++pin)
    if (pin_slot_[pin] >= 0) args[pin < 5 ? 1 + pin : 3 + pin] = read_slot(ir::SlotId(pin_slot_[pin]));
  llvm::CallInst* call = b.CreateCall(function_type_, target, args);
  call->setCallingConv(llvm::CallingConv::PreserveNone);
  call->setTailCallKind(llvm::CallInst::TCK_MustTail);
  call->addFnAttr(llvm::Attribute::StrictFP);
  b.CreateRetVoid();
}

// ---- slow paths ----

namespace {

// Values that a stack map can describe. Others are stored in front of the patchpoint.
bool fits_stack_map(ir::Type t) {
  return !t.is_vector() && (t.is_int() ? t.bits() <= 64 : t.elem == ir::Elem::f32 || t.elem == ir::Elem::f64);
}

}  // namespace

Value* Lowering::patchpoint(ColdSite site, llvm::ArrayRef<Value*> args, Ways ways) {
  constexpr u32 kJumpBytes = 5;  // room for the jump to the site's stub
  const u32 bytes = site.access ? site.access->room : kJumpBytes;
  Value* null = llvm::ConstantPointerNull::get(b.getPtrTy());
  llvm::SmallVector<Value*, 32> operands{b.getInt64(cold_sites_.size()), b.getInt32(bytes), null,
                                         b.getInt32(u32(args.size()) + 1), state_};
  operands.append(args.begin(), args.end());
  const auto add = [&](u32 offset, u32 bytes, Value* v) {
    site.pieces.push_back({offset, bytes});
    operands.push_back(v);
  };
  for (size_t s = 0; s < slots_.size() && !ways.fault; ++s) {
    if (!slots_[s].dirty) continue;
    const ir::Type t = layout_.state.slots[s].type;
    const u32 offset = layout_.state.slots[s].offset;
    Value *v = slots_[s].value, *low, *high;
    if (!fits_stack_map(t)) {
      store_slot(ir::SlotId(s));
    } else if (Value* number = known_f64(v)) {
      add(offset, 8, number);
    } else if (known_split(v, low, high)) {
      add(offset, 4, low);
      add(offset + 4, 4, high);
    } else {
      add(offset, t.bytes(), t.elem == ir::Elem::i1 ? b.CreateZExt(v, b.getInt8Ty()) : v);
    }
  }
  site.insns_before = insns_before_;
  site.insn_length = insn_length_;
  const auto id =
      site.result ? llvm::Intrinsic::experimental_patchpoint : llvm::Intrinsic::experimental_patchpoint_void;
  llvm::SmallVector<llvm::Type*, 1> types;
  if (site.result) types.push_back(site.access ? flat_type(site.access->type) : b.getInt64Ty());
  cold_sites_.push_back(std::move(site));
  llvm::Function* function = llvm::Intrinsic::getDeclaration(&module_, id, types);
  llvm::CallBase* call = ways.fault
                             ? static_cast<llvm::CallBase*>(b.CreateInvoke(function, ways.next, ways.fault, operands))
                             : b.CreateCall(function, operands);
  call->setCallingConv(llvm::CallingConv::AnyReg);
  call->addFnAttr(llvm::Attribute::StrictFP);
  if (ways.fault) return call;
  call->addFnAttr(llvm::Attribute::Cold);
  call->addFnAttr(llvm::Attribute::NoUnwind);
  return call;
}

Value* Lowering::call_slow(const SlowCall& call) {
  ColdSite site{.function = call.function, .result = call.result, .desc = call.desc, .extra = call.extra, .pc = pc_};
  llvm::SmallVector<Value*, 4> args;
  for (const SlowCall::Argument& argument : call.arguments) {
    site.words.push_back(u8(argument.word));
    args.push_back(argument.value);
  }
  Value* result = patchpoint(std::move(site), args);
  return call.result ? result : nullptr;
}

Value* Lowering::flat_access(const FlatAccess& access, Value* base, Value* stored, Retry retry) {
  ColdSite site{.result = !access.store, .access = access, .pc = pc_};
  site.access->room = u8(flat_access_bytes(access, layout_.memory) + access_slack_);
  llvm::SmallVector<Value*, 2> args{base};
  if (access.store) args.push_back(stored);
  BasicBlock* faulted = new_block();
  BasicBlock* done = new_block();
  Value* fast = patchpoint(std::move(site), args, {done, faulted});
  BasicBlock* from = b.GetInsertBlock();

  b.SetInsertPoint(faulted);
  if (!function_->hasPersonalityFn()) set_personality();
  b.CreateLandingPad(llvm::StructType::get(b.getPtrTy(), b.getInt32Ty()), 0)->setCleanup(true);
  Value* slow = retry();
  BasicBlock* retried = b.GetInsertBlock();
  b.CreateBr(done);

  b.SetInsertPoint(done);
  if (access.store) return nothing();
  llvm::PHINode* value = b.CreatePHI(fast->getType(), 2);
  value->addIncoming(fast, from);
  value->addIncoming(slow, retried);
  return value;
}

// Nobody ever unwinds through a region: with a personality, LLVM writes down where landing pads are.
void Lowering::set_personality() {
  auto callee =
      module_.getOrInsertFunction(llvm::StringRef(kPersonalityName), llvm::FunctionType::get(b.getInt32Ty(), true));
  function_->setPersonalityFn(llvm::cast<llvm::Function>(callee.getCallee()));
}

// From the table: what is compiled may outlive the process.
Value* Lowering::function_address(u32 index) {
  llvm::Type* word = b.getInt64Ty();
  auto* table = llvm::cast<llvm::GlobalVariable>(module_.getOrInsertGlobal(llvm::StringRef(kFunctionsName), word));
  table->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return b.CreateLoad(word, b.CreateConstGEP1_64(word, table, index));
}

Value* Lowering::call_function(Function function, llvm::ArrayRef<Value*> operands, Value* what, bool observes) {
  if (observes) {
    store_dirty();
    store_pc();
  }
  llvm::SmallVector<llvm::Type*, 6> types{b.getPtrTy(),   b.getInt64Ty(), b.getInt64Ty(),
                                          b.getInt64Ty(), b.getInt32Ty(), b.getInt64Ty()};
  llvm::SmallVector<Value*, 6> args{state_};
  args.append(operands.begin(), operands.end());
  args.resize(4, llvm::PoisonValue::get(b.getInt64Ty()));
  args.push_back(what);
  args.push_back(function_address(u32(function)));
  const auto type = llvm::FunctionType::get(b.getInt64Ty(), types, false);
  const llvm::StringRef name(kSymbolNames[unsigned(plan_.uses_wide_vectors ? Symbol::assist_wide : Symbol::assist)]);
  auto* thunk = llvm::cast<llvm::Function>(module_.getOrInsertFunction(name, type).getCallee());
  constexpr auto convention = llvm::CallingConv::PreserveAll;  // the thunk saves what a C function may change
  thunk->setVisibility(llvm::GlobalValue::HiddenVisibility);
  thunk->setCallingConv(convention);
  llvm::CallInst* call = b.CreateCall(type, thunk, args);
  call->setCallingConv(convention);
  call->addFnAttr(llvm::Attribute::StrictFP);
  call->addFnAttr(llvm::Attribute::NoUnwind);
  call->addFnAttr(llvm::Attribute::Cold);
  if (observes) leave_if_asked();
  return call;
}

void Lowering::leave_if_asked() {
  Value* leave = state_field(offsetof(CpuState, leave), b.getInt32Ty());
  BasicBlock* go_on = new_block();
  BasicBlock* go_out = options_.count_insns ? new_block() : leave_block();
  branch_unlikely(b.CreateICmpNE(leave, b.getInt32(0)), go_out, go_on);
  if (options_.count_insns) {
    b.SetInsertPoint(go_out);
    count_early();
    b.CreateBr(leave_block());
  }
  b.SetInsertPoint(go_on);
}

// Counts what has retired when a slow path or a helper leaves: the instructions before the current one, and that one
// too if the guest goes on right behind it.
void Lowering::count_early() {
  Value* pc = state_field(offsetof(CpuState, pc), b.getInt64Ty());
  Value* done = b.CreateZExt(b.CreateICmpEQ(pc, b.getInt64(pc_ + insn_length_)), b.getInt64Ty());
  add_insns(b.CreateAdd(done, b.getInt64(insns_before_)));
}

void Lowering::add_insns(Value* count) {
  constexpr u32 offset = offsetof(CpuState, insn_count);
  set_state_field(offset, b.CreateAdd(state_field(offset, b.getInt64Ty()), count));
}

BasicBlock* Lowering::leave_block() {
  if (leave_block_) return leave_block_;
  llvm::IRBuilder<>::InsertPointGuard guard(b);
  leave_block_ = new_block();
  b.SetInsertPoint(leave_block_);
  auto callee = module_.getOrInsertFunction(llvm::StringRef(kSymbolNames[unsigned(Symbol::leave)]), function_type_);
  auto* leave = llvm::cast<llvm::Function>(callee.getCallee());
  leave->setVisibility(llvm::GlobalValue::HiddenVisibility);
  leave->setCallingConv(llvm::CallingConv::PreserveNone);
  tail_call(leave, false);
  return leave_block_;
}

// ---- helpers ----

// A helper's operands travel as u64; f32 and f64 as their bits.
Value* Lowering::lower_helper(const ir::Inst& inst) {
  const HelperDesc& helper = layout_.helpers[inst.imm];
  const HelperRule rule = helper_rule(helper);
  llvm::SmallVector<llvm::Type*, 5> types{b.getPtrTy()};
  llvm::SmallVector<Value*, 5> args{state_};
  for (unsigned i = 0; i < ir::arity(inst); ++i) {
    args.push_back(b.CreateZExt(bits_of(arg(inst, i), arg_type(inst, i)), b.getInt64Ty()));
    types.push_back(b.getInt64Ty());
  }
  if (rule.syncs) sync_slots();
  const bool swaps_fp = has(helper.effects, HelperEffects::uses_host_fp);
  const bool shows_fp = swaps_fp || has(helper.effects, HelperEffects::touches_fp_flags);
  Value* guest_mxcsr = state_pointer(offsetof(CpuState, guest_mxcsr));
  if (shows_fp) intrinsic(llvm::Intrinsic::x86_sse_stmxcsr, {}, {guest_mxcsr});
  if (swaps_fp) intrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {state_pointer(offsetof(CpuState, host_mxcsr))});
  Value* address = b.CreateIntToPtr(function_address(u32(Function::count) + u32(inst.imm)), b.getPtrTy());
  llvm::CallInst* call = b.CreateCall(llvm::FunctionType::get(b.getInt64Ty(), types, false), address, args);
  call->addFnAttr(llvm::Attribute::StrictFP);
  call->addFnAttr(llvm::Attribute::NoUnwind);
  if (shows_fp) intrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {guest_mxcsr});
  if (has(helper.effects, HelperEffects::may_leave)) leave_if_asked();
  if (rule.clobbers) forget_slots();
  return call;
}

// ---- exits ----

Value* Lowering::lower_exit_if(const ir::Inst& inst) {
  const u32 index = u32(inst.imm);
  BasicBlock* taken = new_block();
  BasicBlock* go_on = new_block();
  const bool trap = block_->exits[index].kind == ir::Exit::Kind::trap;
  if (trap)
    branch_unlikely(arg(inst, 0), taken, go_on);
  else
    b.CreateCondBr(arg(inst, 0), taken, go_on);
  const std::vector<Slot> here = slots_;
  b.SetInsertPoint(taken);
  emit_exit(index);
  slots_ = here;
  b.SetInsertPoint(go_on);
  return nothing();
}

Value* Lowering::lower_end(const ir::Inst& inst) {
  emit_exit(u32(inst.imm));
  ended_ = true;
  return nothing();
}

void Lowering::count_insns(const ir::Exit& exit) {
  if (options_.count_insns && exit.insns) add_insns(b.getInt64(exit.insns));
}

void Lowering::emit_exit(u32 index) {
  const ir::Exit& exit = block_->exits[index];
  count_insns(exit);
  if (exit.kind == ir::Exit::Kind::trap) return emit_trap(exit);
  if (polls(*block_, exit)) poll_exit(index);
  const u32 to = plan_.blocks[block_index_].successor[index];
  if (to != kOutside) return emit_inside(index, to);
  emit_outside(index);
}

void Lowering::emit_trap(const ir::Exit& exit) {
  ColdSite site{.kind = ColdSite::Kind::leave, .function = Slow::trap, .desc = exit.cause, .pc = pc_};
  site.words = {SlowArguments::kSecond};
  patchpoint(std::move(site), {b.getInt64(exit.tval)});
  b.CreateUnreachable();
}

// Leaves in front of the edge when somebody wants this CPU to stop.
void Lowering::poll_exit(u32 index) {
  auto* request = b.CreateAlignedLoad(b.getInt32Ty(), state_pointer(offsetof(CpuState, exit_request)), llvm::Align(4));
  tag(request, state_tag_);
  BasicBlock* leave = new_block();
  BasicBlock* go_on = new_block();
  branch_unlikely(b.CreateICmpNE(request, b.getInt32(0)), leave, go_on);
  b.SetInsertPoint(leave);
  patchpoint({.kind = ColdSite::Kind::poll, .pc = block_->exits[index].target}, {});
  b.CreateUnreachable();
  b.SetInsertPoint(go_on);
}

void Lowering::emit_inside(u32 index, u32 to) {
  if (block_->exits[index].kind == ir::Exit::Kind::call) push_return(index);
  Entry& target = entries_[to];
  if (plan_.blocks[to].cleans(block_index_)) clean_slots(plan_.blocks[to].loop_writes);
  if (target.phis.empty()) {
    target.slots = slots_;
  } else {
    for (size_t s = 0; s < slots_.size(); ++s)
      if (target.phis[s]) add_incoming(target, ir::SlotId(s), read_slot(ir::SlotId(s)), b.GetInsertBlock());
  }
  b.CreateBr(target.block);
}

// An exit out of the region. Linked edges go straight to what their cell holds; everything else is done by the exit's
// stub, which gets a computed target in rdx.
void Lowering::emit_outside(u32 index) {
  const ir::Exit& exit = block_->exits[index];
  store_unpinned();
  if (exit.kind == ir::Exit::Kind::call || exit.kind == ir::Exit::Kind::call_indirect) push_return(index);
  Value* target = exit.value == ir::kNoValue ? nullptr : values_[exit.value];
  Value* stub = make_stub(ExitStub::Kind::edge, index);
  if (is_linkable(*block_, exit, flat())) {
    Value* cell = b.CreateConstInBoundsGEP1_64(b.getInt64Ty(), cells_, stubs_.size() - 1);
    stub = b.CreateAlignedLoad(b.getPtrTy(), cell, llvm::Align(8));
  }
  tail_call(stub, true, target);
}

// Tells the return stack where the matching `ret` will come back to.
void Lowering::push_return(u32 index) {
  Value* landing = make_stub(ExitStub::Kind::landing, index);
  Value* top = state_field(offsetof(CpuState, return_top), b.getInt32Ty());
  Value* entry = b.CreateInBoundsGEP(b.getInt8Ty(), state_pointer(offsetof(CpuState, return_stack)),
                                     b.CreateZExt(top, b.getInt64Ty()));
  tag(b.CreateAlignedStore(b.getInt64(block_->exits[index].return_pc), entry, llvm::Align(8)), state_tag_);
  Value* code = b.CreateConstInBoundsGEP1_32(b.getInt8Ty(), entry, offsetof(ReturnEntry, code));
  tag(b.CreateAlignedStore(landing, code, llvm::Align(8)), state_tag_);
  constexpr u32 mask = kReturnStackEntries * sizeof(ReturnEntry) - 1;
  Value* next = b.CreateAnd(b.CreateAdd(top, b.getInt32(sizeof(ReturnEntry))), b.getInt32(mask));
  set_state_field(offsetof(CpuState, return_top), next);
}

Value* Lowering::make_stub(ExitStub::Kind kind, u32 index) {
  const std::string name = std::string(kExitPrefix) + std::to_string(stubs_.size());
  stubs_.push_back({kind, block_index_, index});
  auto* stub = llvm::Function::Create(function_type_, llvm::GlobalValue::ExternalLinkage, name, module_);
  stub->setVisibility(llvm::GlobalValue::HiddenVisibility);
  stub->setCallingConv(llvm::CallingConv::PreserveNone);
  return stub;
}

}  // namespace mimus::jit
