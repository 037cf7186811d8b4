#include "core/passes/sweep.h"
#include "core/passes/workspace.h"

namespace mimus::passes {

namespace {

using namespace ir;

constexpr u32 kSmallInsts = 256, kSmallSlots = 512;
constexpr unsigned kMaxRewrites = 4;  // of one instruction by fold rules

class ForwardSweep {
 public:
  ForwardSweep(Block& block, const TextContext& context, Jobs jobs)
      : block_(block),
        context_(context),
        jobs_(jobs),
        size_(u32(block.insts.size())),
        out_(3 * size_ + 16),
        held_(3 * size_ + 16),
        folder_(out_.get(), held_.get()),
        renamed_(size_),
        slots_(u32(context.layout.slots.size())) {}

  void run();

 private:
  u32 capacity() const { return 3 * size_ + 16; }
  void step(const Inst& original, ValueId id);
  ValueId simplify();
  bool track_slots(Inst& inst, ValueId id);
  void hold(ValueId v);
  void forget_slots() { std::fill_n(slots_.get(), context_.layout.slots.size(), kNoValue); }
  bool is_pc(u64 slot) const { return context_.layout.slots[slot].role == SlotRole::program_counter; }
  void keep_exit(Inst& inst);
  bool resolve_exit(Inst& inst);

  Block& block_;
  const TextContext& context_;
  const Jobs jobs_;
  const u32 size_;
  u32 count_ = 0;
  u32 exits_ = 0;
  bool ended_ = false;
  Workspace<Inst, 3 * kSmallInsts + 16> out_;
  Workspace<bool, 3 * kSmallInsts + 16> held_;
  Folder folder_;
  Workspace<ValueId, kSmallInsts> renamed_;  // old value -> new value
  Workspace<ValueId, kSmallSlots> slots_;    // slot -> its value where known
};

// Works on the instruction at out_[count_]: returns a copy of its result, or kNoValue when it, perhaps rewritten and
// preceded by new constants, has to be computed.
ValueId ForwardSweep::simplify() {
  folder_.begin(count_);
  for (unsigned i = 0;; ++i) {
    Inst& inst = out_[count_];
    if (jobs_.copies)
      if (const CopyRule rule = kCopyRules[unsigned(inst.op)])
        if (const ValueId copy = rule(folder_, inst); copy != kNoValue) return copy;
    const bool room = capacity() - count_ > size_ + Folder::kMaxNew;  // for new constants and what is yet to come
    if (!jobs_.fold || i == kMaxRewrites || !room) return kNoValue;
    const FoldRule rule = kFoldRules[unsigned(inst.op)];
    if (!rule || !rule(folder_, inst)) return kNoValue;
    count_ = folder_.place_constants();
  }
}

// `v` is in a slot, and so is what it is but a wider form of.
void ForwardSweep::hold(ValueId v) {
  held_[v] = true;
  const Inst& inst = out_[v];
  if (inst.op == Op::sext || inst.op == Op::zext) held_[inst.args[0]] = true;
}

// Follows the values of slots. True if `inst` is superfluous (renamed_ says what stands for it). The PC slot is left
// alone, since slow paths set it.
bool ForwardSweep::track_slots(Inst& inst, ValueId id) {
  switch (inst.op) {
    case Op::read:
      if (slots_[inst.imm] != kNoValue && !is_pc(inst.imm)) {
        renamed_[id] = slots_[inst.imm];
        return true;
      }
      slots_[inst.imm] = count_;
      return false;
    case Op::write:
      if (slots_[inst.imm] == inst.args[0] && !is_pc(inst.imm)) return true;
      slots_[inst.imm] = inst.args[0];
      hold(inst.args[0]);
      return false;
    case Op::pending_flags:
      for (u64 slot = inst.imm & 0xffff, end = slot + 4; slot < end; ++slot) slots_[slot] = kNoValue;
      return false;
    case Op::helper:
      if (has(context_.helpers[inst.imm].effects, HelperEffects::writes_state)) forget_slots();
      return false;
    default: return false;
  }
}

void ForwardSweep::keep_exit(Inst& inst) {
  Exit& exit = block_.exits[exits_];
  if (exits_ != inst.imm) exit = block_.exits[inst.imm];
  if (exit.value != kNoValue) exit.value = renamed_[exit.value];
  inst.imm = exits_++;
}

// An exit whose condition is known is never taken (true: drop it) or ends the block.
bool ForwardSweep::resolve_exit(Inst& inst) {
  u64 taken;
  if (inst.op != Op::exit_if || !folder_.constant(inst.args[0], taken)) return false;
  if (!taken) return true;
  inst = {Op::end, 0, kVoid, {kNoValue, kNoValue, kNoValue, kNoValue}, inst.imm};
  ended_ = true;
  return false;
}

void ForwardSweep::step(const Inst& original, ValueId id) {
  Inst& inst = out_[count_];  // built in place: copying it right after its operands were stored would stall
  inst = original;
  const OpInfo& op = info(inst.op);
  const unsigned operands = arity(inst);
  for (unsigned i = 0; i < operands; ++i) inst.args[i] = renamed_[original.args[i]];
  if (op.imm == ImmKind::exit) {
    if (jobs_.fold && resolve_exit(inst)) return;
    keep_exit(inst);
  } else if (op.imm == ImmKind::slot || op.imm == ImmKind::flags || op.imm == ImmKind::helper) {
    if (jobs_.reads && track_slots(inst, id)) return;
  } else if (const ValueId copy = simplify(); copy != kNoValue) {
    renamed_[id] = copy;
    return;
  }
  renamed_[id] = count_++;
}

void ForwardSweep::run() {
  forget_slots();
  std::fill_n(held_.get(), capacity(), false);
  const Inst* insts = block_.insts.data();
  for (ValueId id = 0; id < size_ && !ended_; ++id) step(insts[id], id);
  block_.insts.assign(out_.get(), out_.get() + count_);
  block_.exits.resize(exits_);
}

}  // namespace

void forward_sweep(Block& block, const TextContext& context, Jobs jobs) { ForwardSweep(block, context, jobs).run(); }

}  // namespace mimus::passes
