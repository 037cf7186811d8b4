#include <arpa/inet.h>

#include <array>
#include <charconv>

#include "machines/host/net/user_net.h"

namespace mimus {

namespace {

Expected<Ipv4> parse_address(std::string_view text, Ipv4 fallback) {
  if (text.empty()) return fallback;
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1)
    return usage_error("'" + std::string(text) + "' is not an IPv4 address");
  return ntohl(address.s_addr);
}

Expected<u16> parse_port(std::string_view text) {
  u16 port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0)
    return usage_error("'" + std::string(text) + "' is not a port (1 to 65535)");
  return port;
}

// Cuts `text` at the first `separator`; false if there is none.
bool cut(std::string_view& text, char separator, std::string_view& before) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) return false;
  before = text.substr(0, at);
  text.remove_prefix(at + 1);
  return true;
}

}  // namespace

std::string ipv4_text(Ipv4 address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  const in_addr network{htonl(address)};
  inet_ntop(AF_INET, &network, text.data(), text.size());
  return text.data();
}

Expected<PortForward> parse_port_forward(std::string_view text) {
  std::string_view protocol, host_address, host_port, guest_address, guest_port = text;
  if (!cut(guest_port, ':', protocol) || !cut(guest_port, ':', host_address) || !cut(guest_port, '-', host_port) ||
      !cut(guest_port, ':', guest_address))
    return usage_error("it has the form [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT, as in tcp::2222-:22");
  if (!protocol.empty() && protocol != "tcp" && protocol != "udp")
    return usage_error("'" + std::string(protocol) + "' is neither tcp nor udp");
  PortForward forward;
  forward.udp = protocol == "udp";
  MIMUS_TRY(forward.host_address, parse_address(host_address, forward.host_address));
  MIMUS_TRY(forward.host_port, parse_port(host_port));
  MIMUS_TRY(forward.guest_address, parse_address(guest_address, forward.guest_address));
  MIMUS_TRY(forward.guest_port, parse_port(guest_port));
  return forward;
}

}  // namespace mimus
