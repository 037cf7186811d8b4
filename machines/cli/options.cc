#include "machines/cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <numeric>

namespace mimus::cli {
namespace {

constexpr const char* kDescription = "Mimus: runs foreign machines by dynamic binary translation.";
constexpr const char* kExamples =
    "Examples:\n"
    "  mimus run --kernel Image --initrd initrd.gz --append console=ttyS0\n"
    "  mimus run --smp 4 --memory 2G --kernel Image --disk root.img --append 'root=/dev/vda console=ttyS0'\n"
    "  mimus img create disk.qcow2 20G\n"
    "  mimus exec ./program-for-riscv64 argument\n"
    "  mimus dump --isa riscv64 --bytes 13051500 --show decode,ir,opt\n"
    "On a terminal, Ctrl-A h lists the keys that reach the emulator; Ctrl-A x ends it.";

void add_cpu_options(CLI::App& app, CpuOptions& o) {
  app.add_option("--isa", o.isa, "Instruction set of the guest: riscv64 or aarch64")->capture_default_str();
  app.add_option("--cpu", o.cpu, "CPU model, with features: MODEL[,+feature,-feature]")->capture_default_str();
  app.add_option("--engine", o.engine, "auto, interp, baseline or llvm")->capture_default_str();
}

struct Raw {
  std::string memory = "512M";
  std::string code_memory = "128M";
};

void add_run_options(CLI::App& app, RunOptions& o, Raw& raw) {
  add_cpu_options(app, o);
  app.add_option(
         "--machine", o.machine,
         "Board: virt[,virtio=mmio|pci][,pci=flat|ports]; riscv64: [,aia=none|aplic|aplic-imsic]; aarch64: [,gic=2|3]\n"
         "[,virtualization=on][,secure=on]")
      ->capture_default_str();
  app.add_option("--accel", o.accel, "auto or dbt")->capture_default_str();
  app.add_option("--smp", o.smp, "Number of CPUs")->capture_default_str();
  app.add_option("--memory", raw.memory, "Size of RAM, e.g. 512M or 2G")->capture_default_str();
  app.add_option("--firmware", o.firmware, "M-mode firmware; 'none' starts the kernel in M-mode (default: built in)");
  app.add_option("--kernel", o.kernel, "Linux Image, ELF file or flat binary; may be gzip'ed");
  app.add_option("--initrd", o.initrd, "Initial RAM file system");
  app.add_option("--append", o.append, "Kernel command line");
  app.add_option("--dtb", o.dtb, "Device tree blob in place of the board's own");
  app.add_option("--flash", o.flash, "UEFI firmware in flash: FILE[,readonly]; the code first, then the variables");
  app.add_option("--disk", o.disks,
                 "FILE[,format=raw|qcow2][,if=virtio|nvme][,readonly][,snapshot=on][,serial=TEXT]\n[,aio=auto|io_uring|"
                 "threads]; once for each");
  app.add_option(
      "--net", o.networks,
      "user[,hostfwd=tcp:[HOST]:PORT-[GUEST]:PORT][,restrict], tap=NAME[,bridge=NAME], link=PATH[,peer=PATH]\n"
      "or none; all with [,mac=ADDRESS][,pcap=FILE]; once for each");
  app.add_option("--serial", o.serial, "stdio, file:PATH, socket:PATH, socket:[HOST:]PORT or none")
      ->capture_default_str();
  app.add_option("--console", o.consoles, "A virtio console; values as for --serial, once for each");
  app.add_option("--entropy", o.entropy, "Random-number device: host or none")->capture_default_str();
  app.add_flag("--stats", o.stats, "Print counters to stderr at the end");
  app.add_flag("--guest-errors", o.guest_errors, "Print what the guest does wrong to stderr");
  app.add_option("--dump", o.dump, "Print translations while running: ir,opt,host")->delimiter(',');
  app.add_option("--dump-filter", o.dump_filter, "Only blocks at ADDRESS or START-END");
  app.add_option("--dump-file", o.dump_file, "Where --dump goes (default: stderr)");
  app.add_flag("--verify", o.verify, "Check the IR after every pass");
  auto* perf = app.add_flag("--perf-map", o.perf_map, "Name generated code for Linux perf, in /tmp/perf-PID.map");
  app.add_flag("--gdb-jit", o.gdb_jit, "Name generated code for GDB (slow)")->excludes(perf);
  app.add_option("--warm-after", o.warm_after, "Executions after which LLVM takes code on");
  app.add_option("--cache", o.cache,
                 "Where the translations of a --kernel are kept for the next run: off, or a directory (default: "
                 "$MIMUS_CACHE, ~/.cache/mimus/translations)");
  app.add_option("--code-memory", raw.code_memory, "Space for translated code")->capture_default_str();
}

void add_dump_options(CLI::App& app, DumpOptions& o) {
  add_cpu_options(app, o);
  app.add_option("--bytes", o.bytes, "Code as hex digits, in memory order");
  app.add_option("--elf", o.elf, "ELF file to take the code from");
  app.add_option("--symbol", o.symbol, "Function of the ELF file (default: its entry point)");
  app.add_option("--address", o.address, "Address of the first byte");
  app.add_option("--show", o.show, "Stages: decode,ir,opt,host")->delimiter(',')->capture_default_str();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// What CLI11 could not place: unknown options and words too many.
Expected<void> check_extras(const CLI::App& app) {
  for (const std::string& word : app.remaining()) {
    if (!word.starts_with("-")) return usage_error(fmt::format("unexpected argument '{}'", word));
    const std::string name = word.substr(0, word.find('='));
    const std::string near = nearest(name, option_names(app));
    return usage_error(fmt::format("unknown option {}{}", name, near.empty() ? "" : "; did you mean " + near + "?"));
  }
  return {};
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); j++) {
      const size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

Expected<u64> parse_size(const std::string& text) {
  u64 value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, size_t(text.data() + text.size() - end));
  static constexpr std::pair<std::string_view, unsigned> kUnits[] = {
      {"", 0}, {"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}};
  for (auto [name, shift] : kUnits)
    if (error == std::errc() && (unit == name) && (value << shift) >> shift == value) return value << shift;
  return usage_error(fmt::format("'{}' is not a size; examples: 65536, 512M, 2G", text));
}

std::optional<u64> parse_number(std::string_view text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  u64 value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Expected<CommandLine> parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  Raw raw;
  CLI::App app(kDescription, "mimus");
  app.footer(kExamples);
  bool version = false;
  app.add_flag("--version", version, "Print the version");
  CLI::App* run = app.add_subcommand("run", "Run a machine");
  app.add_subcommand("exec", "Run a Linux program of another instruction set: mimus exec --help");
  app.add_subcommand("binfmt", "Let the kernel start such programs by itself: mimus binfmt install|remove|status");
  app.add_subcommand("img", "Make, inspect and change disk images: mimus img --help");
  CLI::App* dump = app.add_subcommand("dump", "Show what each stage makes of a piece of code");
  CLI::App* doctor = app.add_subcommand("doctor", "What this host offers, and how to get what is missing");
  add_run_options(*run, line.run, raw);
  add_dump_options(*dump, line.dump);
  for (CLI::App* part : {&app, run, dump, doctor}) part->allow_extras();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    CLI::App* asked = run->parsed() ? run : dump->parsed() ? dump : doctor->parsed() ? doctor : &app;
    line.text = asked->help();
    return line;
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  if (version) {
    line.verb = Verb::version;
    return line;
  }
  if (!run->parsed() && !dump->parsed() && !doctor->parsed()) {
    const auto words = app.remaining();
    if (words.empty())
      return usage_error("nothing to do: mimus run, exec, img, dump or doctor; mimus --help says more");
    if (words[0].starts_with("-")) return std::unexpected(check_extras(app).error());
    const std::string near = nearest(words[0], {"run", "exec", "binfmt", "img", "dump", "doctor"});
    return usage_error(
        fmt::format("unknown command '{}'{}", words[0], near.empty() ? "" : "; did you mean " + near + "?"));
  }
  CLI::App* verb = run->parsed() ? run : dump->parsed() ? dump : doctor;
  line.verb = run->parsed() ? Verb::run : dump->parsed() ? Verb::dump : Verb::doctor;
  MIMUS_CHECK(check_extras(*verb));
  MIMUS_TRY(line.run.memory, parse_size(raw.memory));
  MIMUS_TRY(line.run.code_memory, parse_size(raw.code_memory));
  return line;
}

}  // namespace mimus::cli
