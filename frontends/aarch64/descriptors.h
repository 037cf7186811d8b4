// Translation tables: their shape and the descriptors in them (DDI 0487, D8.2 and D8.3).
#pragma once

#include "core/base/types.h"

namespace mimus::aarch64 {

inline constexpr unsigned kLastLevel = 3, kEntryBytes = 8;

// -- descriptors --
inline constexpr u64 kDescValid = 1, kDescTable = 2;  // bits 1:0: 01 block, 11 table or page
inline constexpr u64 kDescAp1 = 1 << 6, kDescAp2 = 1 << 7, kDescAf = 1 << 10, kDescNotGlobal = 1 << 11;
inline constexpr u64 kDescS2Read = 1 << 6, kDescS2Write = 1 << 7;
inline constexpr u64 kDescGuarded = u64{1} << 50, kDescDbm = u64{1} << 51, kDescContiguous = u64{1} << 52,
                     kDescPxn = u64{1} << 53, kDescUxn = u64{1} << 54;
// Of table descriptors, for everything below.
inline constexpr u64 kTablePxn = u64{1} << 59, kTableUxn = u64{1} << 60, kTableNoEl0 = u64{1} << 61,
                     kTableReadOnly = u64{1} << 62;

// The shape of a tree of tables: 4, 16 or 64 KiB each.
struct TableShape {
  unsigned granule = 12;  // log2 of a table's bytes
  unsigned input_bits = 48;
  unsigned start_level = 0;

  constexpr unsigned stride() const { return granule - 3; }
  constexpr unsigned shift(unsigned level) const { return granule + stride() * (kLastLevel - level); }
  // Bits of the index into the tables of `level`. The first one may be smaller, or several in a row (stage 2).
  constexpr unsigned index_bits(unsigned level) const {
    return level == start_level ? input_bits - shift(level) : stride();
  }
  constexpr u64 index(u64 address, unsigned level) const { return bits(address, shift(level), index_bits(level)); }
  // What the first table is aligned to.
  constexpr u64 first_table_bytes() const {
    const u64 size = u64{kEntryBytes} << index_bits(start_level);
    return size < 64 ? 64 : size;
  }
  constexpr GuestPa output(u64 descriptor, unsigned level) const {
    return bits(descriptor, 0, 48) & ~((u64{1} << shift(level)) - 1);
  }
  constexpr GuestPa next_table(u64 descriptor) const { return bits(descriptor, 0, 48) & ~((u64{1} << granule) - 1); }
  // Levels whose descriptors may be blocks.
  constexpr bool block_allowed(unsigned level) const { return level == 2 || (granule == 12 && level == 1); }
  // log2 of the bytes that descriptors with the contiguous bit map together.
  constexpr unsigned contiguous_shift(unsigned level) const {
    const unsigned entries = granule == 12 ? 4 : granule == 16 ? 5 : level == kLastLevel ? 7 : 5;
    return shift(level) + entries;
  }
  static constexpr unsigned start_for(unsigned granule, unsigned input_bits) {
    const unsigned stride = granule - 3, levels = (input_bits - granule + stride - 1) / stride;
    return kLastLevel + 1 - levels;
  }
};

}  // namespace mimus::aarch64
