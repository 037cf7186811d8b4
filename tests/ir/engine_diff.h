// Runs the same random IR under two engines from the same random state and compares everything that can be seen.
#pragma once

#include <functional>
#include <memory>

#include "core/engine/engine.h"
#include "tests/ir/random_ir.h"

namespace mimus::test {

struct EngineUnderTest {
  std::string_view name;
  std::function<std::unique_ptr<Engine>(const RuntimeLayout&)> make;
};

struct DiffOptions {
  RandomOptions random = {};
  unsigned blocks_per_region = 1;
  u64 first_seed = 1;
  unsigned seeds = 200;
  unsigned states_per_seed = 4;
  bool optimise = false;  // the accused gets the blocks after the passes (the judge never does)
};

// Reports at most a few mismatches as GoogleTest failures, each shrunk to few instructions, with the IR, the start
// state, what differs, and the accused's listing.
void expect_same(const EngineUnderTest& judge, const EngineUnderTest& accused, const DiffOptions& options);

}  // namespace mimus::test
