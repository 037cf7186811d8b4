// Whether this LLVM keeps the register contract (backends/emit/contract.h): preserve_none, on which it rests, may
// change from one version to the next. Run once when the engine starts: an engine that fails is not used.
#pragma once

#include "backends/emit/slab.h"
#include "backends/emit/thunks.h"
#include "backends/llvm/compiler.h"
#include "backends/llvm/thunks.h"

namespace mimus::jit {

// Compiles LLVM assembly that defines "entry" and puts it into the slab; it may call the engine's thunks by their names
// (symbols.h). Returns the executable address.
Expected<u64> place_text(Compiler& compiler, emit::CodeSlab& slab, const Thunks& thunks, std::string_view text);

// Assembly of a function that keeps the contract: `body` may use the state %s and the pinned registers %p1 to %p8; it
// leaves by the thunk "leave".
std::string contract_function(std::string_view body);

Expected<void> check_register_contract(Compiler& compiler, emit::CodeSlab& slab, const emit::HostRuntime& host,
                                       const Thunks& thunks);

}  // namespace mimus::jit
