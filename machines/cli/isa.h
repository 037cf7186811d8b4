// The instruction sets that the program knows, and what each brings: frontend, boards, ELF number.
#pragma once

#include <memory>
#include <string>

#include "core/engine/frontend.h"
#include "machines/cli/options.h"
#include "machines/vm/board.h"

namespace mimus::cli {

struct Isa {
  u16 elf_machine = 0;
  std::unique_ptr<Frontend> frontend;
  std::vector<std::string> features;  // of the CPU model, in the ISA's own names
  std::function<Expected<std::unique_ptr<Board>>(const std::string& machine)> make_board;
};

Expected<Isa> make_isa(const CpuOptions& options);
// Ticks per second of the counter that the boards of an instruction set have; any for an unknown one.
u64 timebase_hz(std::string_view isa);

}  // namespace mimus::cli
