#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>

#include "accel/dbt/dbt.h"
#include "backends/emit/gdb_jit.h"
#include "backends/emit/perf_map.h"
#include "machines/cli/commands.h"
#include "machines/cli/engines.h"
#include "machines/cli/host_signals.h"
#include "machines/cli/isa.h"
#include "machines/cli/translation_cache.h"
#include "machines/cli/translation_dump.h"
#include "machines/debug/monitor.h"
#include "machines/host/console/open_console.h"
#include "machines/host/console/stdio_console.h"
#include "machines/host/disk.h"
#include "machines/host/entropy.h"
#include "machines/host/net.h"
#include "machines/host/option_list.h"

namespace mimus::cli {
namespace {

constexpr int kSignalExit = 128;  // as shells count

// Translations are many small objects, made by the threads of the CPUs. The C library's heaps for threads grow by a
// page and a system call at a time; its first one, which all share then, grows by as much as it is told.
void keep_one_heap() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TOP_PAD, 1 << 20);
}

// One `mimus run`, put together from its options.
class Session {
 public:
  explicit Session(const RunOptions& options) : options_(options), vm_(timebase_hz(options.isa)) {}

  Expected<int> run() {
    MIMUS_TRY(const std::string machine, read_machine());
    CpuOptions cpu = options_;
    // Controllers of messages go with harts that have registers for them.
    if (config_.interrupts == InterruptController::aplic_imsic) cpu.cpu += ",+smaia";
    cpu.cpu += levels_;
    MIMUS_TRY(isa_, make_isa(cpu));
    MIMUS_TRY(auto board, isa_.make_board(machine));
    MIMUS_TRY(engines_, EngineSet::make(*isa_.frontend, options_.engine, {options_.warm_after, options_.code_memory}));
    MIMUS_CHECK(make_accelerator());
    HostSignals signals(vm_.events(), signal_handlers());
    monitor_ = std::make_unique<Monitor>(vm_, *isa_.frontend);
    MIMUS_CHECK(open_endpoints());
    MIMUS_CHECK(board->build(vm_, config_));
    if (options_.guest_errors)
      vm_.on_guest_error([](const std::string& line) { fmt::print(stderr, "mimus: {}\r\n", line); });
    auto exit_code = vm_.run();
    vm_.accelerator().save_translations();
    if (options_.stats) fmt::print(stderr, "{}", vm_.accelerator().stats());
    return exit_code;
  }

 private:
  Expected<void> make_accelerator() {
    if (options_.accel != "auto" && options_.accel != "dbt")
      return usage_error(fmt::format("--accel {}: known accelerators are auto and dbt", options_.accel));
    if (options_.smp < 1 || options_.smp > 64)
      return usage_error(fmt::format("--smp {}: no machine has that many CPUs (virt has 1 to 8)", options_.smp));
    dbt::DbtConfig config{*isa_.frontend, vm_.memory(), vm_.events(), vm_.timebase()};
    config.cpus = options_.smp;
    config.guest_errors = &vm_;
    config.verify_ir = options_.verify;
    MIMUS_TRY(config.dump, make_dump_hook(options_));
    MIMUS_CHECK(name_code());
    engines_->configure(config);
    // Whatever boots from a disk may be something else the next time.
    if (!options_.kernel.empty() && !config.dump.wants) {
      config.store =
          translation_store(options_.cache, *engines_,
                            fmt::format("{} {} ({})", options_.isa, options_.cpu, fmt::join(isa_.features, " ")),
                            "kernel " + options_.kernel);
      config.store.keep_open = true;
    }
    vm_.set_accelerator(dbt::make_dbt(std::move(config)));
    return {};
  }

  Expected<void> name_code() {
    if (options_.gdb_jit) engines_->listen(std::make_unique<emit::GdbJit>());
    if (!options_.perf_map) return {};
    MIMUS_TRY(auto map, emit::PerfMap::create());
    engines_->listen(std::move(map));
    return {};
  }

  Expected<void> open_endpoints() {
    config_.memory = options_.memory;
    config_.cpus = options_.smp;
    config_.firmware = options_.firmware;
    config_.kernel = options_.kernel;
    config_.initrd = options_.initrd;
    config_.append = options_.append;
    config_.device_tree = options_.dtb;
    MIMUS_TRY(config_.serial, open_console("--serial", options_.serial));
    for (const std::string& spec : options_.consoles) {
      MIMUS_TRY(CharEndpoint * console, open_console("--console", spec));
      if (console) config_.consoles.push_back(console);
    }
    MIMUS_CHECK(open_flash());
    for (const std::string& spec : options_.disks) {
      MIMUS_TRY(auto disk, open_disk(spec, vm_.events()));
      MIMUS_TRY(auto interface, disk_interface(spec));
      config_.disks.push_back({&vm_.add_endpoint(std::move(disk)), interface});
    }
    for (const std::string& spec : options_.networks) {
      MIMUS_TRY(auto network, open_net(spec, vm_.events(), vm_.clock(), &vm_));
      if (network.endpoint) config_.networks.push_back({&vm_.add_endpoint(std::move(network.endpoint)), network.mac});
    }
    if (options_.entropy == "host") {
      config_.entropy = &vm_.add_endpoint(std::make_unique<HostEntropy>());
    } else if (options_.entropy != "none") {
      return usage_error(fmt::format("--entropy {}: wanted host or none", options_.entropy));
    }
    return {};
  }

