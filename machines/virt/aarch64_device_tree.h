// The device tree of the AArch64 "virt" board.
// Source: Devicetree Specification v0.4; Linux, Documentation/devicetree/bindings (arm/cpus.yaml, arm/psci.yaml,
// timer/arm,arch_timer.yaml, interrupt-controller/arm,gic-v3.yaml, interrupt-controller/arm,gic.yaml,
// serial/pl011.yaml, rtc/arm,pl031.yaml, gpio/pl061-gpio.yaml, input/gpio-keys.yaml).
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "machines/virt/tree_info.h"
#include "machines/vm/config.h"

namespace mimus::virt::aarch64 {

struct Aarch64TreeInfo : TreeInfo {
  std::string psci = "hvc";  // its method; empty: none
  std::string cpu;           // compatible string: "arm,cortex-a72"
  bool pmu = true;
  GicVersion gic = GicVersion::v3;
};

Expected<std::vector<u8>> make_device_tree(const Aarch64TreeInfo& info);

}  // namespace mimus::virt::aarch64
