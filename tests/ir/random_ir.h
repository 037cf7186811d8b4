// Random well-typed blocks and regions over the slots, helpers and RAM of tests/ir/machine.h.
#pragma once

#include <functional>
#include <vector>

#include "core/ir/block.h"

namespace mimus::test {

struct RandomOptions {
  unsigned insns = 8;  // guest instructions, of up to `ops` operations each
  unsigned ops = 5;
  bool vectors = true;  // up to 512 bits
  bool wide = true;     // i128
  bool floats = true;
  bool odd_floats = true;    // f16 bf16 f80
  bool odd_rounding = true;  // rmm and round to odd
  bool memory = true;
  bool atomics = true;
  bool helpers = true;
  bool exits = true;              // in mid-block
  bool faults = true;             // addresses outside RAM, traps
  std::vector<ir::Op> only = {};  // when not empty: these ops alone (besides those that carry values in and out)
  // Asked about every instruction that is to be made, with the types of its operands; an engine that cannot do it
  // says no. By default everything is fine.
  std::function<bool(const ir::Inst&, std::span<const ir::Type>)> supports = {};
};

// The same seed and options give the same block. Every raw FP result goes through nan_fix before it is used.
ir::Block random_block(u64 seed, const RandomOptions& options);

// Blocks that jump to each other and burn fuel; blocks[0] is the entry.
std::vector<ir::Block> random_region(u64 seed, unsigned blocks, const RandomOptions& options);

}  // namespace mimus::test
