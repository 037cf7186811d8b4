// The device tree of the RISC-V "virt" board.
// Source: Devicetree Specification v0.4; Linux, Documentation/devicetree/bindings (riscv/cpus.yaml,
// riscv/extensions.yaml, serial/8250.yaml,
// rtc/google,goldfish-rtc.yaml, virtio/mmio.yaml, power/reset/syscon-*.yaml).
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "machines/virt/tree_info.h"
#include "machines/vm/config.h"

namespace mimus::virt {

struct RiscvTreeInfo : TreeInfo {
  std::string isa;                      // riscv,isa
  std::vector<std::string> extensions;  // riscv,isa-extensions
  u32 cache_block = 64;
  bool own_firmware = true;  // reserve its memory
  bool sv57 = false;
  InterruptController interrupts = InterruptController::plic;
};

Expected<std::vector<u8>> make_device_tree(const RiscvTreeInfo& info);

}  // namespace mimus::virt
