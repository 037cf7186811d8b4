// A guest for tests of the IR: slots of every type, a small RAM reached through a real TLB, and a runtime that stands
// in for the machine. Deterministic: two of them given the same start and the same block must end the same.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/runtime.h"
#include "core/ir/text.h"

namespace mimus::test {

inline constexpr unsigned kWords = 12, kRamPages = 4, kTlbEntries = 8;
inline constexpr GuestVa kRamBase = 0x10000;
inline constexpr u64 kRamBytes = kRamPages * kPageSize;

// Slots, in the order of SlotIndex below.
struct State : CpuState {
  u64 r[kWords];
  u8 bits[2];
  u8 byte;
  u16 half;
  u32 word[2];
  u64 f64[4];
  u32 f32[2];
  u64 flags[4];
  u64 fuel;
  alignas(16) u8 i128[2][16];
  alignas(16) u8 f80[16];
  alignas(16) u8 v128[4][16];
  alignas(64) u8 v512[2][64];
};

// r0..r11 (r0..r7 are pinned), pc, b0 b1, byte, half, w0 w1, d0..d3, s0 s1, kind fa fb fr, q0 q1, x0, v0..v3 (v2i64),
// z0 z1 (v8i64), fuel (what bounds loops; left alone by random code).
inline constexpr u32 kSlotPc = kWords, kSlotKind = 25, kSlotFuel = 38;
const StateLayout& layout();
std::span<const HelperDesc> helpers();
const RuntimeLayout& runtime_layout();
const ir::TextContext& text_context();

// Something that the outside world has seen of the guest; engines must agree on the sequence.
struct Event {
  enum class Kind : u8 { trap, fault, helper } kind;
  GuestPc pc;
  u64 a, b;
  bool operator==(const Event&) const = default;
};

class Machine {
 public:
  Machine();
  ~Machine();
  Machine(const Machine&) = delete;

  // Random slots, RAM, rounding mode and TLB (pages missing, pages that are not writable on the fast path).
  void fill(u64 seed);
  // Runs `code` once. Sites of slow paths are looked up in its PC map.
  void run(Code& code);

  State& state() { return *state_; }
  std::vector<u8>& ram() { return ram_; }
  std::vector<Event>& events() { return events_; }

  // What differs from `other`, one line each; empty when all that is observable is the same.
  std::string difference(Machine& other);
  // All slots, one line each.
  std::string describe();

 private:
  friend struct MachineRuntime;
  GuestPc pc_at(u64 site) const;

  std::unique_ptr<State> state_;
  std::vector<u8> ram_;
  std::vector<Event> events_;
  std::vector<JumpEntry> jump_cache_;
  std::array<TlbEntry, kTlbEntries> tlb_;
  Code* code_ = nullptr;
};

}  // namespace mimus::test
