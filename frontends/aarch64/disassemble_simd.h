// Operands of Advanced SIMD instructions as text.
#pragma once

#include <string>

#include "frontends/aarch64/table.h"

namespace mimus::aarch64 {

// What a word of instructions.def stands for; empty for words that are not of Advanced SIMD.
// The number in LD1 to ST4.
std::string structure_elements(const Insn& insn);
std::string simd_word(const Insn& insn, std::string_view word);

}  // namespace mimus::aarch64
