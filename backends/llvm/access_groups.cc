#include "backends/llvm/access_groups.h"

#include <algorithm>
#include <cstdlib>

namespace mimus::jit {

using ir::Op;

namespace {

constexpr s64 kSpan = 256;
constexpr s64 kFarthest = s64{1} << 30;

bool can_share(const ir::Inst& inst, ir::Type type) {
  const ir::MemAttr attr = ir::MemAttr::unpack(inst.attr);
  return attr.align == ir::Align::none && !attr.big_endian && attr.privilege == 0 && !type.is_vector() &&
         type.bytes() <= 16 && type.elem != ir::Elem::f80;
}

}  // namespace

void AccessGroups::add(const ir::Block& block, ir::ValueId id) {
  const ir::Inst& inst = block.insts[id];
  const bool writes = inst.op == Op::store;
  const ir::Type type = writes ? block.insts[inst.args[1]].type : inst.type;
  if (!can_share(inst, type)) return;
  ir::ValueId base = inst.args[0];
  s64 displacement = s64(inst.imm);
  for (const ir::Inst* def = &block.insts[base]; def->op == Op::add; def = &block.insts[base]) {
    const ir::Inst& amount = block.insts[def->args[1]];
    if (amount.op != Op::constant || std::abs(s64(amount.imm)) > kFarthest) break;
    displacement += s64(amount.imm);
    base = def->args[0];
  }
  if (block.insts[base].op == Op::constant || std::abs(displacement) > kFarthest) return;
  const s64 end = displacement + type.bytes();
  const auto open = std::ranges::find(open_, base, &Open::base);
  if (open != open_.end()) {
    AccessGroup& group = groups_[open->group];
    const s64 low = std::min(group.low, displacement), high = std::max(group.high, end);
    // A page that is only read perhaps must not be asked for as if it were written.
    if (high - low <= kSpan && !(writes && !group.writes && open->passed_exit)) {
      group.low = low;
      group.high = high;
      group.writes |= writes;
      ++group.members;
      members_[id] = {open->group, displacement};
      return;
    }
    open_.erase(open);
  }
  members_[id] = {u32(groups_.size()), displacement};
  open_.push_back({base, u32(groups_.size()), false});
  groups_.push_back({base, displacement, end, writes, 1});
}

void AccessGroups::find(const ir::Block& block, std::span<const HelperDesc> helpers) {
  groups_.clear();
  open_.clear();
  members_.assign(block.insts.size(), {kNone, 0});
  for (ir::ValueId id = 0; id < block.insts.size(); ++id) {
    const ir::Inst& inst = block.insts[id];
    using enum HelperEffects;
    if (inst.op == Op::helper && has(helpers[inst.imm].effects, reads_state | writes_state | may_leave)) open_.clear();
    if (inst.op == Op::exit_if)
      for (Open& open : open_) open.passed_exit = true;
    if (inst.op == Op::load || inst.op == Op::store) add(block, id);
  }
}

AccessGroup* AccessGroups::of(ir::ValueId access, s64& displacement) {
  const Member& member = members_[access];
  if (member.group == kNone || groups_[member.group].members < 2) return nullptr;
  displacement = member.displacement;
  return &groups_[member.group];
}

}  // namespace mimus::jit
