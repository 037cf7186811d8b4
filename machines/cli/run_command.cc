#include <fmt/format.h>
#include <unistd.h>

#include "accel/dbt/dbt.h"
#include "machines/cli/commands.h"
#include "machines/cli/engines.h"
#include "machines/cli/host_signals.h"
#include "machines/cli/isa.h"
#include "machines/cli/translation_dump.h"
#include "machines/debug/monitor.h"
#include "machines/host/console/open_console.h"
#include "machines/host/console/stdio_console.h"

namespace mimus::cli {
namespace {

constexpr u64 kTimebaseHz = 10'000'000;
constexpr int kSignalExit = 128;  // as shells count

// One `mimus run`, put together from its options.
class Session {
 public:
  explicit Session(const RunOptions& options) : options_(options), vm_(kTimebaseHz) {}

  Expected<int> run() {
    MIMUS_TRY(isa_, make_isa(options_));
    MIMUS_TRY(auto board, isa_.make_board(options_.machine));
    MIMUS_TRY(engines_, EngineSet::make(*isa_.frontend, options_.engine));
    MIMUS_CHECK(make_accelerator());
    HostSignals signals(vm_.events(), signal_handlers());
    monitor_ = std::make_unique<Monitor>(vm_, *isa_.frontend);
    MIMUS_CHECK(open_serial());
    MIMUS_CHECK(board->build(vm_, config()));
    if (options_.guest_errors)
      vm_.on_guest_error([](const std::string& line) { fmt::print(stderr, "mimus: {}\r\n", line); });
    auto exit_code = vm_.run();
    if (options_.stats) fmt::print(stderr, "{}", vm_.accelerator().stats());
    return exit_code;
  }

 private:
  MachineConfig config() const {
    MachineConfig config;
    config.memory = options_.memory;
    config.cpus = options_.smp;
    config.firmware = options_.firmware;
    config.kernel = options_.kernel;
    config.initrd = options_.initrd;
    config.append = options_.append;
    config.serial = serial_;
    return config;
  }

  Expected<void> make_accelerator() {
    if (options_.accel != "auto" && options_.accel != "dbt")
      return usage_error(fmt::format("--accel {}: known accelerators are auto and dbt", options_.accel));
    if (options_.smp < 1 || options_.smp > 64) return usage_error(fmt::format("--smp {}: that many CPUs?", options_.smp));
    dbt::DbtConfig config{*isa_.frontend, vm_.memory(), vm_.clock(), vm_.events()};
    config.timebase_hz = kTimebaseHz;
    config.cpus = options_.smp;
    config.guest_errors = &vm_;
    config.verify_ir = options_.verify;
    engines_->configure(config);
    MIMUS_TRY(config.dump, make_dump_hook(options_));
    vm_.set_accelerator(dbt::make_dbt(std::move(config)));
    return {};
  }

  Expected<void> open_serial() {
    const std::string& text = options_.serial;
    if (text == "none") return {};
    if (text == "stdio") return open_stdio(), Expected<void>();
    auto opened = text.starts_with("file:")     ? open_file_console(text.substr(5), vm_.events())
                  : text.starts_with("socket:") ? open_socket_console(text.substr(7), vm_.events())
                                                : usage_error(fmt::format("--serial {}: wanted stdio, file:PATH, "
                                                                          "socket:PATH, socket:[HOST:]PORT or none",
                                                                          text));
    if (!opened) return std::unexpected(opened.error());
    serial_ = &vm_.add_endpoint(std::move(*opened));
    return {};
  }

  void open_stdio() {
    StdioConsole::Menu menu;
    menu.quit = [this] { vm_.request_power_off(0); };
    menu.command = [this](std::string line) {
      vm_.post_control([this, line = std::move(line)] {
        stdio_->print(monitor_->execute(line));
        stdio_->prompt();
      });
    };
    stdio_ = &vm_.add_endpoint(std::make_unique<StdioConsole>(vm_.events(), std::move(menu)));
    serial_ = stdio_;
  }

  HostSignals::Handlers signal_handlers() {
    return {
        .terminate = [this](int signal) { vm_.request_power_off(kSignalExit + signal); },
        .before_stop =
            [this] {
              if (stdio_ && stdio_->terminal()) stdio_->terminal()->suspend();
            },
        .after_stop =
            [this] {
              if (stdio_ && stdio_->terminal()) stdio_->terminal()->resume();
            },
    };
  }

  // The Vm refers to what stands before it, so it is destroyed first.
  const RunOptions& options_;
  Isa isa_;
  std::unique_ptr<EngineSet> engines_;
  Vm vm_;
  std::unique_ptr<Monitor> monitor_;
  CharEndpoint* serial_ = nullptr;
  StdioConsole* stdio_ = nullptr;
};

}  // namespace

Expected<int> run_command(const RunOptions& options) { return std::make_unique<Session>(options)->run(); }

}  // namespace mimus::cli
