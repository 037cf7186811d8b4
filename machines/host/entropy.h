// The host kernel's random number generator as the guest's source of entropy.
#pragma once

#include "core/endpoint/entropy_endpoint.h"

namespace mimus {

class HostEntropy final : public EntropyEndpoint {
 public:
  void fill(std::span<u8> out) override;
};

}  // namespace mimus
