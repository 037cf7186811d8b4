// Immediates of encodings: which instruction bits make up a value, as text that is parsed at compile time.
#pragma once

#include <array>
#include <string_view>

#include "core/base/types.h"

namespace mimus::specgen {

struct ImmediatePiece {
  u8 insn_lsb, width, value_lsb;
};

struct Immediate {
  std::array<ImmediatePiece, 8> pieces{};
  u8 count = 0;
  u8 width = 0;  // of the whole immediate, shift included
  u8 shift = 0;
  bool sign = false;

  constexpr s64 extract(u32 raw) const {
    u64 value = 0;
    for (unsigned i = 0; i < count; ++i) value |= bits(raw, pieces[i].insn_lsb, pieces[i].width) << pieces[i].value_lsb;
    return sign && width ? sign_extend(value, width) : s64(value);
  }
  // `raw` with the immediate replaced by the nearest value that the pieces can express.
  constexpr u32 insert(u32 raw, s64 value) const {
    for (unsigned i = 0; i < count; ++i) {
      const ImmediatePiece& p = pieces[i];
      const u32 mask = u32(((u64{1} << p.width) - 1) << p.insn_lsb);
      raw = (raw & ~mask) | (u32(bits(u64(value), p.value_lsb, p.width)) << p.insn_lsb);
    }
    return raw;
  }
  // The instruction bits that it is made of.
  constexpr u32 mask() const { return insert(0, -1); }
};

// "31 7 30:25": pieces from the most significant down, each a bit number or hi:lo; `shift` zero bits below them.
constexpr Immediate parse_immediate(bool sign, std::string_view text, unsigned shift) {
  Immediate f;
  f.sign = sign;
  f.shift = u8(shift);
  size_t at = 0;
  while (at < text.size()) {
    unsigned number[2] = {0, 0};
    unsigned part = 0;
    bool range = false;
    for (; at < text.size() && text[at] != ' '; ++at) {
      if (text[at] == ':') {
        part = 1;
        range = true;
      } else {
        number[part] = number[part] * 10 + unsigned(text[at] - '0');
      }
    }
    unsigned low = range ? number[1] : number[0];
    f.pieces[f.count++] = {u8(low), u8(number[0] - low + 1), 0};
    if (at < text.size()) ++at;
  }
  unsigned position = shift;
  for (unsigned i = f.count; i-- > 0;) {
    f.pieces[i].value_lsb = u8(position);
    position += f.pieces[i].width;
  }
  f.width = u8(position);
  return f;
}

}  // namespace mimus::specgen
