// The disassembler: expands the words of mnemonics (in braces) and operands of instructions.def.
#include <fmt/format.h>

#include "frontends/aarch64/disassemble_simd.h"
#include "frontends/aarch64/sysreg.h"
#include "frontends/aarch64/table.h"

namespace mimus::aarch64 {
namespace {

constexpr std::string_view kConditions[16] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                              "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};

std::string zero_register(bool is64, u32 n) {
  if (n == 31) return is64 ? "xzr" : "wzr";
  return fmt::format("{}{}", is64 ? 'x' : 'w', n);
}
std::string stack_register(bool is64, u32 n) {
  if (n == 31) return is64 ? "sp" : "wsp";
  return fmt::format("{}{}", is64 ? 'x' : 'w', n);
}

std::string shifted(const Insn& i) {
  constexpr std::string_view kShifts[4] = {"lsl", "lsr", "asr", "ror"};
  if (i.shift() == 0 && i.imm6() == 0) return "";
  return fmt::format(", {} #{}", kShifts[i.shift()], i.imm6());
}
constexpr std::string_view kExtends[8] = {"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"};
// C6.2.3 ADD (extended register): beside SP the extension that changes nothing is written LSL, or not at all.
std::string extended(const Insn& i) {
  constexpr u32 kSp = 31, kSetsFlags = 29;
  const bool x = (i.option() & 3) == 3 && i.sf();
  const bool by_sp = i.rn() == kSp || (i.rd() == kSp && !i.get(kSetsFlags, 1));
  const bool plain = by_sp && i.option() == (i.sf() ? 3 : 2);
  std::string text = zero_register(x, i.rm());
  if (!plain || i.get(10, 3)) text += fmt::format(", {}", plain ? "lsl" : kExtends[i.option()]);
  if (i.get(10, 3)) text += fmt::format(" #{}", i.get(10, 3));
  return text;
}
std::string register_offset(const Insn& i, unsigned scale) {
  const bool x = i.option() & 1, scaled = i.get(12, 1);
  std::string text = zero_register(x, i.rm());
  if (i.option() == 3) return scaled ? fmt::format("{}, lsl #{}", text, scale) : text;
  text += fmt::format(", {}", kExtends[i.option()]);
  return scaled ? fmt::format("{} #{}", text, scale) : text;
}

// log2 of the bytes that a load or store of a SIMD register transfers: opc<1>:size.
unsigned simd_scale(const Insn& i) { return i.get(23, 1) << 2 | i.size(); }
bool is_simd(const Insn& i) { return i.get(26, 1); }
unsigned scale_of(const Insn& i) { return is_simd(i) ? simd_scale(i) : i.size(); }
unsigned pair_scale(const Insn& i) { return 2 + (is_simd(i) ? i.size() : i.get(31, 1)); }
std::string simd_register(unsigned scale, u32 n) { return fmt::format("{}{}", "bhsdq"[scale], n); }

std::string barrier(const Insn& i) {
  constexpr std::string_view kNames[16] = {"", "oshld", "oshst", "osh", "", "nshld", "nshst", "nsh",
                                           "", "ishld", "ishst", "ish", "", "ld",    "st",    "sy"};
  const std::string_view name = kNames[i.get(8, 4)];
  return name.empty() ? fmt::format("#{:#x}", i.get(8, 4)) : std::string(name);
}
std::string branch_target(const Insn& i) {
  constexpr std::string_view kTargets[4] = {"", "c", "j", "jc"};
  return std::string(kTargets[i.get(6, 2)]);
}
std::string prefetch(const Insn& i) {
  constexpr std::string_view kTypes[3] = {"pld", "pli", "pst"};
  const u32 op = i.rt();
  if (op >> 3 == 3 || (op >> 1 & 3) == 3) return fmt::format("#{:#x}", op);
  return fmt::format("{}l{}{}", kTypes[op >> 3], (op >> 1 & 3) + 1, op & 1 ? "strm" : "keep");
}
std::string sysreg_name(const Insn& i) {
  const SysregDesc* row = find_sysreg(sysreg_number(i.raw));
  if (!row) {
    return fmt::format("s{}_{}_c{}_c{}_{}", 2 + i.get(19, 1), i.get(16, 3), i.get(12, 4), i.get(8, 4), i.get(5, 3));
  }
  std::string name;
  for (char c : row->name) name += char(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return name;
}
// VFPExpandImm, as a decimal number.
std::string float_immediate(const Insn& i) {
  const u32 imm8 = u32(i.imm);
  const double mantissa = 1.0 + (imm8 & 15) / 16.0;
  const int exponent = int((imm8 >> 4 & 7) ^ 4) - 3;
  const double value =
      (imm8 & 0x80 ? -1.0 : 1.0) * mantissa * (exponent >= 0 ? double(1 << exponent) : 1.0 / (1 << -exponent));
  return fmt::format("#{:.18e}", value);
}

char fp_letter(const Insn& i) { return "sd?h"[i.ftype()]; }

using Printer = std::string (*)(const Insn&, GuestPc);
struct Word {
  std::string_view word;
  Printer print;
};
#define MIMUS_WORD(name, expression) \
  {name, [](const Insn& i, [[maybe_unused]] GuestPc pc) -> std::string { return expression; }}
constexpr Word kWords[] = {
    // -- general registers --
    MIMUS_WORD("Rd", zero_register(i.sf(), i.rd())),
    MIMUS_WORD("Rn", zero_register(i.sf(), i.rn())),
    MIMUS_WORD("Rm", zero_register(i.sf(), i.rm())),
    MIMUS_WORD("Ra", zero_register(i.sf(), i.ra())),
    MIMUS_WORD("Rd_sp", stack_register(i.sf(), i.rd())),
    MIMUS_WORD("Rn_sp", stack_register(i.sf(), i.rn())),
    MIMUS_WORD("Xd", zero_register(true, i.rd())),
    MIMUS_WORD("Xn", zero_register(true, i.rn())),
    MIMUS_WORD("Xm", zero_register(true, i.rm())),
    MIMUS_WORD("Xa", zero_register(true, i.ra())),
    MIMUS_WORD("Xm_sp", stack_register(true, i.rm())),
    MIMUS_WORD("Xm0_sp", stack_register(true, i.rd())),
    MIMUS_WORD("Xn_sp", stack_register(true, i.rn())),
    MIMUS_WORD("Wd", zero_register(false, i.rd())),
    MIMUS_WORD("Wn", zero_register(false, i.rn())),
    MIMUS_WORD("Wm", zero_register(false, i.rm())),
    MIMUS_WORD("Wa", zero_register(false, i.ra())),
    MIMUS_WORD("Rt", zero_register(i.size() == 3, i.rt())),
    MIMUS_WORD("Rs", zero_register(i.size() == 3, i.rs())),
    MIMUS_WORD("Rp", zero_register(i.get(30, 1), i.rt())),
    MIMUS_WORD("Rp2", zero_register(i.get(30, 1), i.get(24, 6) == 8 && i.get(31, 1) == 0 ? i.rt() + 1 : i.rt2())),
    MIMUS_WORD("Rsp", zero_register(i.get(30, 1), i.rs())),
    MIMUS_WORD("Rsp2", zero_register(i.get(30, 1), i.rs() + 1)),
    // -- immediates --
    MIMUS_WORD("hex", fmt::format("#{:#x}", i.imm)),
    MIMUS_WORD("dec", fmt::format("#{}", i.imm)),
    MIMUS_WORD("nzcvhex", fmt::format("#{:#x}", i.nzcv())),
    MIMUS_WORD("nzcvdec", fmt::format("#{}", i.nzcv())),
    MIMUS_WORD("lsl12", std::string(i.get(22, 1) ? ", lsl #12" : "")),
    MIMUS_WORD("lslhw", i.get(21, 2) ? fmt::format(", lsl #{}", i.get(21, 2) * 16) : ""),
    MIMUS_WORD("bitmask",
               fmt::format("#{:#x}", decode_bit_masks(i.get(22, 1), i.imms(), i.immr(), true, i.sf()).wmask)),
    MIMUS_WORD("immr", fmt::format("#{}", i.immr())),
    MIMUS_WORD("imms", fmt::format("#{}", i.imms())),
    MIMUS_WORD("testbit", fmt::format("#{}", i.get(31, 1) << 5 | i.get(19, 5))),
    MIMUS_WORD("target", fmt::format("{:#x}", pc + u64(i.imm))),
    MIMUS_WORD("page", fmt::format("{:#x}", (pc & ~kPageMask) + u64(i.imm))),
    MIMUS_WORD("shifted", shifted(i)),
    MIMUS_WORD("extended", extended(i)),
    MIMUS_WORD("cond", std::string(kConditions[i.cond()])),
    // -- addresses --
    MIMUS_WORD("offset", i.imm ? fmt::format(", #{}", i.imm) : ""),
    MIMUS_WORD("scaled", i.imm ? fmt::format(", #{}", i.imm << scale_of(i)) : ""),
    MIMUS_WORD("index", register_offset(i, scale_of(i))),
    MIMUS_WORD("pairoffset", i.imm ? fmt::format(", #{}", i.imm * (1 << pair_scale(i))) : ""),
    MIMUS_WORD("pairdec", fmt::format("#{}", i.imm * (1 << pair_scale(i)))),
    MIMUS_WORD("prfop", prefetch(i)),
    // -- system --
    MIMUS_WORD("barrier", barrier(i)),
    MIMUS_WORD("btikind", branch_target(i)),
    MIMUS_WORD("sysreg", sysreg_name(i)),
    MIMUS_WORD("system", fmt::format("#{}, C{}, C{}, #{}", i.get(16, 3), i.get(12, 4), i.get(8, 4), i.get(5, 3))),
    // -- SIMD and floating-point registers --
    MIMUS_WORD("Ft", simd_register(simd_scale(i), i.rt())),
    MIMUS_WORD("Fp", simd_register(2 + i.size(), i.rt())),
    MIMUS_WORD("Fp2", simd_register(2 + i.size(), i.rt2())),
    MIMUS_WORD("Fd", fmt::format("{}{}", fp_letter(i), i.rd())),
    MIMUS_WORD("Fn", fmt::format("{}{}", fp_letter(i), i.rn())),
    MIMUS_WORD("Fm", fmt::format("{}{}", fp_letter(i), i.rm())),
    MIMUS_WORD("Fa", fmt::format("{}{}", fp_letter(i), i.ra())),
    MIMUS_WORD("Hd", fmt::format("h{}", i.rd())),
    MIMUS_WORD("Sd", fmt::format("s{}", i.rd())),
    MIMUS_WORD("Dd", fmt::format("d{}", i.rd())),
    MIMUS_WORD("Hn", fmt::format("h{}", i.rn())),
    MIMUS_WORD("Sn", fmt::format("s{}", i.rn())),
    MIMUS_WORD("Dn", fmt::format("d{}", i.rn())),
    MIMUS_WORD("Qd", fmt::format("q{}", i.rd())),
    MIMUS_WORD("Bd", fmt::format("b{}", i.rd())),
    MIMUS_WORD("fpimm", float_immediate(i)),
    MIMUS_WORD("modifiedfp", float_immediate(i)),
    MIMUS_WORD("fbits", fmt::format("#{}", 64 - i.get(10, 6))),
};
#undef MIMUS_WORD

// Suffixes in mnemonics.
std::string mnemonic_word(const Insn& i, std::string_view word) {
  constexpr std::string_view kSizes[4] = {"b", "h", "", ""}, kSizesWord[4] = {"b", "h", "w", ""};
  if (word == "bh") return std::string(kSizes[i.size()]);
  if (word == "bhw") return std::string(kSizesWord[i.size()]);
  if (word == "l") return i.get(15, 1) ? "l" : "";
  if (word == "a") return i.get(15, 1) ? "a" : "";
  if (word == "ar") return std::string(i.get(23, 1) ? "a" : "") + (i.get(22, 1) ? "l" : "");
  if (word == "al") return std::string(i.get(22, 1) ? "a" : "") + (i.get(15, 1) ? "l" : "");
  if (word == "cond") return std::string(kConditions[i.get(0, 4)]);
  if (word == "2") return i.q() ? "2" : "";
  constexpr std::string_view kSides[4] = {"", "wt", "rt", "t"}, kHints[4] = {"", "wn", "rn", "n"};
  constexpr std::string_view kSet[4] = {"", "t", "n", "tn"};
  if (word == "setoptions") return std::string(kSet[i.get(12, 2)]);
  if (word == "cpyoptions") return std::string(kSides[i.get(12, 2)]) + std::string(kHints[i.get(14, 2)]);
  if (word == "structures" || word == "selem") return structure_elements(i);
  if (word == "bt") return i.q() ? "t" : "b";
  return {};
}

std::string expand_mnemonic(const Insn& insn) {
  std::string text;
  for (std::string_view rest = insn.desc->mnemonic; !rest.empty();) {
    const size_t open = rest.find('{');
    text += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    const size_t close = rest.find('}', open);
    text += mnemonic_word(insn, rest.substr(open + 1, close - open - 1));
    rest.remove_prefix(close + 1);
  }
  return text;
}

// " shifted" and the like bring their own comma.
bool attaches(std::string_view word) { return word == "shifted" || word == "lsl12" || word == "lslhw"; }

}  // namespace

std::string disassemble(const Insn& insn, GuestPc pc) {
  std::string text = expand_mnemonic(insn);
  std::string_view format = insn.desc->operands;
  if (!format.empty()) text += ' ';
  while (!format.empty()) {
    size_t length = 0;
    while (length < format.size() &&
           (std::isalnum(static_cast<unsigned char>(format[length])) || format[length] == '_'))
      ++length;
    if (length == 0) {
      text += format[0];
      format.remove_prefix(1);
      continue;
    }
    const std::string_view word = format.substr(0, length);
    const bool optional = word == "offset" || word == "scaled" || word == "pairoffset";
    if (attaches(word)) text.pop_back();         // the space
    if (optional) text.resize(text.size() - 2);  // ", "
    for (const Word& w : kWords)
      if (w.word == word) text += w.print(insn, pc);
    text += simd_word(insn, word);
    format.remove_prefix(length);
  }
  return text;
}

}  // namespace mimus::aarch64
