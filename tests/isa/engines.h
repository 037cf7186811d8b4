// The engines that tests run guest code with.
#pragma once

#include <memory>
#include <ostream>
#include <span>
#include <string_view>

#include "core/engine/engine.h"

namespace mimus::test {

struct EngineRow {
  std::string_view name;
  std::unique_ptr<Engine> (*make)(const RuntimeLayout&);  // owns all that the engine needs
  bool passes;                                            // blocks go through the passes first
  bool regions;       // what a block leads to directly is compiled with it, as one region
  unsigned slowness;  // random tests divide their counts by it: what a translation costs, compared with interp
};

inline std::ostream& operator<<(std::ostream& out, const EngineRow& row) { return out << row.name; }

// The interpreter, which is the judge, comes first.
std::span<const EngineRow> engines();

// Those, and one that changes its tier at random: each translation is made by another engine.
std::span<const EngineRow> engines_and_mixture();

}  // namespace mimus::test
