// Which received frames a NIC passes on: the receive modes and the MAC table of the control queue.
// Source: VIRTIO 1.2, 5.1.6.5.1 (packet receive filtering), 5.1.6.5.2 (setting MAC address filtering).
#pragma once

#include <array>
#include <span>
#include <vector>

#include "core/base/types.h"
#include "core/endpoint/net_endpoint.h"
#include "core/state/visitor.h"

namespace mimus::virtio {

class NetFilter {
 public:
  // Entries the table holds; a driver with more falls back to "all multicast" or promiscuous mode.
  static constexpr size_t kMaxEntries = 64;

  void reset() { *this = {}; }
  bool accepts(std::span<const u8> frame, const MacAddress& own) const;

  // Control commands; false: the command is malformed or unknown, nothing was changed.
  bool set_mode(u8 command, bool on);        // VIRTIO_NET_CTRL_RX
  bool set_table(std::span<const u8> data);  // VIRTIO_NET_CTRL_MAC_TABLE_SET: two counted lists, unicast and multicast

  void visit_state(StateVisitor& visitor);

 private:
  // VIRTIO_NET_CTRL_RX commands, in their order of number. A driver that does not filter gets everything.
  enum Mode : u8 { promiscuous, all_multicast };
  static constexpr size_t kModes = 2;
  std::array<u8, kModes> modes_{1, 0};
  std::vector<u8> table_;  // 6 bytes per address
};

}  // namespace mimus::virtio
