// What lies in the memory of an AArch64 "virt" board at power-on: kernel, initrd, device tree, and the reset vector.
// Source: Linux, Documentation/arch/arm64/booting.rst.
#pragma once

#include <vector>

#include "core/base/error.h"
#include "machines/load/payload.h"
#include "machines/virt/aarch64_device_tree.h"
#include "machines/vm/config.h"

namespace mimus::virt::aarch64 {

struct BootImage {
  std::vector<u8> rom;             // for kFlashBase; empty when a flash bank is there
  std::vector<PayloadPart> parts;  // for RAM
};

// Loads the files that `config` names and completes `tree` (initrd).
Expected<BootImage> make_boot_image(const MachineConfig& config, Aarch64TreeInfo tree);

}  // namespace mimus::virt::aarch64
