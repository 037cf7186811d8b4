// The words for Advanced SIMD operands in the disassembler: a letter for the register field, an underscore, and what
// its lanes are.
#include <fmt/format.h>

#include "frontends/aarch64/disassemble_simd.h"

namespace mimus::aarch64 {
namespace {

bool is_scalar(const Insn& i) { return i.get(28, 1) && i.get(31, 1) == 0; }
unsigned immediate_size(const Insn& i) { return unsigned(std::bit_width(i.get(19, 4))) - 1; }
unsigned copy_size(const Insn& i) { return unsigned(std::countr_zero(i.get(16, 4) | 16)); }

u32 register_of(const Insn& i, char field) {
  switch (field) {
    case 'd': return i.rd();
    case 'n': return i.rn();
    case 'm': return i.rm();
    default: return i.ra();
  }
}
std::string scalar(unsigned size, u32 n) { return fmt::format("{}{}", "bhsdq"[size], n); }
std::string vector(unsigned size, bool full, u32 n) {
  return fmt::format("v{}.{}{}", n, (full ? 16 : 8) >> size, "bhsd"[size]);
}
std::string vector_or_scalar(const Insn& i, unsigned size, bool full, u32 n) {
  return is_scalar(i) ? scalar(size, n) : vector(size, full, n);
}
std::string element(unsigned size, u32 n, u32 index) { return fmt::format("v{}.{}[{}]", n, "bhsd"[size], index); }
// Rm of by-element forms.
std::string by_element(const Insn& i, unsigned size) {
  const u32 high = i.get(11, 1), low = i.get(21, 1), middle = i.get(20, 1);
  return size == 1 ? element(1, i.get(16, 4), high << 2 | low << 1 | middle)
                   : element(2, i.get(16, 5), high << 1 | low);
}

std::string modified_lanes(const Insn& i) {
  const u32 cmode = i.get(12, 4);
  if (cmode == 14 && i.get(29, 1)) return i.q() ? vector(3, true, i.rd()) : scalar(3, i.rd());
  return vector(cmode == 14 ? 0 : cmode >= 8 && cmode < 12 ? 1 : 2, i.q(), i.rd());
}
std::string modified_immediate(const Insn& i) {
  const u32 cmode = i.get(12, 4);
  if (cmode == 14 && i.get(29, 1)) {
    u64 bytes = 0;
    for (unsigned k = 0; k < 8; ++k) bytes |= i.imm >> k & 1 ? u64{0xff} << 8 * k : 0;
    return fmt::format("#{:#x}", bytes);
  }
  const u32 amount = cmode >= 14 ? 0 : cmode >= 12 ? 8 << (cmode & 1) : 8 * (cmode >> 1 & (cmode < 8 ? 3 : 1));
  std::string text = fmt::format("#{:#x}", i.imm);
  if (amount) text += fmt::format(", {} #{}", cmode >= 12 ? "msl" : "lsl", amount);
  return text;
}
std::string table_list(const Insn& i) {
  const u32 count = i.get(13, 2) + 1, last = (i.rn() + count - 1) % 32;
  const std::string first = vector(0, true, i.rn());
  if (count == 1) return fmt::format("{{{}}}", first);
  return fmt::format("{{{}{}{}}}", first, count > 2 && last > i.rn() ? "-" : ", ", vector(0, true, last));
}

std::string register_word(const Insn& i, u32 n, std::string_view lanes) {
  const unsigned size = i.get(22, 2);
  if (lanes == "T") return vector_or_scalar(i, size, i.q(), n);
  if (lanes == "W") return vector_or_scalar(i, size + 1, true, n);
  if (lanes == "L") return vector(size + 1, i.q(), n);
  if (lanes == "B") return vector(0, i.q(), n);
  if (lanes == "S") return vector(2, i.q(), n);
  if (lanes == "16") return vector(0, true, n);
  if (lanes == "4S") return vector(2, true, n);
  if (lanes == "Q") return vector(3, true, n);
  if (lanes == "I") return vector_or_scalar(i, immediate_size(i), i.q(), n);
  if (lanes == "J") return vector_or_scalar(i, immediate_size(i) + 1, true, n);
  if (lanes == "C") return vector_or_scalar(i, copy_size(i), i.q(), n);
  if (lanes == "G") return element(copy_size(i), n, i.get(16, 5) >> (copy_size(i) + 1));
  if (lanes == "H") return element(copy_size(i), n, i.get(11, 4) >> copy_size(i));
  if (lanes == "E") return by_element(i, size);
  if (lanes == "4B") return fmt::format("v{}.4b[{}]", i.rm(), i.get(11, 1) << 1 | i.get(21, 1));
  if (lanes == "V") return modified_lanes(i);
  return {};
}

std::string general(bool is64, u32 n) {
  return n == 31 ? (is64 ? "xzr" : "wzr") : fmt::format("{}{}", is64 ? 'x' : 'w', n);
}

}  // namespace

std::string simd_word(const Insn& i, std::string_view word) {
  const u32 shift = i.get(16, 7), width = shift >> 3 ? 8u << immediate_size(i) : 8;
  if (word.size() > 3 && word[0] == 'V' && word[2] == '_')
    return register_word(i, register_of(i, word[1]), word.substr(3));
  if (word == "Rd_T") return scalar(i.get(22, 2), i.rd());
  if (word == "Rd_X") return scalar(i.get(22, 2) + 1, i.rd());
  if (word == "Rd_Q") return general(i.q(), i.rd());
  if (word == "Rn_G") return general(copy_size(i) == 3, i.rn());
  if (word == "Qn") return scalar(4, i.rn());
  if (word == "rightby") return fmt::format("#{}", 2 * width - shift);
  if (word == "leftby") return fmt::format("#{}", shift - width);
  if (word == "lanewidth") return fmt::format("#{}", 8 << i.get(22, 2));
  if (word == "extindex") return fmt::format("#{}", i.get(11, 4));
  if (word == "imm6") return fmt::format("#{}", i.imm6());
  if (word == "modified") return modified_immediate(i);
  if (word == "tablelist") return table_list(i);
  if (word == "0") return "0";
  return {};
}

}  // namespace mimus::aarch64
