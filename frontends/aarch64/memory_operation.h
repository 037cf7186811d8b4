// Epilogues of memory copies and sets (translate_mops.cc).
#pragma once

#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

// Does a part of what the SETE or CPYE instruction `raw` has left to do, and puts the registers where that leads. What
// is left then; 0 also where an access has faulted (CpuState::leave tells).
u64 memory_operation(Aarch64State& state, u32 raw);

}  // namespace mimus::aarch64
