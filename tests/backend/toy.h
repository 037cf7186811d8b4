// A toy ISA for the backend tests: the pinned registers r0-r7, the memory registers m0-m7, FP registers f0-f3 and a
// few slots of other types.
#pragma once

#include <array>

#include "core/state/cpu.h"
#include "core/state/layout.h"

namespace mimus::test {

struct ToyState : CpuState {
  u64 r[8] = {};
  u64 m[8] = {};
  u64 f[4] = {};
  double d[2] = {};
  float s[2] = {};
  u32 w = 0;
  u8 flag = 0;
  alignas(16) u64 v[4][2] = {};
};

inline constexpr unsigned kR = 0, kM = 8, kF = 16, kD = 20, kS = 22, kW = 24, kFlag = 25, kV = 26;

inline std::span<const SlotDesc> toy_slots() {
  using enum SlotRole;
  constexpr auto at = [](size_t offset, unsigned index = 0, unsigned size = 8) { return u32(offset + index * size); };
  static const std::array<SlotDesc, 30> slots = {{
      {"r0", ir::i64, at(offsetof(ToyState, r), 0), general, 1},
      {"r1", ir::i64, at(offsetof(ToyState, r), 1), general, 2},
      {"r2", ir::i64, at(offsetof(ToyState, r), 2), general, 3},
      {"r3", ir::i64, at(offsetof(ToyState, r), 3), general, 4},
      {"r4", ir::i64, at(offsetof(ToyState, r), 4), general, 5},
      {"r5", ir::i64, at(offsetof(ToyState, r), 5), general, 6},
      {"r6", ir::i64, at(offsetof(ToyState, r), 6), general, 7},
      {"r7", ir::i64, at(offsetof(ToyState, r), 7), general, 8},
      {"m0", ir::i64, at(offsetof(ToyState, m), 0), general},
      {"m1", ir::i64, at(offsetof(ToyState, m), 1), general},
      {"m2", ir::i64, at(offsetof(ToyState, m), 2), general},
      {"m3", ir::i64, at(offsetof(ToyState, m), 3), general},
      {"m4", ir::i64, at(offsetof(ToyState, m), 4), general},
      {"m5", ir::i64, at(offsetof(ToyState, m), 5), general},
      {"m6", ir::i64, at(offsetof(ToyState, m), 6), general},
      {"m7", ir::i64, at(offsetof(ToyState, m), 7), general},
      {"f0", ir::i64, at(offsetof(ToyState, f), 0), floating},
      {"f1", ir::i64, at(offsetof(ToyState, f), 1), floating},
      {"f2", ir::i64, at(offsetof(ToyState, f), 2), floating},
      {"f3", ir::i64, at(offsetof(ToyState, f), 3), floating},
      {"d0", ir::f64, at(offsetof(ToyState, d), 0), floating},
      {"d1", ir::f64, at(offsetof(ToyState, d), 1), floating},
      {"s0", ir::f32, at(offsetof(ToyState, s), 0, 4), floating},
      {"s1", ir::f32, at(offsetof(ToyState, s), 1, 4), floating},
      {"w", ir::i32, at(offsetof(ToyState, w)), hidden},
      {"flag", ir::i1, at(offsetof(ToyState, flag)), flag},
      {"v0", ir::vec(ir::Elem::i32, 4), at(offsetof(ToyState, v), 0, 16), vector},
      {"v1", ir::vec(ir::Elem::i32, 4), at(offsetof(ToyState, v), 1, 16), vector},
      {"v2", ir::vec(ir::Elem::i32, 4), at(offsetof(ToyState, v), 2, 16), vector},
      {"v3", ir::vec(ir::Elem::i32, 4), at(offsetof(ToyState, v), 3, 16), vector},
  }};
  return slots;
}

inline const StateLayout& toy_layout() {
  static const StateLayout layout{"toy", toy_slots(), sizeof(ToyState)};
  return layout;
}

}  // namespace mimus::test
