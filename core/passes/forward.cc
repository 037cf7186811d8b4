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
        renamed_(size_),
        slots_(u32(context.layout.slots.size())) {}

  void run();

 private:
  u32 capacity() const { return 3 * size_ + 16; }
  void step(const Inst& original, ValueId id);
  ValueId simplify(Inst& inst);
  bool track_slots(Inst& inst, ValueId id);
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
  Workspace<ValueId, kSmallInsts> renamed_;  // old value -> new value
  Workspace<ValueId, kSmallSlots> slots_;    // slot -> its value where known
};

// A copy, or kNoValue when `inst`, perhaps rewritten, has to be computed.
ValueId ForwardSweep::simplify(Inst& inst) {
  Folder folder(out_.get(), count_);
  for (unsigned i = 0;; ++i) {
    if (jobs_.copies)
      if (const CopyRule rule = kCopyRules[unsigned(inst.op)])
        if (const ValueId copy = rule(folder, inst); copy != kNoValue) return copy;
    const bool room = capacity() - count_ > size_ + Folder::kMaxNew;  // for new constants and what is yet to come
    if (!jobs_.fold || i == kMaxRewrites || !room) return kNoValue;
    const FoldRule rule = kFoldRules[unsigned(inst.op)];
    if (!rule || !rule(folder, inst)) return kNoValue;
  }
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
  if (inst.op != Op::exit_if || !Values(out_.get()).constant(inst.args[0], taken)) return false;
  if (!taken) return true;
  inst = {Op::end, 0, kVoid, {kNoValue, kNoValue, kNoValue, kNoValue}, inst.imm};
  ended_ = true;
  return false;
}

void ForwardSweep::step(const Inst& original, ValueId id) {
  Inst inst = original;
  const OpInfo& op = info(inst.op);
  const unsigned operands = arity(inst);
  for (unsigned i = 0; i < operands; ++i) inst.args[i] = renamed_[inst.args[i]];
  if (op.imm == ImmKind::exit) {
    if (jobs_.fold && resolve_exit(inst)) return;
    keep_exit(inst);
  } else if (op.imm == ImmKind::slot || op.imm == ImmKind::flags || op.imm == ImmKind::helper) {
    if (jobs_.reads && track_slots(inst, id)) return;
  } else if (const ValueId copy = simplify(inst); copy != kNoValue) {
    renamed_[id] = copy;
    return;
  }
  out_[count_] = inst;
  renamed_[id] = count_++;
}

void ForwardSweep::run() {
  forget_slots();
  const Inst* insts = block_.insts.data();
  for (ValueId id = 0; id < size_ && !ended_; ++id) step(insts[id], id);
  block_.insts.assign(out_.get(), out_.get() + count_);
  block_.exits.resize(exits_);
}

}  // namespace

void forward_sweep(Block& block, const TextContext& context, Jobs jobs) { ForwardSweep(block, context, jobs).run(); }

}  // namespace mimus::passes
