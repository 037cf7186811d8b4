#include "hw/intc/gic_priorities.h"

namespace mimus::gic {

u8 Priorities::binary_point(u8 group) const {
  if (group == 1 && common_) return u8(std::min(points_[0] + 1, 7));
  return points_[group];
}

void Priorities::set_binary_point(u8 group, u8 value) {
  if (group == 1 && common_) return;
  points_[group] = std::max<u8>(value & 7, kLeast[group]);
}

// Group 0: priority bits 7:(point + 1) preempt. Group 1, with a binary point of its own: bits 7:point.
u8 Priorities::group_priority(const Candidate& candidate) const {
  const unsigned point = candidate.group == 0 || common_ ? points_[0] : points_[1] - 1u;
  return u8(candidate.priority & (0xffu << (point + 1)));
}

void Priorities::visit_state(StateVisitor& visitor) {
  visitor.begin("priorities", 1);
  visitor.field("mask", mask_);
  visitor.index("point0", points_[0], 8);
  visitor.index("point1", points_[1], 8);
  visitor.field("common", common_);
  visitor.field("active", active_);
  if (visitor.loading()) {
    mask_ &= kPriorityMask;
    for (u8 group : {0, 1}) points_[group] = std::max(points_[group], kLeast[group]);
  }
  visitor.end();
}

}  // namespace mimus::gic
