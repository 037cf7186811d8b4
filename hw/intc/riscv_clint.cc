#include "hw/intc/riscv_clint.h"

namespace mimus {
namespace {

constexpr u64 kMtimecmp = 0x4000;
constexpr u64 kMtime = 0xbff8;

}  // namespace

RiscvClint::RiscvClint(Timebase& timebase, EventQueue& events, std::span<IrqSink* const> harts)
    : timebase_(timebase), events_(events) {
  for (IrqSink* sink : harts) {
    size_t index = harts_.size();
    auto timer = events.create_timer([this, index] {
      std::scoped_lock guard(lock_);
      update(harts_[index]);
    });
    harts_.push_back({sink, timer});
  }
}

// Sets the lines of `hart` and arms its timer for the moment at which MTI rises.
void RiscvClint::update(Hart& hart) {
  const bool due = timebase_.ticks() >= hart.mtimecmp;
  hart.sink->set_irq(kMsi, hart.msip);
  hart.sink->set_irq(kMti, due);
  if (due) {
    events_.disarm(hart.timer);
  } else {
    events_.arm(hart.timer, timebase_.deadline_ns(hart.mtimecmp));
  }
}

// The 8 bytes at `offset`, a multiple of 8.
u64 RiscvClint::read_register(u64 offset) const {
  if (offset == kMtime) return timebase_.ticks();
  if (offset >= kMtimecmp) {
    u64 hart = (offset - kMtimecmp) / 8;
    return hart < harts_.size() ? harts_[hart].mtimecmp : 0;
  }
  u64 hart = offset / 4;
  u64 low = hart < harts_.size() && harts_[hart].msip;
  u64 high = hart + 1 < harts_.size() && harts_[hart + 1].msip;
  return low | high << 32;
}

u64 RiscvClint::read(RegionId, u64 offset, unsigned width) {
  if (width < 4 || offset % width) return 0;
  std::scoped_lock guard(lock_);
  return bits(read_register(offset & ~u64{7}) >> (offset & 4) * 8, 0, width * 8);
}

// Writes the bits in `mask` of the 8 bytes at `offset`, a multiple of 8.
void RiscvClint::write_register(u64 offset, u64 value, u64 mask) {
  if (offset == kMtime) {
    timebase_.set_ticks((timebase_.ticks() & ~mask) | (value & mask));
    for (Hart& hart : harts_) update(hart);
    return;
  }
  if (offset >= kMtimecmp) {
    u64 index = (offset - kMtimecmp) / 8;
    if (index >= harts_.size()) return;
    Hart& hart = harts_[index];
    hart.mtimecmp = (hart.mtimecmp & ~mask) | (value & mask);
    update(hart);
    return;
  }
  for (unsigned half = 0; half < 2; half++) {
    u64 index = offset / 4 + half;
    if (index >= harts_.size() || !bit(mask, 32 * half)) continue;
    harts_[index].msip = bit(value, 32 * half);
    harts_[index].sink->set_irq(kMsi, harts_[index].msip);
  }
}

void RiscvClint::write(RegionId, u64 offset, unsigned width, u64 value) {
  if (width < 4 || offset % width) return;
  const unsigned shift = (offset & 4) * 8;
  const u64 mask = (~u64{0} >> (64 - 8 * width)) << shift;
  std::scoped_lock guard(lock_);
  write_register(offset & ~u64{7}, value << shift, mask);
}

// MTIME goes on counting over a reset; the specification leaves both registers' values open.
void RiscvClint::reset(ResetKind) {
  std::scoped_lock guard(lock_);
  for (Hart& hart : harts_) {
    hart.msip = false;
    hart.mtimecmp = ~u64{0};
    update(hart);
  }
}

void RiscvClint::visit_state(StateVisitor& visitor) {
  std::scoped_lock guard(lock_);
  visitor.begin("clint", 1);
  u64 ticks = timebase_.ticks();
  visitor.field("mtime", ticks);
  if (visitor.loading()) timebase_.set_ticks(ticks);
  for (Hart& hart : harts_) {
    visitor.begin("hart", 1);
    visitor.field("msip", hart.msip);
    visitor.field("mtimecmp", hart.mtimecmp);
    visitor.end();
  }
  visitor.end();
}

void RiscvClint::after_load() {
  std::scoped_lock guard(lock_);
  for (Hart& hart : harts_) update(hart);
}

}  // namespace mimus
