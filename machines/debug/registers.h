// Registers of a CPU as text, from the declaration of its state.
#pragma once

#include <string>

#include "core/state/cpu.h"
#include "core/state/layout.h"

namespace mimus {

// "name value" columns of the general registers and the program counter, or of every slot. Values in hex.
std::string format_registers(const CpuState& state, const StateLayout& layout, bool all);

}  // namespace mimus
