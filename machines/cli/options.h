// The command line as data. Parsing opens no files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus::cli {

struct CpuOptions {
  std::string isa = "riscv64";
  std::string cpu = "max";
  std::string engine = "auto";
};

struct RunOptions : CpuOptions {
  std::string machine = "virt";
  std::string accel = "auto";
  u32 smp = 1;
  u64 memory = u64{512} << 20;
  std::string firmware, kernel, initrd, append, dtb;
  std::vector<std::string> flash;
  std::vector<std::string> disks;
  std::vector<std::string> networks;
  std::string serial = "stdio";
  std::vector<std::string> consoles;  // virtio
  std::string entropy = "host";
  bool stats = false;
  bool guest_errors = false;
  bool verify = false;
  bool perf_map = false, gdb_jit = false;
  std::optional<u32> warm_after;  // executions
  std::string cache;              // translation_cache.h
  u64 code_memory = u64{128} << 20;
  std::vector<std::string> dump;  // stages
  std::string dump_filter;        // "START" or "START-END"
  std::string dump_file;
};

struct DumpOptions : CpuOptions {
  std::string bytes;  // hex
  std::string elf, symbol;
  std::string address;  // of the first byte
  std::vector<std::string> show{"decode", "ir", "opt", "host"};
};

enum class Verb { run, dump, doctor, help, version };

struct CommandLine {
  Verb verb = Verb::help;
  std::string text;  // help: what to print
  RunOptions run;
  DumpOptions dump;
};

// Errors are of kind `usage`; an unknown option or verb is answered with the nearest known one.
Expected<CommandLine> parse_command_line(int argc, const char* const* argv);

// "512M", "2G", "65536": bytes.
Expected<u64> parse_size(const std::string& text);
// Decimal, or hex after 0x.
std::optional<u64> parse_number(std::string_view text);
// The candidate that `word` most likely meant; empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mimus::cli
