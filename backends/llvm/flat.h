// Accesses to flat memory in LLVM's code: LLVM leaves room for one instruction (a patchpoint whose result, if any, and
// arguments may be in any register), and the instruction is written when the region is placed. To LLVM it is a call
// that may throw: what a fault has to store is named in the landing pad alone, so the usual path keeps its registers.
#pragma once

#include "backends/llvm/cold.h"
#include "backends/llvm/stackmap.h"
#include "core/base/error.h"
#include "core/engine/engine.h"

namespace mimus::jit {

// Bytes of the instruction with nearly all registers; with a base in r12 or rsp it is a byte longer.
u32 flat_access_bytes(const FlatAccess& access, MemoryModel memory);
// Writes it to `to`. Fails when access.room does not suffice.
Expected<void> write_flat_access(const FlatAccess& access, MemoryModel memory, const StackMap::Record& record, u8* to);

}  // namespace mimus::jit
