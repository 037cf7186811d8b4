// Programs and dynamic linkers: what of an ELF file a process is made from, bounds-checked, and its mapping.
// Source: System V Application Binary Interface, ELF-64 object file format, chapter 5 (program loading).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "machines/user/address_space.h"

namespace mimus::user {

struct LoadSegment {
  u64 offset = 0, address = 0, file_bytes = 0, memory_bytes = 0;
  int prot = 0;  // PROT_*
};

struct ElfImage {
  u16 machine = 0;
  bool fixed = false;  // ET_EXEC
  u64 entry = 0;
  u64 header_offset = 0;  // of the program headers, in the file
  u16 header_count = 0;
  u64 header_address = 0;  // where they are loaded (AT_PHDR), unbiased; 0: not loaded
  std::vector<LoadSegment> segments;
  u64 interpreter_offset = 0, interpreter_bytes = 0;  // PT_INTERP
  bool executable_stack = false;
  std::vector<u8> properties;  // of the NT_GNU_PROPERTY_TYPE_0 note that PT_GNU_PROPERTY names

  u64 low() const { return align_down(segments.front().address, kPageSize); }
  u64 high() const;  // end of the last segment, whole pages
  u64 alignment = kPageSize;
};

// From the beginning of the file (64 KiB are enough for the header table of any linker); `file_bytes` is the size of
// all of it.
Expected<ElfImage> parse_image(std::span<const u8> head, u64 file_bytes);

struct LoadedImage {
  u64 bias = 0;  // loaded address - address in the file
  GuestVa entry = 0;
  GuestVa headers = 0;
  GuestVa end = 0;  // of the last page
};

// Maps the segments. Where the file does not say, it goes to `where`, or, when that is 0, below everything else.
Expected<LoadedImage> load_image(const ElfImage& image, int fd, AddressSpace& memory, GuestVa where);

}  // namespace mimus::user
