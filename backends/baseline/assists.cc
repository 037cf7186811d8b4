#include "backends/baseline/assists.h"

#include <algorithm>

namespace mimus::baseline {

using interp::SingleOp;

namespace {

OpKey::PlainType plain(ir::Type type) { return {u8(type.elem), 0, type.lanes}; }
ir::Type typed(OpKey::PlainType type) { return {ir::Elem(type.elem), type.lanes}; }

ir::Inst inst_of(const OpKey& key) {
  ir::Inst inst;
  inst.op = ir::Op(key.op);
  inst.attr = key.attr;
  inst.type = typed(key.type);
  inst.imm = key.imm;
  return inst;
}

bool is_sound(OpKey::PlainType type) {
  constexpr u16 kMostLanes = 2048 / 8;
  return type.elem <= u8(ir::Elem::f80) && type.lanes >= 1 && type.lanes <= kMostLanes;
}

bool is_sound(const OpKey& key) {
  if (key.op >= ir::kOpCount || key.operand_count > 4 || !is_sound(key.type)) return false;
  const ir::Inst inst = inst_of(key);
  if (Assists::is_placed(inst) || inst.op == ir::Op::helper || ir::info(inst.op).arity != key.operand_count)
    return false;
  return std::all_of(key.operands, key.operands + key.operand_count, [](auto type) { return is_sound(type); });
}

}  // namespace

bool Assists::is_placed(const ir::Inst& inst) {
  const ir::OpInfo& info = ir::info(inst.op);
  return has(info.effects, ir::Effects::may_fault) || info.imm == ir::ImmKind::pool;
}

const SingleOp* Assists::get(const ir::Inst& inst, std::span<const ir::Type> operands, std::span<const u8> pool,
                             const SingleOp::Site& site) {
  if (is_placed(inst)) {
    auto made = SingleOp::make(inst, operands, pool, layout_, site);
    if (!made) return nullptr;
    std::lock_guard lock(mutex_);
    return placed_.emplace_back(std::move(made)).get();
  }
  OpKey key;
  key.op = u16(inst.op), key.attr = inst.attr, key.imm = inst.imm;
  key.operand_count = u32(operands.size());
  key.type = plain(inst.type);
  std::ranges::transform(operands, key.operands, plain);
  return get(key);
}

const SingleOp* Assists::get(const OpKey& key) {
  if (!is_sound(key)) return nullptr;
  std::lock_guard lock(mutex_);
  auto [at, fresh] = shared_.try_emplace(std::string(reinterpret_cast<const char*>(&key), sizeof key));
  if (fresh) {
    const ir::Inst inst = inst_of(key);
    ir::Type operands[4];
    std::transform(key.operands, key.operands + key.operand_count, operands, typed);
    at->second = SingleOp::make(inst, {operands, key.operand_count}, {}, layout_, {});
  }
  return at->second.get();
}

bool Assists::find_key(const SingleOp* single, OpKey& out) {
  std::lock_guard lock(mutex_);
  for (const auto& [key, made] : shared_) {
    if (made.get() != single) continue;
    std::memcpy(&out, key.data(), sizeof out);
    return true;
  }
  return false;
}

void Assists::reset() {
  std::lock_guard lock(mutex_);
  placed_.clear();
}

u64 run_single_op(CpuState* state, u64 single, u64 frame, u64, u64) {
  reinterpret_cast<const SingleOp*>(single)->run(state, reinterpret_cast<u8*>(frame));
  return 0;
}

u64 run_scalar_op(CpuState* state, u64 a, u64 b, u64 single, u32) {
  const auto& op = *reinterpret_cast<const SingleOp*>(single);
  alignas(16) u8 frame[256];
  if (op.operand(0)) interp::put<u64>(frame + op.operand(0), a);
  if (op.operand(1)) interp::put<u64>(frame + op.operand(1), b);
  op.run(state, frame);
  return interp::get<u64>(frame + op.result());
}

}  // namespace mimus::baseline
