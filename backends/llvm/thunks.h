// Thunks between LLVM functions and C++. Made once per engine.
//
// Slow paths are called by stubs (stubs.h): the state's address on the stack above the return address, arguments in
// CpuState::scratch (cold.h), the result in the first argument's word; they keep all registers, the vector
// ones too: LLVM has uses for those in integer code. The assist is called by LLVM functions under preserve_all, with
// arguments in the registers of the C convention.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "backends/emit/slab.h"
#include "backends/emit/thunks.h"
#include "backends/llvm/symbols.h"

namespace mimus::jit {

class Thunks {
 public:
  static Expected<Thunks> create(emit::CodeSlab& slab, const emit::HostRuntime& host,
                                 std::span<const HelperDesc> helpers = {});
  // Executable addresses.
  u64 address(Symbol symbol) const { return symbols_[unsigned(symbol)]; }
  // `wide`: keeps all bits of the vector registers, else the lower 128.
  u64 functions() const { return functions_; }  // of the table kFunctionsName
  u64 slow(Slow function, bool wide) const { return slow_[unsigned(function) * 2 + wide]; }

 private:
  std::array<u64, unsigned(Symbol::count)> symbols_{};
  std::array<u64, unsigned(Slow::count) * 2> slow_{};
  u64 functions_ = 0;
};

// Vector accesses, element by element (lower_vector_memory.cc).
u64 load_elements(CpuState* state, u64 va, u64 desc, u64 mask, u32 count);
u64 store_elements(CpuState* state, u64 va, u64 desc, u64 mask, u32 count);

}  // namespace mimus::jit
