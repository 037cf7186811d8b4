// The oracle: qemu-riscv64 (user mode) runs a static program that holds many sequences and writes the state after each.
#pragma once

#include <span>
#include <vector>

#include "core/base/error.h"
#include "tests/diff/sequence.h"

namespace mimus::diff {

bool oracle_available();

// The state after a sequence, and the signal that ended it (0: none) with its address and PC.
struct OracleResult {
  MachineState state;
  u64 signal = 0, address = 0, pc = 0;
};
// `command`: what runs the program in the oracle's stead, its path being the last argument.
Expected<std::vector<OracleResult>> run_oracle(std::span<const Sequence> sequences, const std::string& command = {});

// Where the oracle's program has the code of each sequence, and where all of them end.
struct Placement {
  GuestVa end = 0;
  std::vector<GuestVa> starts;
  std::vector<u8> image;  // from kCode on
};
Placement place(std::span<const Sequence> sequences);

}  // namespace mimus::diff
