// Random sequences of user-mode RISC-V instructions, with the state that they start from.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "frontends/riscv/random.h"

namespace mimus::diff {

// Memory that sequences see: a window of kWindow bytes around kContext, which is a page boundary. x31 holds kContext
// throughout. The driver of the oracle keeps its variables above the window.
inline constexpr GuestVa kCode = 0x10000000, kContext = 0x10801000, kRamEnd = kContext + kPageSize;
inline constexpr unsigned kWindow = 256;

// Registers and memory before or after a sequence, as they lie in the oracle's records. x[0] is unused.
struct MachineState {
  std::array<u64, 32> x{};
  std::array<u64, 32> f{};
  u64 fcsr = 0;
  std::array<u8, kWindow> window{};
  bool operator==(const MachineState&) const = default;
};

// What a sequence may hold.
struct Options {
  bool oracle = true;    // only what the oracle knows, and nothing that traps
  unsigned length = 16;  // instructions, besides the ones that prepare addresses
};
bool in_sequences(const riscv::InsnDesc& row, const Options& options);

struct Item {
  u32 raw;
  u8 length;
  std::optional<unsigned> target;  // control transfer to the item of this index, or to the end
};

struct Sequence {
  u64 seed = 0;
  MachineState before;
  std::vector<Item> items;

  // The code when placed at `base`, ending in a jump to `end`. Begins by loading x31.
  std::vector<u8> code(GuestVa base, GuestVa end) const;
  // The first `count` items alone; transfers beyond go to the end.
  Sequence prefix(unsigned count) const;
  std::string listing(GuestVa base) const;
};

Sequence make_sequence(u64 seed, const Options& options);
void count_rows(const Sequence& sequence, riscv::Coverage& coverage);

// "a0: 1 != 2" for everything that differs, one line each.
std::string differences(const MachineState& a, const MachineState& b);
// "a0: 1" for everything that is not 0.
std::string values(const MachineState& state);

}  // namespace mimus::diff
