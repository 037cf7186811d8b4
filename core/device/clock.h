// Guest time comes from one Clock object; no device reads the host's clock by itself.
#pragma once

#include "core/base/types.h"

namespace mimus {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual u64 now_ns() const = 0;         // since the machine started; never goes back
  virtual u64 wall_clock_ns() const = 0;  // nanoseconds since 1970-01-01 UTC, for real-time clocks
};

// The host's monotonic clock, from the object's construction on.
class HostClock final : public Clock {
 public:
  HostClock();
  u64 now_ns() const override;
  u64 wall_clock_ns() const override;

 private:
  u64 start_ns_;
};

}  // namespace mimus
