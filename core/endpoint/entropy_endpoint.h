// A source of random bytes for the guest.
#pragma once

#include <span>

#include "core/base/types.h"

namespace mimus {

class EntropyEndpoint {
 public:
  virtual ~EntropyEndpoint() = default;
  virtual void fill(std::span<u8> out) = 0;  // machine lock held
};

}  // namespace mimus
