// Calls of a CPU to firmware that the machine plays itself, instead of running it (Arm: HVC or SMC, PSCI).
#pragma once

#include "core/base/types.h"

namespace mimus {

class FirmwarePort {
 public:
  enum class Then : u8 {
    go_on,  // behind the call
    wait,   // for an interrupt, then go on behind the call
    stop,   // the CPU is off until CpuPower::start
  };
  struct Answer {
    u64 result = 0;  // what the call returns
    Then then = Then::go_on;
  };

  virtual ~FirmwarePort() = default;
  // On the thread of the CPU that calls; the machine lock is not held. The arguments are the calling convention's.
  virtual Answer call(u32 cpu, u64 function, u64 a, u64 b, u64 c) = 0;
  // CPUs that are not on at power-on or reset stay off until CpuPower::start.
  virtual bool is_on(u32 cpu) = 0;
};

// What runs the CPUs, as firmware sees it.
class CpuPower {
 public:
  virtual ~CpuPower() = default;
  // A CPU that is off, or about to be (its call has been answered with `stop`), begins in its reset state at `entry`,
  // with `context` as its argument. Any thread; returns at once.
  virtual void start(u32 cpu, GuestPa entry, u64 context) = 0;
};

}  // namespace mimus
