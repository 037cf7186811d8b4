// Packet capture: a network that also writes every frame, in both directions, to a file that tcpdump and Wireshark
// read. Source: draft-ietf-opsawg-pcap (PCAP Capture File Format); link type LINKTYPE_ETHERNET, time stamps in
// nanoseconds.
//
// Each frame is one write(2), so the file is whole at any time, however the run ends. Frames that carry offloads are
// written as they are: larger than the MTU, with checksums still to be filled in, as in a capture on a host's NIC.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/device/clock.h"
#include "core/endpoint/net_endpoint.h"

namespace mimus {

// Overwrites the file.
Expected<std::unique_ptr<NetEndpoint>> capture_packets(std::unique_ptr<NetEndpoint> network, const std::string& path,
                                                       Clock& clock);

}  // namespace mimus
