// The baseline engine: a one-pass compiler for code that runs a few times, or until the optimising one is done.
#pragma once

#include <memory>

#include "backends/emit/slab.h"
#include "backends/emit/thunks.h"
#include "core/engine/engine.h"

namespace mimus {

// All arguments must outlive the engine and its code. Ops that it cannot compile make prepare() fail with their name.
std::unique_ptr<Engine> make_baseline_engine(const RuntimeLayout& layout, emit::CodeSlab& slab,
                                             emit::HostRuntime& host);

}  // namespace mimus
