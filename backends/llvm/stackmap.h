// Reads the stack map that LLVM emits for patchpoints (LLVM documentation, "Stack maps and patch points in LLVM",
// Stack Map Format, version 3).
#pragma once

#include <span>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus::jit {

struct Location {
  enum class Kind : u8 { general, vector, memory, constant };
  Kind kind = Kind::constant;
  u8 reg = 0;     // hardware number: of the register, or of the base of a memory word
  s64 value = 0;  // displacement or constant
};

struct StackMap {
  struct Record {
    u64 id = 0;
    u32 offset = 0;  // of the patchpoint's first byte from the function's start
    std::vector<Location> locations;
  };
  std::vector<Record> records;
};

// Of an object with one function.
Expected<StackMap> read_stack_map(std::span<const u8> section);

}  // namespace mimus::jit
