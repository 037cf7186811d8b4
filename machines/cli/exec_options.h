// The command line of `mimus exec`: everything up to the program's name is ours, the rest is the program's. A parser of
// its own, since a foreign `true` should not wait for that of the other commands.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "machines/cli/options.h"

namespace mimus::cli {

struct ExecOptions {
  std::string cpu = "max";
  std::string engine = "auto";
  std::string sysroot;
  std::string argv0;                    // empty: the program's name
  std::string warm_after, code_memory;  // as for `mimus run`; empty: the default
  std::string gdb;                      // empty: no GDB server
  std::string cache;                    // translation_cache.h
  bool traced = false;                  // for execve of a tracee
  bool strace = false, stats = false, help = false;
  std::string program;
  std::vector<std::string> arguments;  // without argv[0]
  std::vector<std::string> inherited;  // options that children of the same ISA get as well
};

// `argv` begins behind "exec".
Expected<ExecOptions> parse_exec_options(int argc, const char* const* argv);
std::string exec_help();

}  // namespace mimus::cli
