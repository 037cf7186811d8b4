#include "machines/cli/exec_options.h"

#include <fmt/format.h>

namespace mimus::cli {
namespace {

struct Row {
  std::string_view name, short_name;
  std::string ExecOptions::* text;  // null: a flag
  bool ExecOptions::* flag;
  bool inherited;
  std::string_view value, about;
};

constexpr Row kRows[] = {
    {"--sysroot", "-L", &ExecOptions::sysroot, nullptr, false, "DIR",
     "Root of the program's own files (default: $MIMUS_SYSROOT, this system, /usr/<triplet>)"},
    {"--cpu", "", &ExecOptions::cpu, nullptr, true, "MODEL", "CPU model, with features: MODEL[,+feature,-feature]"},
    {"--engine", "", &ExecOptions::engine, nullptr, true, "NAME", "auto, interp, baseline or llvm"},
    {"--argv0", "-0", &ExecOptions::argv0, nullptr, false, "NAME", "What the program sees as its own name"},
    {"--warm-after", "", &ExecOptions::warm_after, nullptr, true, "N", "Executions after which LLVM takes on code"},
    {"--code-memory", "", &ExecOptions::code_memory, nullptr, true, "SIZE", "Memory for generated code, e.g. 64M"},
    {"--cache", "", &ExecOptions::cache, nullptr, true, "off|DIR",
     "Where translations are kept for the next run (default: $MIMUS_CACHE, ~/.cache/mimus/translations)"},
    {"--strace", "", nullptr, &ExecOptions::strace, true, "", "Print system calls and signals to stderr"},
    {"--gdb", "", &ExecOptions::gdb, nullptr, false, "[HOST:]PORT", "Wait for GDB there before the first instruction"},
    {"--stats", "", nullptr, &ExecOptions::stats, true, "", "Print counters to stderr at the end"},
    {"--traced", "", nullptr, &ExecOptions::traced, false, "", ""},
    {"--help", "-h", nullptr, &ExecOptions::help, false, "", "Print this help"},
};

const Row* find_row(std::string_view name) {
  for (const Row& row : kRows)
    if (name == row.name || (!row.short_name.empty() && name == row.short_name)) return &row;
  return nullptr;
}

std::unexpected<Error> unknown_option(std::string_view name) {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.emplace_back(row.name);
  const std::string near = nearest(name, names);
  return usage_error(fmt::format("unknown option {}{}; options of the program stand behind its name", name,
                                 near.empty() ? "" : "; did you mean " + near + "?"));
}

}  // namespace

std::string exec_help() {
  std::string text =
      "Run a Linux program of another instruction set (riscv64, aarch64)\n"
      "Usage: mimus exec [OPTIONS] PROGRAM [ARGUMENTS...]\n\nOptions:\n";
  for (const Row& row : kRows) {
    if (row.about.empty()) continue;  // between our own processes
    std::string left =
        fmt::format("  {}{}{} {}", row.short_name, row.short_name.empty() ? "" : ",", row.name, row.value);
    text += fmt::format("{:<26}{}\n", left, row.about);
  }
  return text;
}

Expected<ExecOptions> parse_exec_options(int argc, const char* const* argv) {
  ExecOptions options;
  int i = 0;
  for (; i < argc; i++) {
    std::string_view word = argv[i];
    if (word == "--") {
      i++;
      break;
    }
    if (!word.starts_with('-') || word == "-") break;
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const Row* row = find_row(name);
    if (!row) return unknown_option(name);
    if (row->flag) {
      if (equals != std::string_view::npos) return usage_error(fmt::format("{} takes no value", row->name));
      options.*row->flag = true;
    } else if (equals != std::string_view::npos) {
      options.*row->text = word.substr(equals + 1);
    } else {
      if (++i >= argc) return usage_error(fmt::format("{} needs a value: {} {}", name, row->name, row->value));
      options.*row->text = argv[i];
    }
    if (row->inherited) {
      options.inherited.emplace_back(row->name);
      if (row->text) options.inherited.push_back(options.*row->text);
    }
  }
  if (options.help) return options;
  if (i >= argc) return usage_error("mimus exec: which program? mimus exec --help says more");
  options.program = argv[i++];
  options.arguments.assign(argv + i, argv + argc);
  return options;
}

}  // namespace mimus::cli
