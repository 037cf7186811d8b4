#include "backends/interp/single_op.h"

#include "backends/interp/lower.h"

namespace mimus::interp {

namespace {

const Record* stop(const Record*, u8*, CpuState*) { return nullptr; }

bool stands_alone(ir::Op op) {
  constexpr ir::Effects kTied =
      ir::Effects::reads_slot | ir::Effects::writes_slot | ir::Effects::may_leave | ir::Effects::marker;
  return !has(ir::info(op).effects, kTied);
}

}  // namespace

std::unique_ptr<SingleOp> SingleOp::make(const ir::Inst& inst, std::span<const ir::Type> operands,
                                         std::span<const u8> pool, const RuntimeLayout& layout, const Site& site) {
  if (!stands_alone(inst.op)) return nullptr;
  ir::Block block;
  block.key.pc = site.pc;
  block.pool.assign(pool.begin(), pool.end());
  for (const ir::Type type : operands) block.insts.push_back({.op = ir::Op::read, .type = type});  // never lowered
  block.insts.push_back(inst);
  for (u32 i = 0; i < operands.size(); ++i) block.insts.back().args[i] = i;

  auto single = std::make_unique<SingleOp>();
  Program& program = single->program_;
  program.counts = site.counts;
  program.insns.push_back({site.pc, site.length, site.retired});
  Lowering lowering(program, block, layout, false);
  if (!lowering.run_last()) return nullptr;
  for (u32 i = 0; i < operands.size(); ++i) single->operands_[i] = lowering.in_frame(i);
  if (!inst.type.is_void()) single->result_ = lowering.in_frame(u32(operands.size()));
  lowering.finish();
  program.records.push_back({.run = stop});
  return single;
}

void SingleOp::run(CpuState* state, u8* frame) const {
  reinterpret_cast<FrameHead*>(frame)->program = &program_;
  for (const Record* r = program_.records.data(); r;) r = r->run(r, frame, state);
}

}  // namespace mimus::interp
