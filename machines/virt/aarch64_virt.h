// The AArch64 "virt" board.
#pragma once

#include <memory>
#include <string>

#include "machines/vm/board.h"

namespace mimus::virt {

// What the board tells software about its CPUs.
struct Aarch64CpuInfo {
  // The instruction that calls the machine's PSCI; none where CPUs have EL3 for firmware that has its own.
  enum class Psci { hvc, smc, none };

  Psci psci = Psci::hvc;
  bool el2 = false;
  std::string compatible = "arm,armv8";  // in the device tree
  bool pmu = true;
};

std::unique_ptr<Board> make_aarch64_virt(Aarch64CpuInfo cpu);

}  // namespace mimus::virt
