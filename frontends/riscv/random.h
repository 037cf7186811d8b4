// Random instructions and coverage, from the instruction table.
#pragma once

#include <functional>
#include <random>

#include "frontends/riscv/table.h"
#include "frontends/specgen/coverage.h"

namespace mimus::riscv {

using Rng = std::mt19937_64;

// A random encoding of `row`: free fields are random (ignored bits too), the row's condition holds.
u32 random_encoding(const InsnDesc& row, Rng& rng);

// A random row that `filter` agrees to, and a random encoding of it. Precondition: the filter agrees to some row.
u32 random_insn(Rng& rng, const std::function<bool(const InsnDesc&)>& filter);

// `raw`, an encoding of `row`, with field `letter` (one of d s t r x m) set to `value`.
u32 set_field(const InsnDesc& row, u32 raw, char letter, u32 value);

class Coverage : public specgen::Coverage<InsnDesc> {
 public:
  Coverage() : specgen::Coverage<InsnDesc>(instruction_table()) {}
};

}  // namespace mimus::riscv
