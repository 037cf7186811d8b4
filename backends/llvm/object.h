// Reads the ELF relocatable that LLVM made of a region and lays it out as one position-independent blob.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "backends/llvm/stackmap.h"
#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus::jit {

// Bytes of code and constants with every reference between them resolved. What remains are 32-bit PC-relative
// references to symbols outside, which the owner of the blob fills in: our own patch records.
struct Blob {
  struct Reference {
    u32 offset;  // of the 32-bit field
    s32 addend;  // field = address of symbol + addend - address of field
    std::string name;
  };
  // Code from `start` on, `length` bytes, whose exception goes to `landing`; offsets from the function's start.
  struct CallSite {
    u32 start, length, landing;
  };
  std::vector<u8> bytes;
  u32 alignment = 1;   // of the first byte
  u32 entry = 0;       // offset of the function
  u32 code_bytes = 0;  // instructions are [0, code_bytes)
  std::vector<Reference> references;
  StackMap stack_map;
  std::vector<CallSite> call_sites;  // sorted; those with a landing pad
};

Expected<Blob> read_object(std::span<const u8> object);

}  // namespace mimus::jit
