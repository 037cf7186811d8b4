#include "backends/interp/lower.h"

#include <algorithm>

namespace mimus::interp {

namespace {

constexpr Handler (*kLower[])(Lowering&) = {
#define OP(name, ...) lower_##name,
#include "core/ir/ops.def"
#undef OP
};

}  // namespace

Lowering::Lowering(Program& program, const ir::Block& block, const RuntimeLayout& layout, bool fuse)
    : program_(program), block_(block), layout_(layout), fuse_(fuse), values_(block.insts.size()) {
  pool_base_ = u32(program.pool.size());
  insn_base_ = u32(program.insns.size());
  program.pool.insert(program.pool.end(), block.pool.begin(), block.pool.end());
  exit_base_ = u32(program.exits.size()) - u32(block.exits.size());
}

void Lowering::run() {
  note_uses();
  program_.insns.push_back({block_.key.pc, 0, 0});  // for ops before the first boundary
  for (current_ = 0; current_ < block_.insts.size(); current_ += 1 + taken_) {
    taken_ = 0;
    lower_inst();
  }
  finish();
}

bool Lowering::run_last() {
  note_uses();
  current_ = u32(block_.insts.size() - 1);
  record_ = {};
  record_.run = kLower[unsigned(block_.insts.back().op)](*this);
  if (record_.run) emit_record();
  return record_.run != nullptr;
}

void Lowering::finish() { program_.frame_bytes = std::max(program_.frame_bytes, next_place_ + 16); }

void Lowering::note_uses() {
  for (u32 i = 0; i < block_.insts.size(); ++i) {
    const ir::Inst& inst = block_.insts[i];
    for (unsigned k = 0; k < arity(inst); ++k) values_[inst.args[k]].last_use = i;
    if (ir::info(inst.op).imm != ir::ImmKind::exit) continue;
    if (const ir::ValueId value = block_.exits[inst.imm].value; value != ir::kNoValue) values_[value].last_use = i;
  }
}

void Lowering::lower_inst() {
  const ir::Inst& inst = block_.insts[current_];
  if (inst.op == ir::Op::begin_insn) return begin_insn(inst);
  // Scalar constants wait for a use that cannot hold them itself.
  if (inst.op == ir::Op::constant && in_word(inst.type)) return;
  record_ = {};
  if (const Handler run = kLower[unsigned(inst.op)](*this)) {
    record_.run = run;
    emit_record();
  }
}

void Lowering::begin_insn(const ir::Inst& inst) {
  const u32 before = u32(program_.insns.size()) - insn_base_ - 1;
  program_.insns.push_back({inst.imm, inst.attr, before});
}

void Lowering::emit_record() {
  record_.insn = u16(program_.insns.size() - 1);
  program_.records.push_back(record_);
  program_.ops.push_back(block_.insts[current_].op);
}

std::optional<u64> Lowering::constant(unsigned i) const {
  const ir::Inst& def = block_.insts[inst().args[i]];
  if (def.op != ir::Op::constant || !in_word(def.type)) return std::nullopt;
  return bits(def.imm, 0, def.type.bits());
}

// -- places --

// Gives `value` a new place in the frame, filled by a record of its own before the current one.
void Lowering::emit_aside(ir::ValueId value, Handler run, u64 imm, u32 from) {
  const Record outer = record_;
  values_[value].frame = next_place_;
  values_[value].dirty_upper = false;
  next_place_ += 8;
  record_ = {.run = run, .a = from, .result = values_[value].frame, .imm = imm};
  emit_record();
  record_ = outer;
}

// From its slot into the frame.
void Lowering::fetch(ir::ValueId value) {
  emit_aside(value, read_handler(block_.insts[value].type), values_[value].slot, 0);
}

u32 Lowering::in_frame(ir::ValueId value) {
  Value& v = values_[value];
  const ir::Inst& def = block_.insts[value];
  if (v.frame && v.dirty_upper) {
    emit_aside(value, clean_handler(def.type), 0, v.frame);
  } else if (!v.frame && v.slot != kNoSlot) {
    fetch(value);
  } else if (!v.frame && def.op == ir::Op::constant && in_word(def.type)) {
    emit_aside(value, constant_handler(), bits(def.imm, 0, def.type.bits()), 0);
  } else if (!v.frame) {
    v.frame = next_place_;
    next_place_ += frame_bytes(def.type);
  }
  return v.frame;
}

Place Lowering::place(ir::ValueId value) {
  const Value& v = values_[value];
  if (v.frame) return {Source::frame, v.frame};
  if (v.slot != kNoSlot) return {Source::slot, v.slot};
  return {Source::frame, in_frame(value)};
}

void Lowering::use(unsigned operands) {
  u32* places[] = {&record_.a, &record_.b, &record_.c};
  for (unsigned i = 0; i < operands; ++i) {
    const u32 at = in_frame(inst().args[i]);  // may emit and restore record_
    *places[i] = at;
  }
  use_result();
}
void Lowering::use_result() {
  if (!inst().type.is_void()) record_.result = in_frame(current_);
}

// -- taking over what follows --

Target Lowering::take_write(u32& slot) {
  if (!fuse_) return Target::frame;
  const auto& insts = block_.insts;
  u32 next = current_ + 1;
  Target target = Target::slot;
  if (next < insts.size() && (insts[next].op == ir::Op::sext || insts[next].op == ir::Op::zext) &&
      insts[next].args[0] == current_ && insts[next].type == ir::i64) {
    target = insts[next].op == ir::Op::sext ? Target::slot_sext : Target::slot_zext;
    ++next;
  }
  const u32 value = next - 1;
  if (next >= insts.size() || insts[next].op != ir::Op::write || insts[next].args[0] != value ||
      insts[value].type != ir::i64)
    return Target::frame;
  slot = layout_.state.slots[insts[next].imm].offset;
  taken_ = next - current_;
  before_write(slot, 8);
  settle(current_, slot);
  if (value != current_) settle(value, slot);
  return target;
}

bool Lowering::take_exit(u32& exit) {
  if (!fuse_) return false;
  const u32 next = current_ + 1;
  const ir::Inst& inst = block_.insts[next];  // there is always an `end`
  if (inst.op != ir::Op::exit_if || inst.args[0] != current_ || values_[current_].last_use != next) return false;
  exit = exit_base_ + u32(inst.imm);
  taken_ = 1;
  return true;
}

void Lowering::settle(ir::ValueId value, u32 slot) {
  if (values_[value].last_use <= current_ + taken_) return;
  values_[value].slot = slot;
  in_slots_.push_back(value);
}

bool Lowering::alias(const SlotDesc& slot) {
  if (!fuse_ || !in_word(type()) || slot.role == SlotRole::program_counter) return false;  // slow paths set the PC
  settle(current_, slot.offset);
  return true;
}

bool Lowering::alias_operand() {
  if (!fuse_ || !in_word(arg_type(0)) || constant(0)) return false;
  const Value& operand = values_[inst().args[0]];
  Value& v = values_[current_];
  if (operand.frame) {
    v.frame = operand.frame;
    v.dirty_upper = true;
  } else {
    settle(current_, operand.slot);
  }
  return true;
}

void Lowering::before_write(u32 offset, u32 bytes) {
  std::erase_if(in_slots_, [&](ir::ValueId value) {
    Value& v = values_[value];
    if (v.slot < offset || v.slot - offset >= bytes) return false;
    if (!v.frame && v.last_use > current_ + taken_) fetch(value);
    v.slot = kNoSlot;
    return true;
  });
}

}  // namespace mimus::interp
