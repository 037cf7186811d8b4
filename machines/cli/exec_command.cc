#include "machines/cli/exec_command.h"

#include <fmt/format.h>

#include "accel/dbt/dbt.h"
#include "machines/cli/engines.h"
#include "machines/cli/exec_options.h"
#include "machines/cli/isa.h"
#include "machines/cli/translation_cache.h"
#include "machines/user/run_program.h"

namespace mimus::cli {
namespace {

// What the accelerator refers to; lives to the end of the process.
struct Machine {
  std::unique_ptr<Frontend> frontend;
  std::unique_ptr<EngineSet> engines;
};

Expected<user::ExecCpu> make_cpu(const ExecOptions& options, std::string_view name, ProcessMemory& memory,
                                 const std::string& program) {
  MIMUS_TRY(auto isa, make_isa({.isa = std::string(name), .cpu = options.cpu}));
  EngineSet::Tuning tuning{.memory = memory.base() ? MemoryModel::flat : MemoryModel::flat_zero};
  if (!options.warm_after.empty()) {
    tuning.warm_after = parse_number(options.warm_after);
    if (!tuning.warm_after) return usage_error(fmt::format("--warm-after {}: not a number", options.warm_after));
  }
  if (!options.code_memory.empty()) {
    MIMUS_TRY(tuning.code_memory, parse_size(options.code_memory));
  }
  auto* machine = new Machine;
  machine->frontend = std::move(isa.frontend);
  MIMUS_TRY(machine->engines, EngineSet::make(*machine->frontend, options.engine, tuning));
  dbt::UserDbtConfig config(*machine->frontend, memory);
  machine->engines->configure(config);
  config.store = translation_store(options.cache, *machine->engines,
                                   fmt::format("{} {} ({})", name, options.cpu, fmt::join(isa.features, " ")), program);
  return user::ExecCpu{dbt::make_user_dbt(std::move(config)), std::move(isa.features)};
}

Expected<int> run(const ExecOptions& options) {
  user::ExecConfig config;
  config.program = options.program;
  config.arguments = options.arguments;
  config.arguments.insert(config.arguments.begin(), options.argv0.empty() ? options.program : options.argv0);
  config.sysroot = options.sysroot;
  config.strace = options.strace;
  config.gdb = options.gdb;
  config.traced = options.traced;
  config.stats = options.stats;
  config.options = options.inherited;
  int exit_code = 0;
  const Error error = user::run_program(
      config,
      [&](std::string_view isa, ProcessMemory& memory, const std::string& program) {
        return make_cpu(options, isa, memory, program);
      },
      exit_code);
  if (error.kind == Error::Kind::usage) return std::unexpected(error);
  fmt::print(stderr, "mimus: {}\n", error.message);
  return exit_code;
}

}  // namespace

Expected<int> exec_command(int argc, const char* const* argv) {
  MIMUS_TRY(const auto options, parse_exec_options(argc, argv));
  if (options.help) {
    fmt::print("{}", exec_help());
    return 0;
  }
  return run(options);
}

Expected<int> exec_for_binfmt(int argc, const char* const* argv) {
  if (argc < 2) return usage_error(fmt::format("{} is started by the kernel: see mimus binfmt", kBinfmtName));
  ExecOptions options;
  options.program = argv[0];
  options.argv0 = argv[1];
  options.arguments.assign(argv + 2, argv + argc);
  return run(options);
}

}  // namespace mimus::cli
