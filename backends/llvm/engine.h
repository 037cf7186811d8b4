// The LLVM engine: the optimising compiler for hot regions. Lives in the module mimus-llvm, which is loaded on first
// use.
#pragma once

#include "backends/emit/slab.h"
#include "backends/emit/thunks.h"
#include "core/engine/engine.h"
#include "core/engine/region_store.h"

namespace mimus {

struct LlvmEngineConfig {
  RuntimeLayout runtime;
  emit::CodeSlab* slab;
  const emit::HostRuntime* host;  // made in that slab
  bool keep_listing = false;      // Code::dump shows the LLVM IR too
  RegionStore* store = nullptr;   // where compiled regions are kept; may be null
};

// Factory of the module, found by name: the engine (the caller owns it), or null with `*error` set. May be called
// when the slab holds code already.
inline constexpr const char* kLlvmModule = "mimus-llvm";
inline constexpr const char* kLlvmFactory = "mimus_make_llvm_engine";
using MakeLlvmEngine = Engine* (*)(const LlvmEngineConfig* config, Error* error);

}  // namespace mimus
