// The engines of a run, by the choice of the user.
#pragma once

#include <memory>
#include <string>

#include "accel/dbt/dbt.h"
#include "core/engine/engine.h"
#include "core/engine/frontend.h"

namespace mimus::cli {

class EngineSet {
 public:
  // `choice`: auto, interp, baseline or llvm. `frontend` must outlive the set.
  static Expected<std::unique_ptr<EngineSet>> make(const Frontend& frontend, const std::string& choice);

  // Fills in what the accelerator needs: tiers and the management of code memory.
  void configure(dbt::DbtConfig& config);
  // The engine that compiles what is run first, for looking at its code.
  Engine& first() { return *interp_; }

 private:
  explicit EngineSet(const Frontend& frontend) : layout_{frontend.layout(), frontend.helpers()} {}

  RuntimeLayout layout_;
  std::unique_ptr<Engine> interp_;
};

}  // namespace mimus::cli
