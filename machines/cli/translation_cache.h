// Where translations are kept between runs (--cache), and what they depend on.
#pragma once

#include <string>

#include "accel/dbt/translation_store.h"
#include "machines/cli/engines.h"

namespace mimus::cli {

// `option`: "off", a directory, or empty for $MIMUS_CACHE (which may be either) and else the user's cache directory.
// `cpu`: all that translation takes from the CPU model. Nothing is kept where that would not be safe or would not
// pay: for programs that run with more rights than their user has, and without the baseline engine.
dbt::StoreConfig translation_store(const std::string& option, const EngineSet& engines, std::string_view cpu,
                                   std::string_view program);

}  // namespace mimus::cli
