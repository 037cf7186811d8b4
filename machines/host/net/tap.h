// A TAP interface of the host as a network: the guest is a machine on the host's network, or on a bridge that the
// interface is part of.
// Source: Linux, Documentation/networking/tuntap.rst; include/uapi/linux/if_tun.h, virtio_net.h.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/device/event_queue.h"
#include "core/endpoint/net_endpoint.h"

namespace mimus {

// Opens the interface `name`, which is made if it does not exist (an administrator can do that). With `bridge` it
// becomes a port of that bridge and is switched on. Errors say what to run.
Expected<std::unique_ptr<NetEndpoint>> open_tap(const std::string& name, const std::string& bridge, EventQueue& events);

}  // namespace mimus
