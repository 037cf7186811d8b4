// Address translation (Volume II, 10.3 Sv39 and 10.4 Sv48, Svadu, Svnapot, Svpbmt) and protection.
#pragma once

#include "core/engine/frontend.h"
#include "frontends/riscv/state.h"

namespace mimus {
class PhysicalMemory;
}

namespace mimus::riscv {

// Frontend::walk. `va` is exact: where permissions differ within the page, the answer holds for its byte.
WalkResult walk(RiscvState& state, PhysicalMemory& memory, GuestVa va, Access access, u32 regime);

// The exceptions that a failed access ends in.
Fault page_fault(GuestVa va, Access access);
Fault access_fault(GuestVa va, Access access);
Fault misaligned_fault(GuestVa va, Access access);

}  // namespace mimus::riscv
