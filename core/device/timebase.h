// Timebase: the board's tick counter (RISC-V mtime), derived from the clock and shared by everything that shows it.
#pragma once

#include <atomic>
#include <functional>
#include <utility>
#include <vector>

#include "core/base/types.h"
#include "core/device/clock.h"

namespace mimus {

class Timebase {
 public:
  static constexpr u64 kNever = ~u64{0};

  Timebase(Clock& clock, u64 hz) : clock_(clock), hz_(hz) {}

  u64 hz() const { return hz_; }
  u64 ticks() const { return u64(u128(clock_.now_ns()) * hz_ / kNsPerSecond) + offset(); }
  // Clock time at which ticks() first reaches `tick`; 0 when it has already, kNever when the clock will not get there.
  u64 deadline_ns(u64 tick) const {
    if (ticks() >= tick) return 0;
    u128 ns = (u128(tick - offset()) * kNsPerSecond + hz_ - 1) / hz_;
    return ns >= kNever ? kNever : u64(ns);
  }

  // Ticks added to what the clock shows; changed when the guest writes the counter.
  u64 offset() const { return offset_.load(std::memory_order_relaxed); }
  void set_offset(u64 offset) {
    offset_.store(offset, std::memory_order_relaxed);
    for (auto& [owner, changed] : listeners_) changed();
  }
  void set_ticks(u64 ticks) { set_offset(offset() + ticks - this->ticks()); }

  // `changed` runs on the thread that has just changed the offset: deadlines have to be worked out anew. Not
  // thread-safe: for the time before machines run and after.
  void listen(const void* owner, std::function<void()> changed) { listeners_.emplace_back(owner, std::move(changed)); }
  void forget(const void* owner) {
    std::erase_if(listeners_, [owner](const auto& listener) { return listener.first == owner; });
  }

 private:
  static constexpr u64 kNsPerSecond = 1'000'000'000;
  Clock& clock_;
  u64 hz_;
  std::atomic<u64> offset_{0};
  std::vector<std::pair<const void*, std::function<void()>>> listeners_;
};

}  // namespace mimus
