// Where `mimus run --dump` goes, and which translations it shows.
#pragma once

#include <cstdio>
#include <memory>

#include "accel/dbt/dbt.h"
#include "machines/cli/options.h"

namespace mimus::cli {

// An empty hook when the options ask for no dump.
Expected<dbt::DumpHook> make_dump_hook(const RunOptions& options);

}  // namespace mimus::cli
