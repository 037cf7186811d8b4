// Thunks between LLVM functions and C++: like the ones of backends/emit/thunks.h, but with arguments in the registers
// of the C convention and with results in rax, and keeping every register that LLVM's preserve_most and preserve_all
// conventions promise. Made once per engine.
#pragma once

#include <array>
#include <memory>

#include "backends/emit/slab.h"
#include "backends/emit/thunks.h"
#include "backends/llvm/symbols.h"

namespace mimus::jit {

class Thunks {
 public:
  static Expected<Thunks> create(emit::CodeSlab& slab, const emit::HostRuntime& host);
  // Executable address.
  u64 address(Symbol symbol) const { return addresses_[unsigned(symbol)]; }

 private:
  std::array<u64, unsigned(Symbol::count)> addresses_{};
};

}  // namespace mimus::jit
