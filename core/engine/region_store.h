// RegionStore: where an engine keeps what it has compiled, for itself in later runs of the same program.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/base/types.h"

namespace mimus {

class RegionStore {
 public:
  virtual ~RegionStore() = default;
  // What keep() was given, now or in an earlier run, for this place and exactly this key. Any thread.
  virtual std::optional<std::vector<u8>> find_region(GuestPc pc, std::span<const u8> key) = 0;
  virtual void keep_region(GuestPc pc, std::vector<u8> key, std::vector<u8> value) = 0;
};

}  // namespace mimus
