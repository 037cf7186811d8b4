// What the NAT module is told, and its factory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/device/clock.h"
#include "core/device/event_queue.h"
#include "core/device/guest_error.h"
#include "core/endpoint/net_endpoint.h"

namespace mimus {

using Ipv4 = u32;  // host byte order: 10.0.2.15 is 0x0a00020f

struct PortForward {
  bool udp = false;
  Ipv4 host_address = 0x7f000001;
  u16 host_port = 0;
  Ipv4 guest_address = 0x0a00020f;
  u16 guest_port = 0;
};

struct UserNetConfig {
  std::vector<PortForward> forwards;
  bool restrict_guest = false;
};

// "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT"; the error says which part is wrong.
Expected<PortForward> parse_port_forward(std::string_view text);
std::string ipv4_text(Ipv4 address);

// The factory of the module "mimus_slirp". On failure it returns null and sets `error`.
inline constexpr const char* kUserNetFactory = "mimus_make_user_net";
using MakeUserNet = NetEndpoint* (*)(const UserNetConfig& config, EventQueue& events, Clock& clock,
                                     GuestErrorSink* errors, Error& error);

}  // namespace mimus
