#include "core/passes/sweep.h"
#include "core/passes/workspace.h"

namespace mimus::passes {

namespace {

using namespace ir;

constexpr u32 kSmallInsts = 768, kSmallSlots = 512;

class BackwardSweep {
 public:
  BackwardSweep(Block& block, const TextContext& context, Jobs jobs)
      : block_(block),
        context_(context),
        jobs_(jobs),
        size_(u32(block.insts.size())),
        slot_count_(u32(context.layout.slots.size())),
        number_(size_),
        overwritten_(slot_count_) {}

  void run();

 private:
  bool needed(const Inst& inst, ValueId id);
  bool needs_flags(u32 first);
  bool removable(const Inst& inst) const;
  void keep(const Inst& inst);
  void observe_all() { ++epoch_; }
  Effects effects(const Inst& inst) const;
  void pack();

  static constexpr ValueId kUnused = kNoValue, kUsed = 0, kKept = 1;

  Block& block_;
  const TextContext& context_;
  const Jobs jobs_;
  const u32 size_, slot_count_;
  u32 epoch_ = 1;
  Workspace<ValueId, kSmallInsts> number_;   // kUnused, kUsed (by something kept), kKept; then the new number
  Workspace<u32, kSmallSlots> overwritten_;  // == epoch_: written later, before anything can see the slot
};

// Whether something can see all slots at this instruction.
Effects BackwardSweep::effects(const Inst& inst) const {
  if (inst.op != Op::helper) return info(inst.op).effects;
  const HelperEffects helper = context_.helpers[inst.imm].effects;
  constexpr HelperEffects sees = HelperEffects::reads_state | HelperEffects::writes_state | HelperEffects::may_leave;
  return has(helper, sees) ? Effects::may_leave : Effects::writes_memory;
}

// A helper that computes a result and does nothing else may go with its result.
bool BackwardSweep::removable(const Inst& inst) const {
  if (inst.op != Op::helper) return info(inst.op).removable();
  return context_.helpers[inst.imm].effects == HelperEffects::none && !inst.type.is_void();
}

// The record of pending flags covers four slots; it goes when all of them are written again.
bool BackwardSweep::needs_flags(u32 first) {
  bool dead = true;
  for (u32 slot = first; slot < first + 4; ++slot) {
    dead &= overwritten_[slot] == epoch_;
    overwritten_[slot] = epoch_;
  }
  return !dead || !jobs_.dead_writes;
}

bool BackwardSweep::needed(const Inst& inst, ValueId id) {
  if (inst.op == Op::write) {
    const bool dead = overwritten_[inst.imm] == epoch_;
    overwritten_[inst.imm] = epoch_;
    return !dead || !jobs_.dead_writes;
  }
  if (inst.op == Op::pending_flags) return needs_flags(inst.imm & 0xffff);
  if (jobs_.dead_code && number_[id] == kUnused && removable(inst)) return false;
  if (inst.op == Op::read) overwritten_[inst.imm] = 0;
  if (has(effects(inst), Effects::may_fault | Effects::may_leave)) observe_all();
  return true;
}

void BackwardSweep::keep(const Inst& inst) {
  const unsigned operands = arity(inst);
  for (unsigned i = 0; i < operands; ++i)
    if (number_[inst.args[i]] == kUnused) number_[inst.args[i]] = kUsed;
  if (info(inst.op).imm != ImmKind::exit) return;
  const ValueId value = block_.exits[inst.imm].value;
  if (value != kNoValue && number_[value] == kUnused) number_[value] = kUsed;
}

// Moves what is kept to the front and renumbers it.
void BackwardSweep::pack() {
  Inst* insts = block_.insts.data();
  u32 count = 0;
  for (ValueId id = 0; id < size_; ++id) {
    if (number_[id] != kKept) continue;
    Inst& inst = insts[count];
    if (count != id) inst = insts[id];
    const unsigned operands = arity(inst);
    for (unsigned i = 0; i < operands; ++i) inst.args[i] = number_[inst.args[i]];
    if (info(inst.op).imm == ImmKind::exit) {
      ValueId& value = block_.exits[inst.imm].value;
      if (value != kNoValue) value = number_[value];
    }
    number_[id] = count++;
  }
  block_.insts.resize(count);
}

void BackwardSweep::run() {
  std::fill_n(number_.get(), size_, kUnused);
  std::fill_n(overwritten_.get(), slot_count_, 0);
  for (ValueId id = size_; id-- > 0;) {
    const Inst& inst = block_.insts[id];
    if (!needed(inst, id)) {
      number_[id] = kUnused;
      continue;
    }
    number_[id] = kKept;
    keep(inst);
  }
  pack();
}

}  // namespace

void backward_sweep(Block& block, const TextContext& context, Jobs jobs) { BackwardSweep(block, context, jobs).run(); }

}  // namespace mimus::passes
