// Immediates: the pieces of formats.def, parsed at compile time.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "frontends/riscv/table.h"

namespace mimus::riscv {

struct ImmediatePiece {
  u8 insn_lsb, width, value_lsb;
};

struct ImmediateFormat {
  std::array<ImmediatePiece, 8> pieces{};
  u8 count = 0;
  u8 width = 0;  // of the whole immediate, shift included
  u8 shift = 0;
  bool sign = false;
  u8 rd = 0, rs1 = 0;  // implied registers
};

namespace detail {
constexpr bool zero = false, sign = true;  // the words in formats.def

// "31 7 30:25": pieces from the most significant down, each a bit number or hi:lo.
constexpr ImmediateFormat parse_immediate(bool sign, std::string_view text, unsigned shift, unsigned rd, unsigned rs1) {
  ImmediateFormat f;
  f.sign = sign;
  f.shift = u8(shift);
  f.rd = u8(rd);
  f.rs1 = u8(rs1);
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
}  // namespace detail

inline constexpr ImmediateFormat kImmediates[] = {
#define FORMAT(name, extend, text, shift, rd, rs1) detail::parse_immediate(detail::extend, text, shift, rd, rs1),
#include "frontends/riscv/formats.def"
#undef FORMAT
};

inline constexpr unsigned kFormatCount = std::size(kImmediates);
constexpr const ImmediateFormat& immediate_format(Format f) { return kImmediates[unsigned(f)]; }

constexpr u64 piece(const ImmediatePiece& p, u32 raw) { return bits(raw, p.insn_lsb, p.width) << p.value_lsb; }

template <unsigned F, size_t... I>
constexpr u64 join_pieces(u32 raw, std::index_sequence<I...>) {
  return (u64{0} | ... | piece(kImmediates[F].pieces[I], raw));
}

// The extractor of one format, unrolled by the compiler.
template <unsigned F>
constexpr s64 extract(u32 raw) {
  if constexpr (kImmediates[F].count == 0) {
    return 0;
  } else {
    u64 value = join_pieces<F>(raw, std::make_index_sequence<kImmediates[F].count>{});
    return kImmediates[F].sign ? sign_extend(value, kImmediates[F].width) : s64(value);
  }
}

}  // namespace mimus::riscv
