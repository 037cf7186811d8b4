// The disassembler: expands the operand words of instructions.def.
#include <fmt/format.h>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/table.h"

namespace mimus::riscv {
namespace {

constexpr std::string_view kRegisters[32] = {"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
                                             "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                             "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
constexpr std::string_view kFloatRegisters[32] = {
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};
constexpr std::string_view kRoundingModes[8] = {"rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"};

std::string fence_set(u32 bits) {
  if (bits == 0) return "unknown";
  std::string text;
  for (unsigned i = 0; i < 4; ++i) {
    if (bits & (8u >> i)) text += "iorw"[i];
  }
  return text;
}

std::string csr_text(u32 number) {
  const CsrDesc* row = find_csr(number);
  return row ? std::string(row->name) : fmt::format("{:#x}", number);
}

// Operand of fli, as assemblers write it.
std::string constant_text(u64 number) {
  constexpr std::string_view kTexts[32] = {"-1.0",
                                           "min",
                                           "1.52587890625e-05",
                                           "3.0517578125e-05",
                                           "0.00390625",
                                           "0.0078125",
                                           "0.0625",
                                           "0.125",
                                           "0.25",
                                           "0.3125",
                                           "0.375",
                                           "0.4375",
                                           "0.5",
                                           "0.625",
                                           "0.75",
                                           "0.875",
                                           "1.0",
                                           "1.25",
                                           "1.5",
                                           "1.75",
                                           "2.0",
                                           "2.5",
                                           "3.0",
                                           "4.0",
                                           "8.0",
                                           "16.0",
                                           "128.0",
                                           "256.0",
                                           "32768.0",
                                           "65536.0",
                                           "inf",
                                           "nan"};
  return std::string(kTexts[number & 31]);
}

using Printer = std::string (*)(const Insn&, GuestPc);
struct OperandWord {
  std::string_view word;
  Printer print;
};
constexpr OperandWord kWords[] = {
    {"rd", [](const Insn& i, GuestPc) { return std::string(kRegisters[i.rd]); }},
    {"rs1", [](const Insn& i, GuestPc) { return std::string(kRegisters[i.rs1]); }},
    {"rs2", [](const Insn& i, GuestPc) { return std::string(kRegisters[i.rs2]); }},
    {"fd", [](const Insn& i, GuestPc) { return std::string(kFloatRegisters[i.rd]); }},
    {"fs1", [](const Insn& i, GuestPc) { return std::string(kFloatRegisters[i.rs1]); }},
    {"fs2", [](const Insn& i, GuestPc) { return std::string(kFloatRegisters[i.rs2]); }},
    {"fs3", [](const Insn& i, GuestPc) { return std::string(kFloatRegisters[i.rs3]); }},
    {"imm", [](const Insn& i, GuestPc) { return fmt::format("{}", i.imm); }},
    {"nonzero", [](const Insn& i, GuestPc) { return i.imm ? fmt::format("{}", i.imm) : std::string(); }},
    {"hex", [](const Insn& i, GuestPc) { return fmt::format("{:#x}", i.imm); }},
    {"upper", [](const Insn& i, GuestPc) { return fmt::format("{:#x}", u64(i.imm) >> 12 & 0xfffff); }},
    {"target", [](const Insn& i, GuestPc pc) { return fmt::format("{:#x}", pc + u64(i.imm)); }},
    {"odd", [](const Insn& i, GuestPc) { return fmt::format("{}", i.imm | 1); }},
    {"constant", [](const Insn& i, GuestPc) { return constant_text(u64(i.imm)); }},
    {"rtz", [](const Insn&, GuestPc) { return std::string("rtz"); }},
    {"csr", [](const Insn& i, GuestPc) { return csr_text(i.csr()); }},
    {"pred", [](const Insn& i, GuestPc) { return fence_set(i.pred()); }},
    {"succ", [](const Insn& i, GuestPc) { return fence_set(i.succ()); }},
};

// ".aq", ".rl", ".aqrl" of the atomics.
std::string_view ordering_suffix(const Insn& insn) {
  if (insn.desc->pattern.field('q') == 0) return "";
  constexpr std::string_view names[4] = {"", ".rl", ".aq", ".aqrl"};
  return names[insn.aq() * 2 + insn.rl()];
}

}  // namespace

std::string_view register_name(unsigned index) { return kRegisters[index & 31]; }
std::string_view float_register_name(unsigned index) { return kFloatRegisters[index & 31]; }

std::string disassemble(const Insn& insn, GuestPc pc) {
  std::string text(insn.desc->mnemonic);
  text += ordering_suffix(insn);
  std::string_view format = insn.desc->operands;
  if (!format.empty()) text += ' ';
  while (!format.empty()) {
    size_t length = 0;
    while (length < format.size() && std::isalnum(static_cast<unsigned char>(format[length]))) ++length;
    if (length == 0) {
      // '?' and '!' stand for the rounding mode, which is not printed when it is dyn or, for '!', rne.
      bool rounding = format[0] == '?' || format[0] == '!';
      if (!rounding) text += format[0];
      if (rounding && insn.rm() != (format[0] == '?' ? 7 : 0)) text += fmt::format(", {}", kRoundingModes[insn.rm()]);
      format.remove_prefix(1);
      continue;
    }
    for (const OperandWord& w : kWords) {
      if (w.word == format.substr(0, length)) text += w.print(insn, pc);
    }
    format.remove_prefix(length);
  }
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace mimus::riscv
