#include <algorithm>
#include <span>

#include "core/passes/pass.h"

namespace mimus::passes {

namespace {

using namespace ir;

constexpr u32 kMaxInsns = 4;  // guest instructions that may be skipped
constexpr u32 kMaxSlots = 3;  // that they write

// Cheaper than a branch that is predicted wrongly now and then, and without effects.
constexpr Op kCheap[] = {Op::constant, Op::read, Op::write, Op::begin_insn, Op::add,     Op::sub,      Op::neg,
                         Op::and_,     Op::or_,  Op::xor_,  Op::andn,       Op::not_,    Op::shl,      Op::lshr,
                         Op::ashr,     Op::zext, Op::sext,  Op::trunc,      Op::extract, Op::sextract, Op::eq,
                         Op::ne,       Op::slt,  Op::sle,   Op::ult,        Op::ule,     Op::select,   Op::mul};
constexpr auto kIsCheap = [] {
  std::array<bool, kOpCount> table{};
  for (Op op : kCheap) table[unsigned(op)] = true;
  return table;
}();

struct Hammock {
  u32 branch = 0, join = 0;  // the exit_if, and the begin_insn that it goes to
  SlotId slots[kMaxSlots] = {};
  u32 slot_count = 0;
};

bool is_plain(Type type) { return type.is_void() || (type.is_int() && !type.is_vector() && type.bits() <= 64); }

bool add_slot(Hammock& hammock, SlotId slot, const TextContext& context) {
  const SlotDesc& desc = context.layout.slots[slot];
  if (desc.role == SlotRole::program_counter || !is_plain(desc.type) || desc.type == i1) return false;
  SlotId* const end = hammock.slots + hammock.slot_count;
  if (std::find(hammock.slots, end, slot) != end) return true;
  if (hammock.slot_count == kMaxSlots) return false;
  *end = slot;
  ++hammock.slot_count;
  return true;
}

// Is the exit_if at `branch` of `insts` one? The instructions it skips must all be cheap. `block` has the exits.
bool find_hammock(const Block& block, std::span<const Inst> insts, const TextContext& context, u32 branch,
                  Hammock& out) {
  const Exit& exit = block.exits[insts[branch].imm];
  if (exit.kind != Exit::Kind::jump || exit.target <= block.key.pc || exit.target >= block.key.pc + block.guest_bytes)
    return false;
  out = {};
  out.branch = branch;
  u32 insns = 0;
  for (u32 i = branch + 1; i < insts.size(); ++i) {
    const Inst& skipped = insts[i];
    if (!kIsCheap[unsigned(skipped.op)] || !is_plain(skipped.type)) return false;
    if (skipped.op == Op::write && !add_slot(out, SlotId(skipped.imm), context)) return false;
    if (skipped.op != Op::begin_insn) continue;
    if (skipped.imm == exit.target) {
      out.join = i;
      return out.slot_count > 0;
    }
    if (++insns > kMaxInsns || skipped.imm > exit.target) return false;
  }
  return false;
}

class Converter {
 public:
  Converter(Block& block, const TextContext& context) : block_(block), context_(context), old_(block.insts) {
    renamed_.resize(old_.size());
  }

  void run() {
    block_.insts.clear();
    std::vector<Exit> exits;
    Hammock hammock;
    bool inside = false;
    ValueId condition = kNoValue, before[kMaxSlots];
    for (u32 i = 0; i < old_.size(); ++i) {
      const Inst& inst = old_[i];
      if (!inside && inst.op == Op::exit_if && find_hammock(block_, old_, context_, i, hammock)) {
        inside = true;
        condition = renamed_[inst.args[0]];
        for (u32 k = 0; k < hammock.slot_count; ++k) before[k] = read(hammock.slots[k]);
        continue;
      }
      if (inside && i == hammock.join) {
        inside = false;
        for (u32 k = 0; k < hammock.slot_count; ++k) join(hammock.slots[k], condition, before[k]);
      }
      copy(inst, i, exits);
    }
    block_.exits = std::move(exits);
  }

 private:
  ValueId add(const Inst& inst) {
    block_.insts.push_back(inst);
    return ValueId(block_.insts.size() - 1);
  }
  ValueId read(SlotId slot) {
    return add({.op = Op::read,
                .attr = 0,
                .type = context_.layout.slots[slot].type,
                .args = {kNoValue, kNoValue, kNoValue, kNoValue},
                .imm = slot});
  }
  void join(SlotId slot, ValueId condition, ValueId before) {
    const ValueId after = read(slot);
    const Type type = context_.layout.slots[slot].type;
    const ValueId value =
        add({.op = Op::select, .attr = 0, .type = type, .args = {condition, before, after, kNoValue}, .imm = 0});
    add({.op = Op::write, .attr = 0, .type = kVoid, .args = {value, kNoValue, kNoValue, kNoValue}, .imm = slot});
  }
  void copy(const Inst& inst, u32 index, std::vector<Exit>& exits) {
    Inst moved = inst;
    for (unsigned k = 0, count = arity(inst); k < count; ++k) moved.args[k] = renamed_[inst.args[k]];
    if (info(inst.op).imm == ImmKind::exit) {
      exits.push_back(block_.exits[inst.imm]);
      if (exits.back().value != kNoValue) exits.back().value = renamed_[exits.back().value];
      moved.imm = exits.size() - 1;
    }
    renamed_[index] = add(moved);
  }

  Block& block_;
  const TextContext& context_;
  std::vector<Inst> old_;
  std::vector<ValueId> renamed_;
};

}  // namespace

bool convert_hammocks(Block& block, const TextContext& context) {
  Hammock hammock;
  for (u32 i = 0; i < block.insts.size(); ++i) {
    if (block.insts[i].op != Op::exit_if || !find_hammock(block, block.insts, context, i, hammock)) continue;
    Converter(block, context).run();
    return true;
  }
  return false;
}

}  // namespace mimus::passes
