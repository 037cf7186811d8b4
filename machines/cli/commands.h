// The verbs of the program. Each returns the exit code of the process.
#pragma once

#include "machines/cli/options.h"

namespace mimus::cli {

Expected<int> run_command(const RunOptions& options);
Expected<int> dump_command(const DumpOptions& options);
Expected<int> doctor_command();

}  // namespace mimus::cli
