#include "backends/llvm/plan.h"

#include <algorithm>
#include <unordered_map>

namespace mimus::jit {

HelperRule helper_rule(const HelperDesc& helper) {
  const bool writes = has(helper.effects, HelperEffects::writes_state);
  const bool leaves = has(helper.effects, HelperEffects::may_leave);
  return {.syncs = writes || leaves || has(helper.effects, HelperEffects::reads_state), .clobbers = writes};
}

namespace {

void find_successors(RegionPlan& plan) {
  std::unordered_map<GuestPc, u32> by_pc;
  const auto& blocks = plan.region.blocks;
  for (u32 i = 0; i < blocks.size(); ++i) by_pc.emplace(blocks[i]->key.pc, i);
  for (u32 i = 0; i < blocks.size(); ++i) {
    for (const ir::Exit& exit : blocks[i]->exits) {
      const auto it = is_direct(exit) ? by_pc.find(exit.target) : by_pc.end();
      const bool inside = it != by_pc.end() && blocks[it->second]->key.mode == blocks[i]->key.mode;
      plan.blocks[i].successor.push_back(inside ? it->second : kOutside);
    }
  }
}

// Depth-first, without recursion: a region may be long.
void find_order(RegionPlan& plan) {
  std::vector<u8> seen(plan.blocks.size());
  std::vector<std::pair<u32, u32>> stack{{0, 0}};
  seen[0] = 1;
  while (!stack.empty()) {
    auto& [block, next] = stack.back();
    const auto& successor = plan.blocks[block].successor;
    if (next == successor.size()) {
      plan.order.push_back(block);
      stack.pop_back();
      continue;
    }
    const u32 to = successor[next++];
    if (to != kOutside && !seen[to]) {
      seen[to] = 1;
      stack.emplace_back(to, 0);
    }
  }
  std::reverse(plan.order.begin(), plan.order.end());
  plan.blocks[0].in_edges = 1;
  for (u32 b : plan.order)
    for (u32 to : plan.blocks[b].successor)
      if (to != kOutside) ++plan.blocks[to].in_edges;
}

void summarise(BlockPlan& summary, const ir::Block& block, const RuntimeLayout& layout, RegionPlan& plan) {
  for (const ir::Inst& inst : block.insts) {
    const bool writes = inst.op == ir::Op::write;
    const ir::Type type = writes ? layout.state.slots[inst.imm].type : inst.type;
    plan.uses_vectors |= type.is_vector();
    plan.uses_wide_vectors |= type.is_vector() && type.bytes() > 16;
    if (inst.op == ir::Op::read) {
      const auto slot = ir::SlotId(inst.imm);
      if (!summary.clobbers && !summary.written.has(slot)) summary.wanted.add(slot);
    } else if (inst.op == ir::Op::write) {
      summary.written.add(ir::SlotId(inst.imm));
      summary.dirty_out.add(ir::SlotId(inst.imm));
    } else if (inst.op == ir::Op::helper) {
      const HelperRule rule = helper_rule(layout.helpers[inst.imm]);
      summary.syncs |= rule.syncs;
      summary.clobbers |= rule.clobbers;
      if (rule.syncs) summary.dirty_out.clear();
    }
  }
}

// An f32 in a box wins over an f64: taking a box apart costs more.
void note_float_uses(RegionPlan& plan, const ir::Block& block, const RuntimeLayout& layout) {
  const auto note = [&](u64 slot, FloatUse use) {
    const SlotDesc& desc = layout.state.slots[slot];
    if (desc.role == SlotRole::floating && desc.type == ir::i64)
      plan.float_uses[slot] = std::max(plan.float_uses[slot], use);
  };
  for (const ir::Inst& inst : block.insts) {
    const bool wide = inst.op == ir::Op::bitcast && inst.type == ir::f64;
    if (!wide && !(inst.op == ir::Op::unbox && inst.type == ir::f32) && inst.op != ir::Op::write) continue;
    const ir::Inst& from = block.insts[inst.args[0]];
    if (inst.op == ir::Op::write) {
      if (from.op == ir::Op::box && block.insts[from.args[0]].type == ir::f32) note(inst.imm, FloatUse::f32);
      if (from.op == ir::Op::bitcast && block.insts[from.args[0]].type == ir::f64) note(inst.imm, FloatUse::f64);
    } else if (from.op == ir::Op::read) {
      note(from.imm, wide ? FloatUse::f64 : FloatUse::f32);
    }
  }
}

// What is dirty has to be kept somewhere for the fault of every access to flat memory, and each of those has code of
// its own that stores it. So nothing should be dirty in a loop but what the loop itself writes. (With a software TLB,
// few accesses of a loop have slow paths of their own, and this is not worth its stores.)
void find_loops(RegionPlan& plan) {
  const size_t count = plan.blocks.size();
  std::vector<std::vector<u32>> from(count);
  std::vector<u32> position(count);
  for (u32 i = 0; i < plan.order.size(); ++i) {
    position[plan.order[i]] = i;
    for (u32 to : plan.blocks[plan.order[i]].successor)
      if (to != kOutside) from[to].push_back(plan.order[i]);
  }
  for (u32 head : plan.order) {
    BlockPlan& block = plan.blocks[head];
    std::vector<u32> pending;
    for (u32 back : from[head])
      if (position[back] >= position[head]) pending.push_back(back);
    if (pending.empty()) continue;
    block.loop.assign(count, false);
    block.loop[head] = true;
    while (!pending.empty()) {
      const u32 b = pending.back();
      pending.pop_back();
      if (block.loop[b]) continue;
      block.loop[b] = true;
      pending.insert(pending.end(), from[b].begin(), from[b].end());
    }
    for (u32 b = 0; b < count; ++b) {
      if (!block.loop[b]) continue;
      block.loop_writes.merge(plan.blocks[b].clobbers ? plan.changed : plan.blocks[b].written);
    }
  }
}

// Forward: what may be dirty; at the region's entry that is every pinned slot.
void flow_dirty(RegionPlan& plan, const RuntimeLayout& layout) {
  const BlockPlan& first = plan.blocks[0];
  for (size_t s = 0; s < layout.state.slots.size(); ++s)
    if (layout.state.slots[s].pin && (first.loop.empty() || first.loop_writes.has(ir::SlotId(s))))
      plan.blocks[0].dirty_in.add(ir::SlotId(s));
  for (bool again = true; again;) {
    again = false;
    for (u32 b : plan.order) {
      BlockPlan& block = plan.blocks[b];
      if (!block.syncs) block.dirty_out.merge(block.dirty_in);
      // A side exit may lie before the sync: what was dirty at the start may be dirty there.
      SlotSet at_exits = block.dirty_in;
      at_exits.merge(block.dirty_out);
      at_exits.merge(block.written);
      for (u32 to : block.successor) {
        if (to == kOutside) continue;
        BlockPlan& target = plan.blocks[to];
        again |= target.cleans(b) ? target.dirty_in.merge_common(at_exits, target.loop_writes)
                                  : target.dirty_in.merge(at_exits);
      }
    }
  }
}

// Backward: what is wanted. Dirty slots always are, because every way out stores them.
void flow_live(RegionPlan& plan) {
  for (u32 b : plan.order) {
    plan.blocks[b].live_in = plan.blocks[b].wanted;
    plan.blocks[b].live_in.merge(plan.blocks[b].dirty_in);
  }
  for (bool again = true; again;) {
    again = false;
    for (auto it = plan.order.rbegin(); it != plan.order.rend(); ++it) {
      BlockPlan& block = plan.blocks[*it];
      for (u32 to : block.successor)
        if (to != kOutside && !block.clobbers)
          again |= block.live_in.merge_except(plan.blocks[to].live_in, block.written);
    }
  }
}

}  // namespace

RegionPlan make_plan(const ir::Region& region, const RuntimeLayout& layout) {
  const size_t slots = layout.state.slots.size();
  RegionPlan plan{.region = region, .blocks = {}, .order = {}, .float_uses = {}, .changed = SlotSet(slots)};
  plan.float_uses.assign(slots, FloatUse::none);
  plan.blocks.resize(region.blocks.size());
  for (BlockPlan& b : plan.blocks)
    b.written = b.wanted = b.dirty_out = b.dirty_in = b.live_in = b.loop_writes = SlotSet(slots);
  find_successors(plan);
  find_order(plan);
  bool clobbers = false;
  for (u32 b : plan.order) {
    summarise(plan.blocks[b], *region.blocks[b], layout, plan);
    note_float_uses(plan, *region.blocks[b], layout);
    plan.changed.merge(plan.blocks[b].written);
    clobbers |= plan.blocks[b].clobbers;
  }
  if (clobbers)
    for (size_t s = 0; s < slots; ++s) plan.changed.add(ir::SlotId(s));
  if (layout.flat()) find_loops(plan);
  flow_dirty(plan, layout);
  flow_live(plan);
  return plan;
}

}  // namespace mimus::jit
