// A static program as the oracle gets it: segments in memory, written to a file, run, its standard output read.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus::diff {

struct Segment {
  GuestVa va = 0;
  std::span<const u8> bytes;  // what the file holds of it
  u64 memory_size = 0;
};

// An ELF executable of `machine` that starts at `entry`; all segments may be read, written and executed.
std::vector<u8> make_elf(u16 machine, u32 flags, GuestVa entry, std::span<const Segment> segments);

// Runs the program by `command`, its path being the last argument, and reads exactly out.size() bytes of its output.
Expected<void> run_guest(std::span<const u8> elf, const std::string& command, std::span<u8> out);

}  // namespace mimus::diff
