// Conditions on fields that the manual gives in words or pseudocode: where they do not hold, the encoding is
// unallocated (or belongs to another row).
#pragma once

#include "frontends/aarch64/table.h"

namespace mimus::aarch64::where {

constexpr u32 field(u32 raw, unsigned lsb, unsigned width) { return (raw >> lsb) & ((1u << width) - 1); }

constexpr bool any(u32, const CpuModel&) { return true; }

// -- general registers --
constexpr bool sf(u32 raw) { return raw >> 31; }
constexpr bool amount(u32 raw, const CpuModel&) { return sf(raw) || field(raw, 15, 1) == 0; }  // imm6 < 32 for W
constexpr bool add_shift(u32 raw, const CpuModel& m) { return field(raw, 22, 2) != 3 && amount(raw, m); }
constexpr bool extend(u32 raw, const CpuModel&) { return field(raw, 10, 3) <= 4; }
constexpr bool bitmask(u32 raw, const CpuModel&) {
  return decode_bit_masks(field(raw, 22, 1), field(raw, 10, 6), field(raw, 16, 6), true, sf(raw)).valid;
}
constexpr bool bitfield(u32 raw, const CpuModel&) {
  return bool(field(raw, 22, 1)) == sf(raw) && (sf(raw) || (field(raw, 15, 1) == 0 && field(raw, 21, 1) == 0));
}
constexpr bool extract(u32 raw, const CpuModel&) {
  return bool(field(raw, 22, 1)) == sf(raw) && (sf(raw) || field(raw, 15, 1) == 0);
}
constexpr bool move_wide(u32 raw, const CpuModel&) { return sf(raw) || field(raw, 22, 1) == 0; }

// -- loads and stores --
constexpr bool size_sign32(u32 raw, const CpuModel&) { return field(raw, 30, 2) < 2; }
constexpr bool size_sign64(u32 raw, const CpuModel&) { return field(raw, 30, 2) < 3; }
// Register offsets extend by UXTW, LSL, SXTW or SXTX.
constexpr bool offset(u32 raw, const CpuModel&) { return field(raw, 14, 1); }
constexpr bool offset_sign32(u32 raw, const CpuModel& m) { return offset(raw, m) && size_sign32(raw, m); }
constexpr bool offset_sign64(u32 raw, const CpuModel& m) { return offset(raw, m) && size_sign64(raw, m); }
constexpr bool even_pair(u32 raw, const CpuModel&) { return field(raw, 16, 1) == 0 && field(raw, 0, 1) == 0; }
// opc<1> is for 128 bits, with size 00.
constexpr bool simd_size(u32 raw, const CpuModel&) { return field(raw, 23, 1) == 0 || field(raw, 30, 2) == 0; }
constexpr bool simd_size_offset(u32 raw, const CpuModel& m) { return simd_size(raw, m) && offset(raw, m); }
constexpr bool simd_pair(u32 raw, const CpuModel&) { return field(raw, 30, 2) != 3; }

// Memory copy and set: different registers, the data alone may be XZR.
constexpr bool sets(u32 raw, const CpuModel&) {
  const u32 d = field(raw, 0, 5), n = field(raw, 5, 5), s = field(raw, 16, 5);
  return d != 31 && n != 31 && d != n && d != s && n != s;
}
constexpr bool copies(u32 raw, const CpuModel& m) { return sets(raw, m) && field(raw, 16, 5) != 31; }

// -- floating point --
// ftype: single, double, and half where there is FEAT_FP16.
inline bool fp(u32 raw, const CpuModel& m) {
  const u32 type = field(raw, 22, 2);
  return type < 2 || (type == 3 && m.has(Feat::FP16));
}
inline bool fp_fixed(u32 raw, const CpuModel& m) { return fp(raw, m) && (sf(raw) || field(raw, 15, 1)); }
inline bool fp_move_half(u32, const CpuModel& m) { return m.has(Feat::FP16); }

// -- Advanced SIMD --
constexpr bool q_size(u32 raw) { return field(raw, 22, 2) != 3 || field(raw, 30, 1); }
constexpr bool lanes(u32 raw, const CpuModel&) { return q_size(raw); }                      // no 1D
constexpr bool lanes_8_32(u32 raw, const CpuModel&) { return field(raw, 22, 2) != 3; }      // 8, 16, 32 bits
constexpr bool lanes_8(u32 raw, const CpuModel&) { return field(raw, 22, 2) == 0; }         // bytes
constexpr bool lanes_16_32(u32 raw, const CpuModel&) { return field(raw, 22, 2) - 1 < 2; }  // 16, 32 bits
constexpr bool lanes_8_16(u32 raw, const CpuModel&) { return field(raw, 22, 2) < 2; }
constexpr bool lanes_64(u32 raw, const CpuModel&) { return field(raw, 22, 2) == 3; }
constexpr bool across(u32 raw, const CpuModel&) {  // at least four lanes
  return field(raw, 22, 2) < 2 || (field(raw, 22, 2) == 2 && field(raw, 30, 1));
}
constexpr bool fp_lanes(u32 raw, const CpuModel&) { return !field(raw, 22, 1) || field(raw, 30, 1); }  // no 1D
constexpr bool copy_lane(u32 raw, const CpuModel&) {  // imm5 of DUP and its like
  const u32 imm5 = field(raw, 16, 5);
  return (imm5 & 15) != 0 && ((imm5 & 15) != 8 || field(raw, 30, 1));
}
constexpr bool insert_lane(u32 raw, const CpuModel&) { return (field(raw, 16, 5) & 15) != 0; }
constexpr bool move_lane_unsigned(u32 raw, const CpuModel&) {  // UMOV: W for 8 to 32 bits, X for 64
  const u32 imm5 = field(raw, 16, 5);
  return field(raw, 30, 1) ? (imm5 & 15) == 8 : (imm5 & 7) != 0;
}
constexpr bool move_lane_signed(u32 raw, const CpuModel&) {  // SMOV: W from 8, 16, X from 8 to 32
  const u32 imm5 = field(raw, 16, 5);
  return field(raw, 30, 1) ? (imm5 & 7) != 0 : (imm5 & 3) != 0;
}
constexpr bool ext(u32 raw, const CpuModel&) { return field(raw, 30, 1) || field(raw, 14, 1) == 0; }
// immh:immb of shifts: some lane size, and not 1D.
constexpr bool shift(u32 raw, const CpuModel&) {
  const u32 immh = field(raw, 19, 4);
  return immh != 0 && (immh < 8 || field(raw, 30, 1));
}
constexpr bool shift_narrow(u32 raw, const CpuModel&) { return field(raw, 19, 4) - 1 < 7; }  // lanes of 8 to 32 bits
constexpr bool fmov_immediate(u32 raw, const CpuModel&) { return !field(raw, 29, 1) || field(raw, 30, 1); }
// L is part of a double's index only in so far as it must be 0.
constexpr bool fp_element_scalar(u32 raw, const CpuModel&) { return !field(raw, 22, 1) || !field(raw, 21, 1); }
constexpr bool fp_element(u32 raw, const CpuModel& m) { return fp_lanes(raw, m) && fp_element_scalar(raw, m); }
// immh of fixed-point conversions: lanes of 16 bits by FEAT_FP16, of 32, of 64.
inline bool shift_fp(u32 raw, const CpuModel& m) {
  const u32 immh = field(raw, 19, 4);
  if (immh >= 8) return field(raw, 28, 1) || field(raw, 30, 1);
  return immh >= 4 || (immh >= 2 && m.has(Feat::AdvSIMDFP16));
}
// Pairs of lanes of 16, 32 and 64 bits.
inline bool complex(u32 raw, const CpuModel& m) {
  const u32 size = field(raw, 22, 2);
  return size == 1 ? m.has(Feat::AdvSIMDFP16) : size != 0 && q_size(raw);
}
inline bool complex_element(u32 raw, const CpuModel& m) {
  const u32 size = field(raw, 22, 2), q = field(raw, 30, 1);
  if (size == 1) return m.has(Feat::AdvSIMDFP16) && (q || !field(raw, 11, 1));
  return size == 2 && q && !field(raw, 21, 1);
}
constexpr bool shift_any(u32 raw, const CpuModel&) { return field(raw, 19, 4) != 0; }  // scalars
constexpr bool shift_64(u32 raw, const CpuModel&) { return field(raw, 19, 4) >= 8; }
// LD1 to LD4 of whole registers: opcode 0000 4, 0010 1x4, 0100 3, 0110 1x3, 0111 1x1, 1000 2, 1010 1x2. 1D is for LD1
// alone.
constexpr bool multiple_structures(u32 raw, const CpuModel&) {
  const u32 opcode = field(raw, 12, 4);
  const bool one = opcode == 2 || opcode == 6 || opcode == 7 || opcode == 10;
  if (!one && opcode != 0 && opcode != 4 && opcode != 8) return false;
  return one || field(raw, 10, 2) != 3 || field(raw, 30, 1);
}
// One lane: opcode<2:1> gives its size, which S and size refine.
constexpr bool single_structure(u32 raw, const CpuModel&) {
  const u32 size = field(raw, 10, 2);
  switch (field(raw, 14, 2)) {
    case 0: return true;
    case 1: return (size & 1) == 0;
    case 2: return size == 0 || (size == 1 && field(raw, 12, 1) == 0);
    default: return false;
  }
}

}  // namespace mimus::aarch64::where
