// What the device tree of every "virt" board says about this run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace mimus::virt {

struct TreeInfo {
  u32 cpus = 1;
  u64 memory = 0;
  std::string append;
  struct Range {
    GuestPa start, end;
  };
  std::optional<Range> initrd;
  bool flash = false;
  std::vector<u8> rng_seed;
};

}  // namespace mimus::virt
