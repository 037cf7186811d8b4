// PSCI: starting and stopping CPUs and the machine, as firmware would do for an operating system.
//
// Specification: Arm Power State Coordination Interface, DEN 0022D, version 1.1, chapter 5 (functions, error codes), 6
// (power states); SMC Calling Convention, DEN 0028, version 1.1, chapter 7 (SMCCC_VERSION, SMCCC_ARCH_FEATURES).
// Power-down states and migration do not exist; a CPU that has been told to start counts as on.
//
// Wiring: CPU n has affinity 0.0.0.n (MPIDR_EL1); CPU 0 is on at reset. Without a CpuPower, CPUs cannot be started.
#pragma once

#include <mutex>
#include <vector>

#include "core/device/device.h"
#include "core/device/firmware_port.h"
#include "core/device/machine_control.h"
#include "core/memory/physical.h"

namespace mimus {

class Psci final : public Device, public FirmwarePort {
 public:
  Psci(u32 cpus, MachineControl& machine, const PhysicalMemory& memory, CpuPower* power);

  // -- FirmwarePort; the functions of the 32-bit and the 64-bit calling convention --
  Answer call(u32 cpu, u64 function, u64 a, u64 b, u64 c) override;
  bool is_on(u32 cpu) override;

  // Not on any bus.
  std::string_view name() const override { return "psci"; }
  u64 read(RegionId, u64, unsigned) override { return 0; }
  void write(RegionId, u64, unsigned, u64) override {}
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;

 private:
  // The arguments of a call, of the width of its calling convention.
  struct Call {
    u32 cpu;
    u64 a, b, c;
  };
  struct Function;
  static const Function kFunctions[];
  static const Function* find(u64 id);

  Answer version(const Call&);
  Answer cpu_suspend(const Call& call);
  Answer cpu_off(const Call& call);
  Answer cpu_on(const Call& call);
  Answer affinity_info(const Call& call);
  Answer migrate_info_type(const Call&);
  Answer system_off(const Call&);
  Answer system_reset(const Call&);
  Answer features(const Call& call);
  Answer smccc_version(const Call&);
  Answer smccc_arch_features(const Call& call);

  MachineControl& machine_;
  const PhysicalMemory& memory_;
  CpuPower* power_;
  std::mutex lock_;     // a leaf
  std::vector<u8> on_;  // by CPU
};

}  // namespace mimus
