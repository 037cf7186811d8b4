#include "machines/host/net.h"

#include "core/base/module.h"
#include "machines/host/net/user_net.h"
#include "machines/host/option_list.h"

namespace mimus {

namespace {

Expected<UserNetConfig> user_net_config(const OptionList& options) {
  static constexpr std::string_view kKnown[] = {"hostfwd", "restrict"};
  MIMUS_CHECK(options.allow_only("--net user", kKnown));
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

}  // namespace

Expected<std::unique_ptr<NetEndpoint>> open_net(std::string_view spec, EventQueue& events, Clock& clock,
                                                GuestErrorSink* errors) {
  const OptionList options(spec);
  if (options.first() == "none" && options.options().empty()) return nullptr;
  if (options.first() != "user")
    return usage_error("--net " + std::string(spec) + ": there are: user[,hostfwd=..][,restrict], none");
  MIMUS_TRY(const UserNetConfig config, user_net_config(options));
  MIMUS_TRY(const auto make, load_factory<MakeUserNet>("mimus_slirp", kUserNetFactory, "--net user", "libslirp-dev"));
  Error error;
  std::unique_ptr<NetEndpoint> net(make(config, events, clock, errors, error));
  if (!net) return std::unexpected(std::move(error));
  return net;
}

}  // namespace mimus
