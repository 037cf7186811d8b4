// Translation of addresses (DDI 0487, D8).
#pragma once

#include "core/engine/frontend.h"
#include "core/memory/physical.h"
#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

// Stage 1 of the EL1&0 regime, for the 4 KiB page of `va`. Translation is off (SCTLR_EL1.M = 0, as after reset).
WalkResult walk(Aarch64State& state, PhysicalMemory& memory, GuestVa va, Access access, unsigned regime);

}  // namespace mimus::aarch64
