// Compiled regions as bytes (core/engine/region_store.h): LLVM's object file and what is needed to place it. The key is
// all that compiling looks at, so what is found for it is what compiling would give.
#pragma once

#include <optional>

#include "backends/llvm/compiler.h"

namespace mimus::jit {

// `compiler` names this build and the host that it generates code for.
std::vector<u8> region_key(const ir::Region& region, const RuntimeLayout& layout, const PrepareOptions& options,
                           u32 access_slack, std::string_view compiler);
std::vector<u8> write_region(const CompiledRegion& region);
// Nothing, if the bytes are not whole.
std::optional<CompiledRegion> read_region(std::span<const u8> bytes);

}  // namespace mimus::jit
