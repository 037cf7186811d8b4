// A clock that stands still until a test moves it.
#pragma once

#include "core/device/clock.h"

namespace mimus {

class ManualClock final : public Clock {
 public:
  u64 now_ns() const override { return ns; }
  u64 wall_clock_ns() const override { return wall_base + ns; }
  u64 ns = 0;
  u64 wall_base = 1'700'000'000'000'000'000;
};

}  // namespace mimus
