// A small RISC-V assembler on top of the instruction table, so that tests are written as text.
//   - one instruction per line or between ';', "label:", '#' comments
//   - li rd, constant; la rd, label; j label; .dword value; .word value; .align bytes; .org offset
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus::test {

struct Program {
  GuestPc base = 0;
  std::vector<u8> bytes;
  std::map<std::string, GuestPc, std::less<>> labels;
};

// Errors name the line.
Expected<Program> assemble(std::string_view source, GuestPc base);

// One instruction without labels, as disassemble() prints it.
Expected<u32> assemble_insn(std::string_view text, GuestPc pc = 0);

}  // namespace mimus::test
