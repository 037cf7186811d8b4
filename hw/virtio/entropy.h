// virtio entropy device: fills the driver's buffers with random bytes, at once.
// Wiring: one queue.
// Source: VIRTIO 1.2, 5.4 (entropy device).
#pragma once

#include "core/endpoint/entropy_endpoint.h"
#include "hw/virtio/device.h"

namespace mimus::virtio {

class Entropy final : public VirtioDevice {
 public:
  Entropy(std::string name, EntropyEndpoint& source, Wiring wiring);

 private:
  u64 features() const override { return 0; }
  std::span<const u8> config() const override { return {}; }
  void queue_notified(unsigned queue) override;

  EntropyEndpoint& source_;
};

}  // namespace mimus::virtio
