// Random sequences of user-mode A64 instructions, with the state that they start from.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "frontends/aarch64/random.h"

namespace mimus::diff::a64 {

// Memory that sequences see: a window of kWindow bytes around kContext, which is a page boundary. x28 holds kContext
// throughout. The driver keeps its variables above the window.
inline constexpr GuestVa kCode = 0x10000000, kContext = 0x10801000;
inline constexpr unsigned kWindow = 256, kContextRegister = 28;

// Registers and memory before or after a sequence, as they lie in the driver's records.
struct MachineState {
  std::array<u64, 31> x{};
  u64 sp = 0;
  u64 nzcv = 0;
  u64 fpcr = 0, fpsr = 0;
  u64 unused = 0;
  alignas(16) std::array<std::array<u64, 2>, 32> v{};
  std::array<u8, kWindow> window{};
  bool operator==(const MachineState&) const = default;
};

struct Item {
  u32 raw;
  std::optional<unsigned> target;  // control transfer to the item of this index, or to the end
};

struct Sequence {
  u64 seed = 0;
  MachineState before;
  std::vector<Item> items;

  // The code when placed at `base`, ending in a jump to `end`.
  std::vector<u32> code(GuestVa base, GuestVa end) const;
  Sequence prefix(unsigned count) const;
  std::string listing(GuestVa base) const;
};

const aarch64::CpuModel& model();
// What sequences may hold: no system calls, no returns, nothing that differs between implementations.
bool in_sequences(const aarch64::InsnDesc& row);
Sequence make_sequence(u64 seed, unsigned length = 16);
void count_rows(const Sequence& sequence, aarch64::Coverage& coverage);

// "x0: 1 != 2" for everything that differs, one line each.
std::string differences(const MachineState& a, const MachineState& b);
std::string values(const MachineState& state);

}  // namespace mimus::diff::a64
