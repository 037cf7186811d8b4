// What a board puts into memory for --kernel and --firmware: the file's kind is found from its contents.
#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus {

// A run of bytes for guest memory.
struct PayloadPart {
  GuestPa address = 0;
  Bytes bytes;
};

struct Payload {
  std::vector<PayloadPart> parts;
  GuestPa entry = 0;
  GuestPa end = 0;  // first address behind what it occupies in memory (.bss included)
};

struct PayloadRules {
  std::string what;      // for messages: "kernel", "firmware"
  u16 elf_machine = 0;   // e_machine wanted
  GuestPa ram_base = 0;  // what a Linux image's text offset counts from
  u64 ram_size = 0;
  GuestPa flat_address = 0;  // where a file without a header goes
  u64 image_offset = 0;      // added to a Linux image's text offset
};

// Reads `path`: gzip and EFI zboot files are unpacked; ELF files go to their physical addresses (moved to
// flat_address as a whole when those lie outside of RAM, as a vmlinux's do); Linux Images to their text offset;
// anything else to flat_address. What does not fit into RAM is an error.
Expected<Payload> load_payload(const std::string& path, const PayloadRules& rules);
Expected<Payload> parse_payload(Bytes data, const PayloadRules& rules);

}  // namespace mimus
