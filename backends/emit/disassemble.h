// Listing of host code for --dump and for failing tests.
#pragma once

#include <span>
#include <string>

#include "core/engine/engine.h"

namespace mimus::emit {

// One instruction a line, with a heading for each guest instruction of `map`. By Capstone when the host has its shared
// library (it is loaded on first use), else the bytes in hexadecimal.
std::string disassemble(std::span<const u8> code, u64 address, std::span<const PcMapEntry> map = {});

// Number of host instructions in [begin, end) of `code`, or -1 without Capstone.
int count_instructions(std::span<const u8> code);

}  // namespace mimus::emit
