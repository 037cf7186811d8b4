// virtio network device over a NetEndpoint.
// Wiring: queue 0 receives, queue 1 transmits, queue 2 is the control queue. Frames that find no buffer stay with the
// endpoint. Checksum offload in the transmit direction (VIRTIO_NET_F_CSUM) is done here when the endpoint leaves it to
// us: native code sums faster than the guest does. Segmentation and the offloads of the receive direction are offered
// when the endpoint takes part.
// Source: VIRTIO 1.2, 5.1 (network device).
#pragma once

#include <vector>

#include "core/endpoint/net_endpoint.h"
#include "hw/virtio/device.h"
#include "hw/virtio/net_filter.h"

namespace mimus::virtio {

class Net final : public VirtioDevice {
 public:
  struct Options {
    MacAddress mac{0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    u16 mtu = 1500;
  };
  Net(std::string name, NetEndpoint& network, Options options, Wiring wiring);

  void set_link(bool up);  // machine lock held
  void after_load() override;

 private:
  struct Command;  // one row of the control command table

  // 5.1.4 Device configuration layout
  struct [[gnu::packed]] Config {
    MacAddress mac;
    u16 status = 1;  // VIRTIO_NET_S_LINK_UP
    u16 max_virtqueue_pairs = 1;
    u16 mtu = 1500;
  };

  u64 features() const override;
  std::span<const u8> config() const override { return {reinterpret_cast<const u8*>(&config_), sizeof config_}; }
  void queue_notified(unsigned queue) override;
  void started() override;
  void stopped() override;
  void visit_device(StateVisitor& visitor) override;

  struct Header;
  bool deliver(const NetFrame& frame);
  Header receive_header(const NetFrame& frame) const;
  void allow_offloads();
  bool describe(const Header& header, NetFrame& frame) const;
  void send(NetFrame frame);
  bool take_buffers(u64 bytes, std::vector<Chain>& chains);
  void transmit(Chain& chain);
  void control(Chain& chain);
  bool run_command(std::span<const u8> command);
  bool rx_mode(u8 command, std::span<const u8> data);
  bool mac_command(u8 command, std::span<const u8> data);

  NetEndpoint& network_;
  const NetOffloads takes_, gives_;  // of the network
  const Options options_;
  Config config_;
  NetFilter filter_;
  std::vector<u8> frame_;      // a frame that was not contiguous, or needed its checksum
  std::vector<Chain> chains_;  // of the frame being delivered
};

}  // namespace mimus::virtio
