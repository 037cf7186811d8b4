// Random instructions and coverage, from the instruction table.
#pragma once

#include <functional>
#include <random>
#include <vector>

#include "frontends/riscv/table.h"

namespace mimus::riscv {

using Rng = std::mt19937_64;

// A random encoding of `row`: free fields are random (ignored bits too), the row's condition holds.
u32 random_encoding(const InsnDesc& row, Rng& rng);

// A random row that `filter` agrees to, and a random encoding of it. Precondition: the filter agrees to some row.
u32 random_insn(Rng& rng, const std::function<bool(const InsnDesc&)>& filter);

// `raw`, an encoding of `row`, with field `letter` (one of d s t r x m) set to `value`.
u32 set_field(const InsnDesc& row, u32 raw, char letter, u32 value);

// How often each row of the table has been met.
class Coverage {
 public:
  Coverage() : counts_(instruction_table().size()) {}
  void count(const InsnDesc& row) { ++counts_[size_t(&row - instruction_table().data())]; }
  u64 of(const InsnDesc& row) const { return counts_[size_t(&row - instruction_table().data())]; }
  void add(const Coverage& other);
  // "addi 120  slti 87 ...", the rows that were never met first.
  std::string report(const std::function<bool(const InsnDesc&)>& filter) const;

 private:
  std::vector<u64> counts_;
};

}  // namespace mimus::riscv
