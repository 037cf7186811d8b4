// Encodings as bit strings, most significant bit first: "0000000 ttttt sssss 000 ddddd 0110011".
//   0 1     fixed bits
//   .       a bit that the manual tells implementations to ignore
//   letter  a bit of the field of that name (a field may lie in several pieces)
//   space   for the eye
#pragma once

#include <array>
#include <bit>
#include <string_view>

#include "core/base/types.h"

namespace mimus::specgen {

struct Pattern {
  u32 mask = 0;                    // fixed bits ...
  u32 match = 0;                   // ... and their values
  u8 width = 0;                    // in bits, at most 32
  std::array<char, 32> letters{};  // field name of each bit; 0 for fixed bits, '.' for ignored ones
  const char* error = nullptr;     // why the text is not a pattern; null if it is one

  constexpr bool matches(u32 raw) const { return (raw & mask) == match; }

  // The bits that belong to field `letter`.
  constexpr u32 field(char letter) const {
    u32 found = 0;
    for (unsigned i = 0; i < width; ++i) found |= u32(letters[i] == letter) << i;
    return found;
  }
};

// A field in one piece.
struct BitRange {
  u8 lsb = 0;
  u8 width = 0;  // 0: there is no such field
  constexpr u32 get(u32 raw) const { return (raw >> lsb) & ((u32{1} << width) - 1); }
};

constexpr Pattern parse_pattern(std::string_view text) {
  Pattern p;
  unsigned count = 0;
  for (char c : text) count += c != ' ';
  if (count != 16 && count != 32) p.error = "an encoding has 16 or 32 bits";
  if (p.error) return p;
  p.width = u8(count);
  unsigned position = count;
  for (char c : text) {
    if (c == ' ') continue;
    --position;
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c == '0' || c == '1') {
      p.mask |= u32{1} << position;
      p.match |= u32(c == '1') << position;
    } else if (letter || c == '.') {
      p.letters[position] = c;
    } else {
      p.error = "only 0, 1, '.', letters and spaces may stand in an encoding";
      return p;
    }
  }
  return p;
}

// The one run of bits of field `letter`; width 0 if absent, width 255 if it is in several pieces.
constexpr BitRange bit_range(const Pattern& p, char letter) {
  u32 found = p.field(letter);
  if (found == 0) return {};
  BitRange range{u8(std::countr_zero(found)), u8(std::popcount(found))};
  u64 run = ((u64{1} << range.width) - 1) << range.lsb;
  if (run != found) range.width = 255;
  return range;
}

// How two encodings of the same width hang together.
enum class Overlap : u8 {
  none,          // no word matches both
  first_inside,  // every word of the first matches the second, which has other words too
  second_inside,
  clash,  // some words match both, and neither contains the other (or they are equal)
};
constexpr Overlap overlap(const Pattern& a, const Pattern& b) {
  if (a.width != b.width || ((a.match ^ b.match) & a.mask & b.mask) != 0) return Overlap::none;
  if (a.mask == b.mask) return Overlap::clash;
  if ((a.mask & b.mask) == b.mask) return Overlap::first_inside;
  if ((a.mask & b.mask) == a.mask) return Overlap::second_inside;
  return Overlap::clash;
}

}  // namespace mimus::specgen
