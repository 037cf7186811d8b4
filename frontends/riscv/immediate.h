// Immediates: the pieces of formats.def, parsed at compile time.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "frontends/riscv/table.h"
#include "frontends/specgen/immediate.h"

namespace mimus::riscv {

using specgen::ImmediatePiece;

struct ImmediateFormat : specgen::Immediate {
  u8 rd = 0, rs1 = 0;  // implied registers
};

namespace detail {
constexpr bool zero = false, sign = true;  // the words in formats.def

constexpr ImmediateFormat parse_immediate(bool sign, std::string_view text, unsigned shift, unsigned rd, unsigned rs1) {
  return {specgen::parse_immediate(sign, text, shift), u8(rd), u8(rs1)};
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
