// Networks of the host, as --net describes them:
//
//   user[,hostfwd=[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT]...[,restrict]
//   tap=NAME[,bridge=NAME]
//   link=PATH[,peer=PATH]
//   none
//
// and, but for none, [,mac=ADDRESS][,pcap=FILE].
//
// "user" is a NAT in this process: the guest gets 10.0.2.15 by DHCP and an address in fec0::/64 by router
// advertisement; the gateway 10.0.2.2 (fec0::2) is also the way to the host's loopback, 10.0.2.3 (fec0::3) forwards
// DNS. A forward listens on the host's 127.0.0.1 unless HOSTADDR says otherwise (0.0.0.0 opens it to the host's
// network); addresses of IPv6 stand in brackets. `restrict` cuts the guest off from everything but its forwards. "tap"
// is an interface of the host (net/tap.h), "link" a cable to another machine (net/link.h), `pcap` a capture file
// (net/pcap.h).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/error.h"
#include "core/device/clock.h"
#include "core/device/event_queue.h"
#include "core/device/guest_error.h"
#include "core/endpoint/net_endpoint.h"

namespace mimus {

struct HostNet {
  std::unique_ptr<NetEndpoint> endpoint;  // null for "none"
  std::optional<MacAddress> mac;          // of the NIC, when it is to have a certain one
};

// Call it before the event queue runs or with the machine lock held.
Expected<HostNet> open_net(std::string_view spec, EventQueue& events, Clock& clock, GuestErrorSink* errors = nullptr);

// "52:54:00:12:34:56"; group addresses are refused.
Expected<MacAddress> parse_mac(std::string_view text);

}  // namespace mimus
