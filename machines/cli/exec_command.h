// mimus exec: a foreign Linux program as a process of this system.
#pragma once

#include "core/base/error.h"

namespace mimus::cli {

// `argv` begins behind "exec". The exit code where the program could not be started.
Expected<int> exec_command(int argc, const char* const* argv);

}  // namespace mimus::cli
