// mimus exec: a foreign Linux program as a process of this system.
#pragma once

#include "core/base/error.h"

namespace mimus::cli {

// `argv` begins behind "exec". The exit code where the program could not be started.
Expected<int> exec_command(int argc, const char* const* argv);

// The name under which binfmt_misc starts the program (machines/cli/binfmt_command.cc): no verb and no options stand on
// its command line, which is: the program's path, its argv[0], its arguments.
inline constexpr const char* kBinfmtName = "mimus-binfmt";
Expected<int> exec_for_binfmt(int argc, const char* const* argv);  // argv begins with the path
// mimus binfmt install|remove|status
Expected<int> binfmt_command(int argc, const char* const* argv);

}  // namespace mimus::cli
