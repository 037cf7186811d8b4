// Networks of the host: what --net user[,hostfwd=[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT]...[,restrict]
// or --net none describes.
//
// "user" is a NAT in this process: the guest gets 10.0.2.15 by DHCP, the gateway 10.0.2.2 is also the way to the
// host's loopback, 10.0.2.3 forwards DNS. A forward listens on the host's 127.0.0.1 unless HOSTADDR says otherwise
// (0.0.0.0 opens it to the host's network). `restrict` cuts the guest off from everything but its forwards.
#pragma once

#include <memory>
#include <string_view>

#include "core/base/error.h"
#include "core/device/clock.h"
#include "core/device/event_queue.h"
#include "core/device/guest_error.h"
#include "core/endpoint/net_endpoint.h"

namespace mimus {

// Null, without an error, for "none". Call it before the event queue runs or with the machine lock held.
Expected<std::unique_ptr<NetEndpoint>> open_net(std::string_view spec, EventQueue& events, Clock& clock,
                                                GuestErrorSink* errors = nullptr);

}  // namespace mimus
