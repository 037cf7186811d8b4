#include "backends/baseline/assists.h"

namespace mimus::baseline {

using interp::SingleOp;

const SingleOp* Assists::get(const ir::Inst& inst, std::span<const ir::Type> operands, std::span<const u8> pool,
                             const SingleOp::Site& site) {
  const ir::OpInfo& info = ir::info(inst.op);
  std::lock_guard lock(mutex_);
  if (has(info.effects, ir::Effects::may_fault) || info.imm == ir::ImmKind::pool) {
    auto made = SingleOp::make(inst, operands, pool, layout_, site);
    if (!made) return nullptr;
    return placed_.emplace_back(std::move(made)).get();
  }
  std::string key;
  const auto add = [&](const auto& field) { key.append(reinterpret_cast<const char*>(&field), sizeof field); };
  add(inst.op), add(inst.attr), add(inst.imm), add(inst.type.elem), add(inst.type.lanes);
  for (const ir::Type type : operands) add(type.elem), add(type.lanes);
  auto [at, fresh] = shared_.try_emplace(std::move(key));
  if (fresh) at->second = SingleOp::make(inst, operands, {}, layout_, {});
  return at->second.get();
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
