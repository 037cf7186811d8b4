#include "machines/cli/engines.h"

#include <fmt/format.h>

#include "backends/interp/interp.h"

namespace mimus::cli {

Expected<std::unique_ptr<EngineSet>> EngineSet::make(const Frontend& frontend, const std::string& choice) {
  if (choice != "auto" && choice != "interp")
    return usage_error(fmt::format("--engine {}: known engines are auto and interp", choice));
  std::unique_ptr<EngineSet> set(new EngineSet(frontend));
  set->interp_ = make_interp_engine(set->layout_);
  return set;
}

void EngineSet::configure(dbt::DbtConfig& config) {
  config.tiers.fallback = interp_.get();
  config.tiers.cold = interp_.get();
}

}  // namespace mimus::cli
