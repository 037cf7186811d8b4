// Accelerator: what runs the guest's CPUs. accel/dbt and accel/kvm implement it; machines drive it.
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/device/irq.h"

namespace mimus {

struct CpuState;
class CpuPower;

class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual Expected<void> start() = 0;  // creates the vCPU threads, CPUs in their reset state; returns at once
  virtual void stop() = 0;             // stops and joins them; machine lock not held
  virtual u32 cpu_count() const = 0;
  virtual CpuState& cpu(u32 index) = 0;    // touch it only before start(), after stop(), or while paused
  virtual IrqSink& irq_sink(u32 cpu) = 0;  // input = bit of CpuState::irq_lines
  virtual void pause() = 0;  // all CPUs at instruction boundaries, outside generated code; nests; lock not held
  virtual void resume() = 0;
  virtual void reset() = 0;  // only while paused: CPUs to their reset state, translations dropped
  // The machine has stopped for good: translations may be kept for later runs.
  virtual void save_translations() {}
  // Null: CPUs cannot be started and stopped one by one.
  virtual CpuPower* cpu_power() { return nullptr; }
  virtual std::string stats() const = 0;  // lines of "name value", for --stats
};

}  // namespace mimus
