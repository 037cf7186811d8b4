// The words for Advanced SIMD operands in the disassembler: a letter for the register field, an underscore, and what
// its lanes are.
#include <fmt/format.h>

#include "frontends/aarch64/disassemble_simd.h"
#include "frontends/aarch64/simd_fp_shapes.h"

namespace mimus::aarch64 {
namespace {

using translate::float_element;
using translate::float_size;
using translate::is_scalar;

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
  return fmt::format("v{}.{}{}", n, (full ? 16 : 8) >> size, "bhsdq"[size]);
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
// Consecutive registers, with what stands behind each.
std::string list_of(u32 first, u32 count, std::string_view lanes) {
  const auto reg = [&](u32 k) { return fmt::format("v{}.{}", (first + k) % 32, lanes); };
  if (count > 2 && first + count <= 32) return fmt::format("{{{}-{}}}", reg(0), reg(count - 1));
  std::string text = "{" + reg(0);
  for (u32 k = 1; k < count; ++k) text += ", " + reg(k);
  return text + "}";
}
std::string lanes_of(unsigned size, bool full) { return fmt::format("{}{}", (full ? 16 : 8) >> size, "bhsd"[size]); }
std::string table_list(const Insn& i) { return list_of(i.rn(), i.get(13, 2) + 1, "16b"); }

// -- loads and stores of structures --

// By opcode: registers, and elements of a structure.
struct Structures {
  u8 registers, elements;
};
Structures multiple(const Insn& i) {
  switch (i.get(12, 4)) {
    case 0: return {4, 4};
    case 2: return {4, 1};
    case 4: return {3, 3};
    case 6: return {3, 1};
    case 7: return {1, 1};
    case 8: return {2, 2};
    default: return {2, 1};
  }
}
bool is_single(const Insn& i) { return i.get(24, 1); }
bool is_replicated(const Insn& i) { return is_single(i) && i.get(14, 2) == 3; }
u32 elements(const Insn& i) { return is_single(i) ? (i.get(13, 1) << 1 | i.get(21, 1)) + 1 : multiple(i).elements; }
// opcode<2:1>, where size may say 64 bits.
unsigned single_scale(const Insn& i) {
  if (is_replicated(i)) return i.get(10, 2);
  const unsigned scale = i.get(14, 2);
  return scale == 2 && i.get(10, 1) ? 3 : scale;
}
std::string single_list(const Insn& i) {
  const unsigned scale = single_scale(i), all = i.get(30, 1) << 3 | i.get(12, 1) << 2 | i.get(10, 2);
  return fmt::format("{}[{}]", list_of(i.rt(), elements(i), std::string(1, "bhsd"[scale])), all >> scale);
}
std::string post_index(const Insn& i) {
  if (i.rm() != 31) return fmt::format("x{}", i.rm());
  const u32 bytes = is_single(i) ? elements(i) << single_scale(i) : multiple(i).registers * (i.q() ? 16u : 8u);
  return fmt::format("#{}", bytes);
}
std::string structure_word(const Insn& i, std::string_view word) {
  if (word == "list") return list_of(i.rt(), multiple(i).registers, lanes_of(i.get(10, 2), i.q()));
  if (word == "single") return single_list(i);
  if (word == "replicated") return list_of(i.rt(), elements(i), lanes_of(i.get(10, 2), i.q()));
  return word == "postindex" ? post_index(i) : std::string();
}

// -- floating point --

std::string element_of(unsigned size, const Insn& i) {
  const auto e = float_element(i, size);
  return element(size, e.reg, e.index);
}
// Rm of complex numbers: the index counts pairs.
std::string complex_element(const Insn& i) {
  const unsigned size = i.get(22, 2), high = i.get(11, 1);
  return element(size, i.rm(), size == 1 ? high << 1 | i.get(21, 1) : high);
}
std::string float_word(const Insn& i, u32 n, std::string_view lanes) {
  const unsigned wide = i.get(22, 1);
  if (lanes == "F") return vector_or_scalar(i, float_size(i), i.q(), n);
  if (lanes == "FL") return vector(2 + wide, true, n);
  if (lanes == "FN") return vector(1 + wide, i.q(), n);
  if (lanes == "FE") return element_of(float_size(i), i);
  if (lanes == "CE") return complex_element(i);
  if (lanes == "HE") return element_of(1, i);
  if (lanes == "P") return fmt::format("v{}.2{}", n, "bhsd"[float_size(i)]);
  if (lanes == "M") return vector(i.get(11, 1) ? 1 : 2 + i.get(29, 1), i.q(), n);
  if (lanes == "2H") return fmt::format("v{}.{}h", n, i.q() ? 4 : 2);
  if (lanes == "HH") return vector(1, i.q(), n);
  if (lanes == "8H") return vector(1, true, n);
  if (lanes == "2HE") return fmt::format("v{}.2h[{}]", n, i.get(11, 1) << 1 | i.get(21, 1));
  return {};
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
  return float_word(i, n, lanes);
}

std::string general(bool is64, u32 n) {
  return n == 31 ? (is64 ? "xzr" : "wzr") : fmt::format("{}{}", is64 ? 'x' : 'w', n);
}

}  // namespace

std::string structure_elements(const Insn& i) { return fmt::format("{}", elements(i)); }

std::string simd_word(const Insn& i, std::string_view word) {
  const u32 shift = i.get(16, 7), width = shift >> 3 ? 8u << immediate_size(i) : 8;
  if (word.size() > 3 && word[0] == 'V' && word[2] == '_' && !word.ends_with("_high"))
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
  if (word == "rotation") return fmt::format("#{}", 90 * i.get(11, 2));
  if (word == "rotation13") return fmt::format("#{}", 90 * i.get(13, 2));
  if (word == "rotation1") return i.get(12, 1) ? "#270" : "#90";
  if (word == "Vn_high") return element(3, i.rn(), 1);
  if (word == "Vd_high") return element(3, i.rd(), 1);
  if (word == "0") return "0";
  return structure_word(i, word);
}

}  // namespace mimus::aarch64
