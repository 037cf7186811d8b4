// Where the parts of a boot image go in RAM, as far as that is the same for all "virt" boards.
#pragma once

#include <vector>

#include "core/base/error.h"
#include "machines/load/payload.h"
#include "machines/virt/tree_info.h"
#include "machines/vm/config.h"

namespace mimus::virt {

// Adds the initrd to `parts`: behind `kernel_end` and behind the middle of RAM (at most 512 MiB in) if that is
// possible, aligned to 2 MiB, below `limit`.
Expected<TreeInfo::Range> place_initrd(const MachineConfig& config, GuestPa ram, GuestPa kernel_end, GuestPa limit,
                                       Bytes initrd, std::vector<PayloadPart>& parts);

// Sorts `parts`; an error if two of them share memory.
Expected<void> check_overlap(std::vector<PayloadPart>& parts);

}  // namespace mimus::virt
