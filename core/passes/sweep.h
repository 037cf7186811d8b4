// The two sweeps that the passes are made of. A pass is a sweep with one of its jobs; run_passes does all jobs of a
// sweep at once.
//
// The forward sweep copies the block's instructions to a new list: operands follow copies, rules replace an
// instruction by an earlier value (copy rules) or by a simpler one (fold rules), slot reads become the value last read
// or written. The backward sweep marks what has to stay, then packs it. Both take time linear in the instructions, and
// memory from the stack unless the block is unusually long.
#pragma once

#include <array>

#include "core/passes/pass.h"

namespace mimus::passes {

struct Jobs {
  bool fold = false;
  bool copies = false;
  bool reads = false;  // redundant slot reads, and writes of the value that the slot has already
  bool dead_writes = false;
  bool dead_code = false;
};

void forward_sweep(ir::Block& block, const ir::TextContext& context, Jobs jobs);
void backward_sweep(ir::Block& block, const ir::TextContext& context, Jobs jobs);

// The values made so far, as rules see them.
class Values {
 public:
  Values(ir::Inst* insts, const bool* held) : insts_(insts), held_(held) {}

  const ir::Inst& def(ir::ValueId v) const { return insts_[v]; }
  ir::Type type(ir::ValueId v) const { return insts_[v].type; }

  // Is `v` a constant whose lanes all have the value `lane`? Lanes of up to 64 bits, and i128 below 2^64.
  bool constant(ir::ValueId v, u64& lane) const {
    const ir::Inst& inst = insts_[v];
    if (inst.op != ir::Op::constant) return false;
    lane = lane_value(inst.imm, inst.type);
    return true;
  }
  // Has the value been written to a slot? Then it is computed anyway, and looking through it to its operand would only
  // keep the operand (often the same register's old value) alive as well.
  bool held(ir::ValueId v) const { return held_[v]; }

  // Is every bit of every lane set? (i128 constants are zero-extended and never are.)
  bool is_ones(ir::ValueId v) const {
    u64 value = 0;
    return type(v).lane_bits() <= 64 && constant(v, value) && value == lane_value(~u64{0}, type(v));
  }
  bool is(ir::ValueId v, u64 lane) const {
    u64 value = 0;
    return constant(v, value) && value == lane;
  }
  static u64 lane_value(u64 imm, ir::Type type) {
    const unsigned width = type.lane_bits();
    return width < 64 ? imm & ((u64{1} << width) - 1) : imm;
  }

 protected:
  ir::Inst* insts_;
  const bool* held_;
};

// The same for fold rules, which may ask for constants in front of the instruction that they rewrite, at most kMaxNew.
class Folder : public Values {
 public:
  static constexpr unsigned kMaxNew = 2;
  using Values::Values;

  // `current` is the number of the instruction in hand.
  void begin(u32 current) {
    current_ = current;
    count_ = 0;
  }

  ir::ValueId add_constant(ir::Type type, u64 value) {
    pending_[count_] = make_constant(type, value);
    return current_ + count_++;
  }
  // Puts the constants asked for before the instruction in hand; returns its new number.
  u32 place_constants() {
    if (count_ == 0) return current_;
    insts_[current_ + count_] = insts_[current_];
    for (u32 i = 0; i < count_; ++i) insts_[current_ + i] = pending_[i];
    current_ += count_;
    count_ = 0;
    return current_;
  }

  static ir::Inst make_constant(ir::Type type, u64 value) {
    return {
        ir::Op::constant, 0, type, {ir::kNoValue, ir::kNoValue, ir::kNoValue, ir::kNoValue}, lane_value(value, type)};
  }
  // `inst` becomes op(a, b) of its own type.
  static bool become(ir::Inst& inst, ir::Op op, ir::ValueId a, ir::ValueId b = ir::kNoValue, u64 imm = 0) {
    inst = {op, 0, inst.type, {a, b, ir::kNoValue, ir::kNoValue}, imm};
    return true;
  }
  static bool become_constant(ir::Inst& inst, u64 value) {
    inst = make_constant(inst.type, value);
    return true;
  }

 private:
  u32 current_ = 0;
  u32 count_ = 0;
  ir::Inst pending_[kMaxNew];
};

// An earlier value that equals the instruction's result, or kNoValue.
using CopyRule = ir::ValueId (*)(const Values&, const ir::Inst&);
// Rewrites the instruction to a simpler one; false if there is none. Applied again to what it made.
using FoldRule = bool (*)(Folder&, ir::Inst&);

// One entry per op; null: no rule.
template <class Rule>
using RuleTable = std::array<Rule, ir::kOpCount>;
extern const RuleTable<CopyRule> kCopyRules;
extern const RuleTable<FoldRule> kFoldRules;

template <class Rule>
struct RuleRow {
  ir::Op op;
  Rule rule;
};
template <class Rule, size_t N>
consteval RuleTable<Rule> make_rules(const RuleRow<Rule> (&rows)[N]) {
  RuleTable<Rule> table{};
  for (const auto& row : rows) {
    if (table[unsigned(row.op)]) throw "an op has two rows";
    table[unsigned(row.op)] = row.rule;
  }
  return table;
}

}  // namespace mimus::passes
