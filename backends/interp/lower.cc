#include "backends/interp/lower.h"

namespace mimus::interp {

namespace {

constexpr Handler (*kLower[])(Lowering&) = {
#define OP(name, ...) lower_##name,
#include "core/ir/ops.def"
#undef OP
};

}  // namespace

Lowering::Lowering(Program& program, const ir::Block& block, const RuntimeLayout& layout)
    : program_(program), block_(block), layout_(layout), places_(block.insts.size()) {
  pool_base_ = u32(program.pool.size());
  insn_base_ = u32(program.insns.size());
  program.pool.insert(program.pool.end(), block.pool.begin(), block.pool.end());
  exit_base_ = u32(program.exits.size()) - u32(block.exits.size());
}

void Lowering::run() {
  program_.insns.push_back({block_.key.pc, 0, 0});  // for ops before the first boundary
  for (current_ = 0; current_ < block_.insts.size(); ++current_) lower_inst();
  finish();
}

bool Lowering::run_last() {
  current_ = u32(block_.insts.size() - 1);
  record_ = {};
  record_.run = kLower[unsigned(block_.insts.back().op)](*this);
  if (record_.run) emit_record();
  return record_.run != nullptr;
}

void Lowering::finish() { program_.frame_bytes = std::max(program_.frame_bytes, next_place_ + 16); }

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
}

std::optional<u64> Lowering::constant(unsigned i) const {
  const ir::Inst& def = block_.insts[inst().args[i]];
  if (def.op != ir::Op::constant || !in_word(def.type)) return std::nullopt;
  return bits(def.imm, 0, def.type.bits());
}

u32 Lowering::place(ir::ValueId value) {
  if (places_[value]) return places_[value];
  const ir::Inst& def = block_.insts[value];
  places_[value] = next_place_;
  next_place_ += frame_bytes(def.type);
  if (def.op == ir::Op::constant && in_word(def.type)) {
    const Record outer = record_;
    const u32 outer_index = current_;
    current_ = value;
    record_ = {};
    record_.run = lower_constant(*this);
    emit_record();
    current_ = outer_index;
    record_ = outer;
  }
  return places_[value];
}

void Lowering::use(unsigned operands) {
  u32* places[] = {&record_.a, &record_.b, &record_.c};
  for (unsigned i = 0; i < operands; ++i) {
    const u32 at = place(inst().args[i]);  // may emit and restore record_
    *places[i] = at;
  }
  if (!inst().type.is_void()) record_.result = place(current_);
}

}  // namespace mimus::interp
