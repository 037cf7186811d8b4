// The program that runs many A64 sequences and writes the state after each; for the oracle (qemu-aarch64) and for
// `mimus exec`.
#pragma once

#include <span>
#include <vector>

#include "core/base/error.h"
#include "tests/diff/aarch64_sequence.h"

namespace mimus::diff::a64 {

bool oracle_available();

// The state after a sequence, and the signal that ended it (0: none) with its address and PC.
struct Result {
  MachineState state;
  u64 signal = 0, address = 0, pc = 0, unused = 0;
};

struct Placement {
  std::vector<GuestVa> starts;
  std::vector<u32> image;  // from kCode on
};
Placement place(std::span<const Sequence> sequences);

inline constexpr const char* kOracle = "qemu-aarch64 -cpu max,pauth=off";
Expected<std::vector<Result>> run(std::span<const Sequence> sequences, const std::string& command = kOracle);

}  // namespace mimus::diff::a64
