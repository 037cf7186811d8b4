// 64-bit little-endian ELF files: segments, entry and symbols, bounds-checked.
// Source: System V Application Binary Interface, ELF-64 object file format; RISC-V ELF psABI 1.0.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus {

inline constexpr u16 kElfRiscv = 243, kElfAarch64 = 183;  // e_machine

struct ElfSegment {
  u64 virtual_address = 0;
  u64 physical_address = 0;
  std::span<const u8> data;  // p_filesz bytes of the file
  u64 memory_size = 0;       // at least data.size(); the rest is zero
  bool executable = false;
};

struct ElfSymbol {
  std::string_view name;
  u64 value = 0;
  u64 size = 0;
  bool function = false;
};

// Views into the bytes that it was parsed from.
struct ElfFile {
  u16 machine = 0;
  u64 entry = 0;                     // virtual
  std::vector<ElfSegment> segments;  // PT_LOAD with a memory size, in file order
  std::vector<ElfSymbol> symbols;    // of .symtab, named ones only; empty when stripped

  const ElfSymbol* find(std::string_view symbol) const;
  // The segment that holds the virtual addresses [address, address + bytes), or null.
  const ElfSegment* segment_at(u64 address, u64 bytes = 1) const;
};

bool is_elf(std::span<const u8> data);
// An executable (ET_EXEC or ET_DYN). Errors say what is wrong with the file, without its name.
Expected<ElfFile> parse_elf(std::span<const u8> data);

}  // namespace mimus