  // The first bank is only read; changes of the second go to its file unless that is `readonly`.
  Expected<void> open_flash() {
    static constexpr std::string_view kKnown[] = {"readonly"};
    for (const std::string& spec : options_.flash) {
      const OptionList list(spec);
      MIMUS_CHECK(list.allow_only("--flash " + list.first(), kKnown));
      MIMUS_TRY(const bool read_only, list.flag("readonly"));
      FlashBank bank{list.first()};
      if (!config_.flash.empty() && !read_only) {
        MIMUS_TRY(auto disk, open_disk(list.first() + ",format=raw", vm_.events()));
        bank.store = &vm_.add_endpoint(std::move(disk));
      }
      config_.flash.push_back(std::move(bank));
    }
    return {};
  }

  static Expected<DiskInterface> disk_interface(std::string_view spec) {
    const OptionList list(spec);
    const std::string* interface = list.value("if");
    if (!interface || *interface == "virtio") return DiskInterface::virtio;
    if (*interface == "nvme") return DiskInterface::nvme;
    return usage_error(fmt::format("--disk {}: unknown interface '{}'; there are: virtio, nvme", spec, *interface));
  }

  // NAME[,virtio=mmio|pci][,pci=flat|ports][,aia=none|aplic|aplic-imsic][,gic=2|3][,acpi=on|off]
  // [,virtualization=on|off][,secure=on|off]; the board's name.
  Expected<std::string> read_machine() {
    static constexpr std::string_view kKnown[] = {"virtio", "pci", "aia", "gic", "acpi", "secure", "virtualization"};
    const OptionList list(options_.machine);
    MIMUS_CHECK(list.allow_only("--machine " + list.first(), kKnown));
    if (const std::string* bus = list.value("virtio")) {
      if (*bus != "mmio" && *bus != "pci")
        return usage_error(fmt::format("--machine {}: virtio devices sit on mmio or pci", options_.machine));
      config_.virtio = *bus == "pci" ? VirtioBus::pci : VirtioBus::mmio;
    }
    if (const std::string* pci = list.value("pci")) {
      if (*pci != "flat" && *pci != "ports")
        return usage_error(
            fmt::format("--machine {}: PCI devices sit on a flat bus or behind ports", options_.machine));
      config_.pci_ports = *pci == "ports";
    }
    if (const std::string* acpi = list.value("acpi")) {
      if (*acpi != "on" && *acpi != "off")
        return usage_error(fmt::format("--machine {}: ACPI tables are on or off", options_.machine));
      config_.acpi = *acpi == "on";
    }
    MIMUS_CHECK(read_interrupt_controllers(list));
    MIMUS_CHECK(read_level(list, "virtualization", ",+el2"));
    MIMUS_CHECK(read_level(list, "secure", ",+el3"));
    return list.first();
  }

  // Exception levels of Arm CPUs that software has to itself.
  Expected<void> read_level(const OptionList& list, std::string_view name, std::string_view feature) {
    const std::string* value = list.value(name);
    if (!value || *value == "off") return {};
    if (*value != "on") return usage_error(fmt::format("--machine {}: {} is on or off", options_.machine, name));
    if (options_.isa != "aarch64")
      return usage_error(fmt::format("--machine {}: {} is for aarch64", options_.machine, name));
    levels_ += feature;
    return {};
  }

  Expected<void> read_interrupt_controllers(const OptionList& list) {
    if (const std::string* aia = list.value("aia")) {
      static constexpr std::string_view kNames[] = {"none", "aplic", "aplic-imsic"};  // as InterruptController
      const auto* name = std::ranges::find(kNames, *aia);
      if (name == std::end(kNames))
        return usage_error(fmt::format("--machine {}: aia is none, aplic or aplic-imsic", options_.machine));
      config_.interrupts = InterruptController(name - kNames);
    }
    if (const std::string* gic = list.value("gic")) {
      if (*gic != "2" && *gic != "3")
        return usage_error(fmt::format("--machine {}: there is gic=2 and gic=3", options_.machine));
      config_.gic = *gic == "2" ? GicVersion::v2 : GicVersion::v3;
    }
    return {};
  }

  // Null for "none".
  Expected<CharEndpoint*> open_console(std::string_view option, const std::string& spec) {
    if (spec == "none") return nullptr;
    if (spec == "stdio") {
      if (stdio_) return usage_error(fmt::format("{} stdio: standard input and output are taken already", option));
      return open_stdio();
    }
    auto opened = spec.starts_with("file:") ? open_file_console(spec.substr(5), vm_.events())
                  : spec.starts_with("socket:")
                      ? open_socket_console(spec.substr(7), vm_.events())
                      : usage_error(fmt::format("{} {}: wanted stdio, file:PATH, socket:PATH, "
                                                "socket:[HOST:]PORT or none",
                                                option, spec));
    if (!opened) return std::unexpected(opened.error());
    return &vm_.add_endpoint(std::move(*opened));
  }

  CharEndpoint* open_stdio() {
    StdioConsole::Menu menu;
    menu.quit = [this] { vm_.request_power_off(0); };
    menu.command = [this](std::string line) {
      vm_.post_control([this, line = std::move(line)] {
        stdio_->print(monitor_->execute(line));
        stdio_->prompt();
      });
    };
    stdio_ = &vm_.add_endpoint(std::make_unique<StdioConsole>(vm_.events(), std::move(menu)));
    return stdio_;
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
  MachineConfig config_;
  std::string levels_;  // for --cpu
  StdioConsole* stdio_ = nullptr;
};

}  // namespace

Expected<int> run_command(const RunOptions& options) {
  keep_one_heap();
  return std::make_unique<Session>(options)->run();
}

}  // namespace mimus::cli
