// A cable between two machines: two Unix datagram sockets, one Ethernet frame to a datagram. Either end may start
// first, end and come back; frames that nobody takes are lost, as on a cable that is not plugged in. QEMU's "-netdev
// dgram" with local and remote paths speaks the same.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/device/event_queue.h"
#include "core/endpoint/net_endpoint.h"

namespace mimus {

struct Link {
  std::unique_ptr<NetEndpoint> network;
  unsigned end = 0;  // which end of the cable this is: 0 or 1
};

// An end of the cable PATH: its sockets are PATH.1 and PATH.2, of which the free one is taken.
Expected<Link> open_link(const std::string& path, EventQueue& events);
// The same with the sockets named by the user: frames are received at `local` and sent to `peer`.
Expected<Link> open_link(const std::string& local, const std::string& peer, EventQueue& events);

}  // namespace mimus
