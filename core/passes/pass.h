// Passes over one block. Each is a function; run_passes wraps each in a scope that can dump and verify.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "core/ir/text.h"

namespace mimus::passes {

struct Pass {
  std::string_view name;
  void (*run)(ir::Block&, const ir::TextContext&);
};

// In the order in which they run: constant folding, copy propagation, redundant slot reads, dead slot writes,
// dead code.
std::span<const Pass> pipeline();

struct PassObserver {
  bool verify = false;  // after every pass; a broken invariant aborts with the "before" text (our own bug)
  std::function<void(std::string_view pass, const ir::Block&)> after;
};

// A branch forward over a few cheap instructions of the same block, which may mispredict, becomes selects: the skipped
// instructions run always, and what they wrote is kept or not. Runs before the others, and not at all where
// instructions are counted exactly: Exit::insns of later exits counts the skipped ones too. True if something changed.
bool convert_hammocks(ir::Block& block, const ir::TextContext& context);

// Comparisons between a read of the exception flags and a write that restores them (C's isless() and its like, on ISAs
// whose comparisons are signaling) are made of numbers only, so that they raise nothing and the write goes: reaching
// the host's flags is what costs most there. Runs before the others. True if something changed.
bool silence_compares(ir::Block& block);

void run_passes(ir::Block& block, const ir::TextContext& context, const PassObserver& observer = {});

}  // namespace mimus::passes
