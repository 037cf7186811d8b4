// The priority logic of a GIC CPU interface: the mask, the binary points, and the priorities of what is being handled.
//
// Specification: IHI 0069H, 4.8 (prioritization) and 12.2 (the ICC registers that are named here); IHI 0048B, 3.3.
#pragma once

#include <algorithm>
#include <array>

#include "hw/intc/gic_bank.h"

namespace mimus::gic {

class Priorities {
 public:
  // -- registers; values that the implemented bits do not allow become the nearest that they do --
  u8 mask() const { return mask_; }
  void set_mask(u8 value) { mask_ = value & kPriorityMask; }
  u8 binary_point(u8 group) const;
  void set_binary_point(u8 group, u8 value);
  bool common_binary_point() const { return common_; }  // CBPR: group 1 uses group 0's
  void set_common_binary_point(bool common) { common_ = common; }
  u32 active(u8 group) const { return active_[group]; }  // APR0: bit n for priority 8 * n
  void set_active(u8 group, u32 value) { active_[group] = value; }

  // The priority of what is being handled, kIdlePriority if nothing is, and its group.
  u8 running() const {
    const u32 all = active_[0] | active_[1];
    return all ? u8(std::countr_zero(all) << kShift) : kIdlePriority;
  }
  u8 running_group() const {
    const u32 lowest = (active_[0] | active_[1]) & -(active_[0] | active_[1]);
    return active_[0] & lowest ? 0 : 1;
  }

  // May `candidate` be signalled now?
  bool admits(const Candidate& candidate) const {
    return candidate && candidate.priority < mask_ && group_priority(candidate) < running();
  }
  void activate(const Candidate& candidate) {
    active_[candidate.group] |= u32{1} << (group_priority(candidate) >> kShift);
  }
  void drop() {
    if (const u32 all = active_[0] | active_[1]) active_[running_group()] &= ~(all & -all);
  }

  void reset() { *this = {}; }
  void visit_state(StateVisitor& visitor);

 private:
  static constexpr unsigned kShift = 8 - kPriorityBits;
  static constexpr u8 kLeast[2] = {7 - kPriorityBits, 8 - kPriorityBits};  // binary points

  u8 group_priority(const Candidate& candidate) const;

  u8 mask_ = 0;
  std::array<u8, 2> points_{kLeast[0], kLeast[1]};
  bool common_ = false;
  std::array<u32, 2> active_{};
};

}  // namespace mimus::gic
