// virtio console with one port over a CharEndpoint.
// Wiring: queue 0 receives (host to guest), queue 1 transmits. Host input waits in the endpoint until the guest has
// buffers; guest output waits in its buffers until the endpoint takes it.
// Source: VIRTIO 1.2, 5.3 (console device), without VIRTIO_CONSOLE_F_MULTIPORT.
#pragma once

#include <optional>

#include "core/endpoint/char_endpoint.h"
#include "hw/virtio/device.h"

namespace mimus::virtio {

class Console final : public VirtioDevice {
 public:
  struct Size {
    u16 columns = 0;
    u16 rows = 0;
  };
  // Without a size the device does not offer VIRTIO_CONSOLE_F_SIZE.
  Console(std::string name, CharEndpoint& port, std::optional<Size> size, Wiring wiring);

  void set_size(Size size);  // the terminal was resized; machine lock held
  void after_load() override;

 private:
  // 5.3.4 Device configuration layout
  struct Config {
    u16 columns = 0;
    u16 rows = 0;
    u32 max_ports = 1;
    u32 emergency_write = 0;
  };

  u64 features() const override;
  std::span<const u8> config() const override { return {reinterpret_cast<const u8*>(&config_), sizeof config_}; }
  void config_written(u64 offset, std::span<const u8> data) override;
  void queue_notified(unsigned queue) override;
  void started() override;
  void stopped() override;
  void visit_device(StateVisitor& visitor) override;

  size_t room();
  void input(std::span<const u8> data);
  void transmit();
  bool send_current();

  CharEndpoint& port_;
  bool has_size_;
  Config config_;
  // The chain being transmitted, when the endpoint did not take all of it.
  bool sending_ = false;
  Chain chain_;
  u64 sent_ = 0;  // bytes of chain_ that the endpoint has taken
};

}  // namespace mimus::virtio
