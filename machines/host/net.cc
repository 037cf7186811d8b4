#include "machines/host/net.h"

#include <cstdio>
#include <span>

#include "core/base/module.h"
#include "machines/host/net/link.h"
#include "machines/host/net/pcap.h"
#include "machines/host/net/tap.h"
#include "machines/host/net/user_net.h"
#include "machines/host/option_list.h"

namespace mimus {

namespace {

struct Request {
  const OptionList& options;
  EventQueue& events;
  Clock& clock;
  GuestErrorSink* errors;

  std::string text(std::string_view name) const {
    const std::string* value = options.value(name);
    return value ? *value : "";
  }
};

Expected<UserNetConfig> user_net_config(const OptionList& options) {
  UserNetConfig config;
  MIMUS_TRY(config.restrict_guest, options.flag("restrict"));
  for (const OptionList::Option& option : options.options()) {
    if (option.name != "hostfwd") continue;
    const std::string text = option.value.value_or("");
    auto forward = parse_port_forward(text);
    if (!forward) return usage_error("--net user: hostfwd=" + text + ": " + forward.error().message);
    config.forwards.push_back(*forward);
  }
  return config;
}

Expected<HostNet> open_user(const Request& request, const std::string&) {
  MIMUS_TRY(const UserNetConfig config, user_net_config(request.options));
  MIMUS_TRY(const auto make, load_factory<MakeUserNet>("mimus_slirp", kUserNetFactory, "--net user", "libslirp-dev"));
  Error error;
  HostNet net;
  net.endpoint.reset(make(config, request.events, request.clock, request.errors, error));
  if (!net.endpoint) return std::unexpected(std::move(error));
  return net;
}

Expected<HostNet> open_tap_net(const Request& request, const std::string& name) {
  HostNet net;
  MIMUS_TRY(net.endpoint, open_tap(name, request.text("bridge"), request.events));
  return net;
}

// The NICs at the ends of a link must differ.
Expected<HostNet> open_link_net(const Request& request, const std::string& path) {
  const std::string* peer = request.options.value("peer");
  MIMUS_TRY(Link link, peer ? open_link(path, *peer, request.events) : open_link(path, request.events));
  HostNet net;
  net.endpoint = std::move(link.network);
  if (link.end == 1) net.mac = MacAddress{0x52, 0x54, 0x00, 0x12, 0x35, 0x56};
  return net;
}

struct Kind {
  std::string_view name;
  bool argument;  // KIND=ARGUMENT
  std::span<const std::string_view> options;
  Expected<HostNet> (*open)(const Request&, const std::string& argument);
};

const Kind* find_kind(std::string_view name) {
  static constexpr std::string_view kUser[] = {"mac", "pcap", "hostfwd", "restrict"},
                                    kTap[] = {"mac", "pcap", "bridge"}, kLink[] = {"mac", "pcap", "peer"};
  static constexpr Kind kKinds[] = {
      {"user", false, kUser, open_user}, {"tap", true, kTap, open_tap_net}, {"link", true, kLink, open_link_net}};
  for (const Kind& kind : kKinds)
    if (kind.name == name) return &kind;
  return nullptr;
}

}  // namespace

Expected<MacAddress> parse_mac(std::string_view text) {
  MacAddress mac{};
  const std::string copy(text);
  int used = 0;
  const int fields = std::sscanf(copy.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
                                 &mac[3], &mac[4], &mac[5], &used);
  if (fields != 6 || size_t(used) != copy.size())
    return usage_error("'" + copy + "' is not an Ethernet address, as in 52:54:00:12:34:56");
  if (mac[0] & 1) return usage_error("'" + copy + "' is a group's address; the first byte of a NIC's own one is even");
  return mac;
}

Expected<HostNet> open_net(std::string_view spec, EventQueue& events, Clock& clock, GuestErrorSink* errors) {
  const OptionList options(spec);
  if (options.first() == "none" && options.options().empty()) return HostNet{};
  const size_t equals = options.first().find('=');
  const std::string name = options.first().substr(0, equals);
  const std::string argument = equals == std::string::npos ? "" : options.first().substr(equals + 1);
  const Kind* kind = find_kind(name);
  if (!kind || kind->argument == argument.empty())
    return usage_error("--net " + std::string(spec) + ": there are: user, tap=NAME, link=PATH, none");
  MIMUS_CHECK(options.allow_only("--net " + name, kind->options));
  const Request request{options, events, clock, errors};
  MIMUS_TRY(HostNet net, kind->open(request, argument));
  if (const std::string* mac = options.value("mac")) {
    auto parsed = parse_mac(*mac);
    if (!parsed) return usage_error("--net " + name + ": mac=" + parsed.error().message);
    net.mac = *parsed;
  }
  if (const std::string* path = options.value("pcap")) {
    MIMUS_TRY(net.endpoint, capture_packets(std::move(net.endpoint), *path, clock));
  }
  return net;
}

}  // namespace mimus
