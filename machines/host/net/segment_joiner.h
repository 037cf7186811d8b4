// Joins consecutive TCP segments of one connection into a large packet for a NIC whose driver takes such (what network
// cards call large receive offload): the guest then handles one packet in place of dozens.
// Sources: RFC 9293, 3.1 (TCP header); RFC 791, 3.1; RFC 8200, 3; Linux,
// Documentation/networking/segmentation-offloads.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/endpoint/net_endpoint.h"

namespace mimus {

// A frame, which may have grown. Its checksums are right as long as nothing was joined.
struct JoinedFrame {
  std::vector<u8> bytes;
  u16 segment_bytes = 0;  // payload of each segment but the last; 0: one segment, or no TCP
};

// Appends the payload of `next` to `frame` if both are consecutive segments that differ in nothing else, and if
// `allowed` says that the NIC takes the result. False: nothing was changed.
bool join_segments(JoinedFrame& frame, std::span<const u8> next, const NetOffloads& allowed);

// The frame as a NIC gets it. Completes the headers of a joined one, so that nothing can be joined to it afterwards.
NetFrame finish_joining(JoinedFrame& frame);

}  // namespace mimus
