// A network as the NICs see it: whole Ethernet frames without FCS, and what the two sides may leave to each other.
#pragma once

#include <array>
#include <functional>
#include <span>

#include "core/base/types.h"

namespace mimus {

using MacAddress = std::array<u8, 6>;

// Work that the receiver of a frame does in place of its sender.
struct NetOffloads {
  bool checksum = false;  // NetFrame::needs_checksum
  bool tcp4 = false;      // NetFrame::segments
  bool tcp6 = false;
};

struct NetFrame {
  enum class Segments : u8 { none, tcp4, tcp6 };

  std::span<const u8> bytes;
  // The Internet checksum from checksum_start to the end belongs into the two bytes at checksum_start +
  // checksum_offset, which hold the sum of the pseudo header.
  bool needs_checksum = false;
  u16 checksum_start = 0, checksum_offset = 0;
  // The checksums have been looked at, or cannot be wrong.
  bool checked = false;
  // Not `none`: one large TCP packet in place of several with segment_bytes of payload each; header_bytes is the length
  // of its Ethernet, IP and TCP headers. Comes with needs_checksum.
  Segments segments = Segments::none;
  u16 header_bytes = 0, segment_bytes = 0;
};

class NetEndpoint {
 public:
  // Called on the event thread under the machine lock; returns false when the NIC has no buffer (the frame is dropped
  // or kept by the endpoint, which retries after ready()).
  using Deliver = std::function<bool(const NetFrame& frame)>;

  virtual ~NetEndpoint() = default;
  virtual void send(const NetFrame& frame) = 0;  // machine lock held
  virtual void attach(Deliver deliver) = 0;
  virtual void ready() = 0;

  virtual NetOffloads takes() const { return {}; }  // what frames given to send() may leave to be done
  virtual NetOffloads gives() const { return {}; }  // what frames that are delivered can leave to the NIC, if allowed
  // What delivered frames may leave to be done from now on: a part of gives(); nothing at the beginning.
  virtual void allow(const NetOffloads& /*offloads*/) {}
};

}  // namespace mimus
