// `mimus exec`: starts a program of a foreign ISA as a process and runs it to its end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/process.h"
#include "machines/user/isa.h"

namespace mimus::user {

struct ExecConfig {
  std::string program;                 // as the user or execve has named it
  std::vector<std::string> arguments;  // argv, from argv[0] on
  std::string sysroot;                 // empty: found by itself
  bool strace = false;
  bool traced = false;  // another process traces this one, by way of ptrace(2) in its guest
  std::string gdb;      // where to wait for GDB: [HOST:]PORT; empty: not
  bool stats = false;
  std::vector<std::string> options;  // to pass on to children of the same ISA
};

// What executes the program (`program`: its file, as the host names it): made when its ISA is known.
struct ExecCpu {
  std::unique_ptr<UserAccelerator> accelerator;
  std::vector<std::string> extensions;  // of the CPU model
};
using MakeCpu =
    std::function<Expected<ExecCpu>(std::string_view isa, ProcessMemory& memory, const std::string& program)>;

// Returns only with an error: the process ends as the guest does. Errors that execve(2) knows have the exit codes of a
// shell: 127 for a program that is not there, 126 for one that cannot run.
Error run_program(const ExecConfig& config, const MakeCpu& make_cpu, int& exit_code);

}  // namespace mimus::user
