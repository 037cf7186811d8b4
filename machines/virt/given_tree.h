// A device tree that the user gives (--dtb) in place of the board's own.
#pragma once

#include <span>
#include <vector>

#include "core/base/error.h"
#include "machines/virt/tree_info.h"

namespace mimus::virt {

// Checks the blob and writes into its /chosen node what this run says: command line, initrd, random seed. The errors
// say what is wrong with the file, without its name.
Expected<std::vector<u8>> complete_given_tree(std::span<const u8> blob, const TreeInfo& info);

}  // namespace mimus::virt
