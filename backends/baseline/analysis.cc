#include "backends/baseline/analysis.h"

#include <algorithm>

#include "core/engine/helper.h"

namespace mimus::baseline {

using ir::Elem;
using ir::Inst;
using ir::Op;
using ir::Type;
using ir::ValueId;

namespace {

constexpr s64 kGroupSpan = 256;
constexpr s64 kDisplacementLimit = s64{1} << 30;

bool is_scalar_int(Type type) { return type.is_int() && !type.is_vector() && type.elem != Elem::i128; }
// Lives in one general or SSE register.
bool is_word(Type type) { return !type.is_vector() && type.elem != Elem::i128 && type.elem != Elem::f80; }
bool is_compare(Op op) { return op >= Op::eq && op <= Op::ule; }

// What the emitter guarantees about the upper register bits of a result.
Ext natural_ext(const Inst& inst) {
  if (inst.type.elem == Elem::i8 || inst.type.elem == Elem::i16 || inst.type.elem == Elem::f16 ||
      inst.type.elem == Elem::bf16) {
    return inst.op == Op::load || inst.op == Op::read || inst.op == Op::constant ? Ext::zero : Ext::any;
  }
  return Ext::zero;
}

bool is_zero(const Inst& inst) { return inst.op == Op::constant && inst.imm == 0; }

}  // namespace

void Analysis::run(const ir::Block& block) {
  block_ = &block;
  const size_t count = block.insts.size();
  facts_.assign(count, {});
  sweep_.assign(count, {});
  count_uses();
  find_shapes();
  find_uses();
}

void Analysis::count_uses() {
  for (u32 i = 0; i < block_->insts.size(); ++i) {
    const Inst& inst = block_->insts[i];
    if (inst.op == Op::unbox) {  // looks through a box of its own kind
      const Inst& box = block_->insts[inst.args[0]];
      if (box.op == Op::box && block_->insts[box.args[0]].type == inst.type) continue;
    }
    for_each_operand(*block_, inst, [&](unsigned, ValueId value) { ++sweep_[value].uses; });
    if (inst.op == Op::sext) ++sweep_[inst.args[0]].sign_uses;
    if (inst.op == Op::zext) ++sweep_[inst.args[0]].zero_uses;
  }
}

void Analysis::find_shapes() {
  for (u32 i = 0; i < block_->insts.size(); ++i) {
    facts_[i].root = i;
    facts_[i].ext = natural_ext(block_->insts[i]);
    shape_of(i);
  }
}

void Analysis::make_view(u32 index, ValueId of, Ext ext) {
  facts_[index].shape = Shape::view;
  facts_[index].root = facts_[of].root;
  facts_[index].ext = ext;
}

bool Analysis::fusable(ValueId value) const { return sweep_[value].uses == 1 && facts_[value].shape == Shape::code; }

void Analysis::shape_of(u32 index) {
  const Inst& inst = block_->insts[index];
  const auto def = [&](unsigned k) -> const Inst& { return block_->insts[inst.args[k]]; };
  const auto fuse = [&](unsigned k) { facts_[inst.args[k]].shape = Shape::fused; };
  switch (inst.op) {
    case Op::constant:
      if (is_word(inst.type) || is_block(inst.type)) facts_[index].shape = Shape::constant;
      break;
    case Op::load:
      // sign-extended at once if that is wanted and nobody wants zeros
      if (sweep_[index].sign_uses && !sweep_[index].zero_uses && is_scalar_int(inst.type))
        facts_[index].ext = Ext::sign;
      break;
    case Op::trunc:
      if (is_scalar_int(def(0).type) && inst.type != ir::i1) make_view(index, inst.args[0], Ext::any);
      break;
    case Op::zext:
    case Op::sext: {
      if (is_block(inst.type)) {
        const bool compares = inst.op == Op::sext && is_compare(def(0).op);
        if (host_.vectors && compares && block_->insts[def(0).args[0]].type == inst.type && fusable(inst.args[0]))
          fuse(0);
        break;
      }
      const Ext wanted = inst.op == Op::zext ? Ext::zero : Ext::sign;
      if (is_scalar_int(inst.type) && facts_[inst.args[0]].ext == wanted &&
          facts_[inst.args[0]].shape != Shape::constant)
        make_view(index, inst.args[0], wanted);
      break;
    }
    case Op::bitcast:
      if (is_word(inst.type) && is_word(def(0).type)) make_view(index, inst.args[0], facts_[inst.args[0]].ext);
      if (is_block(inst.type) && is_block(def(0).type)) make_view(index, inst.args[0], Ext::any);
      break;
    case Op::unbox:
      if (def(0).op == Op::box && block_->insts[def(0).args[0]].type == inst.type)
        make_view(index, def(0).args[0], facts_[def(0).args[0]].ext);
      break;
    case Op::exit_if:
    case Op::select:
      if (!is_compare(def(0).op) || !is_scalar_int(block_->insts[def(0).args[0]].type) || !fusable(inst.args[0])) break;
      fuse(0);
      if (const Inst& compare = def(0); compare.op <= Op::ne && is_zero(block_->insts[compare.args[1]]) &&
                                        block_->insts[compare.args[0]].op == Op::and_ && fusable(compare.args[0]))
        facts_[compare.args[0]].shape = Shape::fused;
      break;
    case Op::add:
      if (inst.type != ir::i64 && inst.type != ir::i32) break;
      for (unsigned k : {1u, 0u}) {
        if (def(k).op != Op::shl || !fusable(inst.args[k]) || facts_[inst.args[1 - k]].shape == Shape::constant)
          continue;
        const Inst& amount = block_->insts[def(k).args[1]];
        if (amount.op != Op::constant || amount.imm - 1 >= 3) continue;
        fuse(k);
        break;
      }
      break;
    case Op::fma:  // the sign of a NaN operand is lost, which only x86 would show
      if (const auto attr = ir::FpAttr::unpack(inst.attr);
          attr.rule != ir::IntRule::riscv || attr.flush || !host_.fma || !host_has(attr.rounding))
        break;
      for (unsigned k = 0; k < 3; ++k)
        if (def(k).op == Op::fneg && fusable(inst.args[k]) && (inst.type == ir::f32 || inst.type == ir::f64)) fuse(k);
      break;
    case Op::aes_mix:
    case Op::aes_inv_mix: {
      const Op before = inst.op == Op::aes_mix ? Op::aes_sub_shift : Op::aes_inv_sub_shift;
      if (host_.aes && def(0).op == before && fusable(inst.args[0])) fuse(0);
      break;
    }
    case Op::write:
      if (def(0).op == Op::box && fusable(inst.args[0]) && block_->insts[def(0).args[0]].type == ir::f32 &&
          layout_.slots[inst.imm].pin == 0)
        fuse(0);
      if (layout_.slots[inst.imm].type == ir::i1) fuse_flag(inst);
      break;
    default: break;
  }
}

// A condition flag goes to its slot right out of the host's flags (Compiler::write_flag): comparisons, the sign of a
// difference, and the overflow of a subtraction, written as an addition of the complement.
void Analysis::fuse_flag(const Inst& write) {
  const Inst& flag = block_->insts[write.args[0]];
  if (!fusable(write.args[0]) || layout_.slots[write.imm].pin) return;
  const bool overflow = flag.op == Op::add_overflow;
  if (!is_compare(flag.op) && !overflow) return;
  const Type type = block_->insts[flag.args[0]].type;
  if (type != ir::i32 && type != ir::i64) return;
  if (overflow) {
    const Inst &carry = block_->insts[flag.args[2]], &addend = block_->insts[flag.args[1]];
    const bool complement = addend.op == Op::not_ && fusable(flag.args[1]);
    if (carry.op != Op::constant || !(carry.imm & 1) || (!complement && addend.op != Op::constant)) return;
    if (complement) facts_[flag.args[1]].shape = Shape::fused;
  } else if (flag.op == Op::slt && is_zero(block_->insts[flag.args[1]]) && block_->insts[flag.args[0]].op == Op::sub &&
             fusable(flag.args[0])) {
    facts_[flag.args[0]].shape = Shape::fused;
  }
  facts_[write.args[0]].shape = Shape::fused;
}

// ---- backward: uses, pins, groups ----

void Analysis::note_use(u32 user, Facts& by, unsigned operand, ValueId value) {
  const ValueId root = facts_[value].root;
  by.next[operand] = sweep_[root].next_use;
  sweep_[root].next_use = user;
}

void Analysis::note_operands(u32 user, u32 index) {
  for_each_operand(*block_, block_->insts[index], [&](unsigned k, ValueId value) {
    if (facts_[value].shape == Shape::fused)
      note_operands(user, value);
    else
      note_use(user, facts_[index], k, value);
  });
}

// `index` is a write: its value may be computed into the pinned register at once unless somebody could tell.
void Analysis::note_pin(u32 index) {
  const Inst& inst = block_->insts[index];
  const u8 pin = layout_.slots[inst.imm].pin;
  if (pin == 0) return;
  pin_write_[pin - 1] = index;
  const ValueId root = facts_[inst.args[0]].root;
  Facts& value = facts_[root];
  if (value.shape == Shape::code && block_->insts[root].op != Op::read && value.pin == 0) value.pin = pin;
}

void Analysis::note_access(u32 index) {
  const Inst& inst = block_->insts[index];
  const ir::MemAttr attr = ir::MemAttr::unpack(inst.attr);
  const ValueId base = facts_[inst.args[0]].root;
  const Type type = inst.op == Op::store ? block_->insts[inst.args[1]].type : inst.type;
  const s64 disp = s64(inst.imm);
  Facts& access = facts_[index];
  if (attr.align != ir::Align::none || attr.big_endian || attr.privilege || type.bytes() > 16 ||
      facts_[base].shape == Shape::constant || std::abs(disp) >= kDisplacementLimit)
    return;
  access.group_low = s32(disp);
  access.group_high = s32(disp + type.bytes());
  access.group_writes = inst.op == Op::store;
  const u32 next = sweep_[base].next_access;
  sweep_[base].next_access = index;
  if (next == kNever || next >= group_limit_) return;
  const s32 low = std::min(access.group_low, facts_[next].group_low);
  const s32 high = std::max(access.group_high, facts_[next].group_high);
  if (high - low > kGroupSpan) return;
  access.group_next = next;
  access.group_low = low;
  access.group_high = high;
  access.group_writes |= facts_[next].group_writes;
}

void Analysis::find_uses() {
  std::ranges::fill(pin_write_, kNever);
  std::ranges::fill(pin_read_, kNever);
  observer_ = group_limit_ = kNever;
  for (u32 i = u32(block_->insts.size()); i-- > 0;) {
    const Inst& inst = block_->insts[i];
    Facts& facts = facts_[i];
    facts.first_use = sweep_[i].next_use;
    if (facts.shape != Shape::code) continue;
    const ir::OpInfo& info = ir::info(inst.op);
    if (facts.first_use == kNever && info.removable()) {
      facts.shape = Shape::dead;
      continue;
    }
    if (facts.pin) {  // a later write to the pin wants it
      const unsigned p = facts.pin - 1u;
      const u32 write = pin_write_[p];
      const bool same = write != kNever && facts_[block_->insts[write].args[0]].root == i;
      if (!same || observer_ < write || pin_read_[p] < write) facts.pin = 0;
    }
    if (inst.op == Op::write) note_pin(i);
    if (inst.op == Op::read && layout_.slots[inst.imm].pin) pin_read_[layout_.slots[inst.imm].pin - 1] = i;
    if (inst.op == Op::load || inst.op == Op::store) note_access(i);
    bool observes = has(info.effects, ir::Effects::may_fault | ir::Effects::may_leave);
    if (inst.op == Op::helper) {
      using enum HelperEffects;
      observes = has(helpers_[inst.imm].effects, reads_state | writes_state | may_leave);
      if (observes) group_limit_ = i;
    }
    if (observes) observer_ = i;
    note_operands(i, i);
  }
}

}  // namespace mimus::baseline
