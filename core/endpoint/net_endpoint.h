// A network as the NICs see it: whole Ethernet frames without FCS.
#pragma once

#include <functional>
#include <span>

#include "core/base/types.h"

namespace mimus {

class NetEndpoint {
 public:
  virtual ~NetEndpoint() = default;
  virtual void send(std::span<const u8> frame) = 0;  // machine lock held
  // `deliver` is called on the event thread under the machine lock; it returns false when the NIC has no buffer
  // (the frame is dropped or kept by the endpoint, which retries after ready()).
  virtual void attach(std::function<bool(std::span<const u8> frame)> deliver) = 0;
  virtual void ready() = 0;
};

}  // namespace mimus
