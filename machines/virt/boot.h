// What lies in the memory of a "virt" board at power-on: firmware, payload, initrd, device tree, and the reset vector
// that ties them together.
#pragma once

#include <vector>

#include "core/base/error.h"
#include "machines/load/payload.h"
#include "machines/virt/device_tree.h"
#include "machines/vm/config.h"

namespace mimus::virt {

struct BootImage {
  std::vector<u8> rom;             // for kRomBase
  std::vector<PayloadPart> parts;  // for RAM
};

// Loads the files that `config` names and completes `tree` (initrd, firmware, command line).
Expected<BootImage> make_boot_image(const MachineConfig& config, RiscvTreeInfo tree);

}  // namespace mimus::virt
