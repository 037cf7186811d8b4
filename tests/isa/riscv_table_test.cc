// The RISC-V instruction table: soundness, decoding, and the disassembler against objdump.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "frontends/riscv/random.h"
#include "frontends/riscv/table.h"
#include "frontends/specgen/decoder.h"

namespace mimus::riscv {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(Table, IsSound) { EXPECT_EQ(joined(check_table(instruction_table())), ""); }

TEST(Table, TheReferenceIsUpToDate) {
  std::ifstream file(MIMUS_SOURCE_DIR "/docs/reference/riscv.md");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, isa_reference()) << "run riscv_reference > docs/reference/riscv.md";
}

TEST(Table, ReportsClashes) {
  InsnDesc rows[] = {make_row("a", "0000000 ttttt sssss 000 ddddd 0110011", Format::R, Ext::I),
                     make_row("b", "0000000 ttttt 00000 ... ddddd 0110011", Format::R, Ext::I)};
  EXPECT_EQ(joined(check_table(rows)), "a and b clash\n");
}

TEST(Table, AllowsNestedRows) {
  InsnDesc rows[] = {make_row("a", "0000000 ttttt sssss 000 ddddd 0110011", Format::R, Ext::I),
                     make_row("b", "0000000 ttttt 00000 000 ddddd 0110011", Format::R, Ext::I)};
  EXPECT_EQ(joined(check_table(rows)), "");
}

struct BadRow {
  const char* encoding;
  Format format;
  const char* error;
};
class BadRows : public testing::TestWithParam<BadRow> {};
TEST_P(BadRows, AreReported) {
  InsnDesc rows[] = {make_row("bad", GetParam().encoding, GetParam().format, Ext::I)};
  EXPECT_EQ(joined(check_table(rows)), std::string("bad: ") + GetParam().error + "\n");
}
INSTANTIATE_TEST_SUITE_P(
    Rows, BadRows,
    testing::Values(BadRow{"000000 ttttt sssss 000 ddddd 0110011", Format::R, "an encoding has 16 or 32 bits"},
                    BadRow{"0000002 ttttt sssss 000 ddddd 0110011", Format::R,
                           "only 0, 1, '.', letters and spaces may stand in an encoding"},
                    BadRow{"0000000 ttttt sssss 000 ddddd 0110001", Format::R,
                           "the two lowest bits do not agree with the length"},
                    BadRow{"0000000 tttt0 sssss 000 ddddd 0110011", Format::R, "field 't' is 4 bits wide"},
                    BadRow{"0000000 ttttt sssss 00d 0dddd 0110011", Format::R, "field 'd' is in several pieces"},
                    BadRow{"0000000 ttttt sssss 00z ddddd 0110011", Format::R, "there is no field of that letter"},
                    BadRow{"iiiiiii iiiii sssss 000 ddddi 0110011", Format::I,
                           "field 'd' is 4 bits wide\nbad: immediate bits that "
                           "the format does not know"}));

TEST(Decode, FindsEveryRowAgain) {
  Rng rng(1);
  for (const InsnDesc& row : instruction_table()) {
    for (int i = 0; i < 50; ++i) {
      u32 raw = random_encoding(row, rng);
      Insn insn;
      ASSERT_TRUE(decode(raw, CpuModel{}, insn)) << row.mnemonic;
      ASSERT_EQ(insn.desc->mnemonic, row.mnemonic);
      ASSERT_EQ(insn.length * 8, row.pattern.width);
    }
  }
}

TEST(Decode, ReservedEncodingsMatchNothing) {
  // All zeros, all ones, c.addi4spn 0, c.lui a0, 0, c.jr x0, c.lwsp x0, c.addiw x0, addi with major opcode 0x1f.
  for (u32 raw : {0x0000u, 0xffffffffu, 0x0004u, 0x6501u, 0x8002u, 0x4002u, 0x2001u, 0x0000007fu}) {
    Insn insn;
    EXPECT_FALSE(decode(raw, CpuModel{}, insn)) << std::hex << raw;
  }
}

TEST(Decode, SwitchedOffExtensionsMatchNothing) {
  CpuModel model = *parse_cpu_model("rv64");
  Insn insn;
  EXPECT_FALSE(decode(0x20b52533, model, insn));  // sh1add a0, a0, a1
  EXPECT_TRUE(decode(0x20b52533, CpuModel{}, insn));
  EXPECT_TRUE(decode(0x20b52533, *parse_cpu_model("rv64,+zba"), insn));
  EXPECT_FALSE(parse_cpu_model("rv64,+zbq").has_value());
  EXPECT_FALSE(parse_cpu_model("rva99").has_value());
  EXPECT_FALSE(parse_cpu_model("").has_value());
  EXPECT_TRUE(parse_cpu_model("rva22")->has(Ext::Zfhmin));
  EXPECT_FALSE(parse_cpu_model("rva22")->has(Ext::Zfh));
  EXPECT_TRUE(parse_cpu_model("rv64,+zfh")->has(Ext::Zfhmin));  // which it needs
  EXPECT_FALSE(parse_cpu_model("max,-zfhmin")->has(Ext::Zfh));
  EXPECT_FALSE(parse_cpu_model("rv64,-m").has_value());
  EXPECT_FALSE(parse_cpu_model("max")->has(Ext::Svade));
  EXPECT_FALSE(parse_cpu_model("max,+svade")->has(Ext::Svadu));  // one or the other
  EXPECT_FALSE(parse_cpu_model("max,+svade,+svadu")->has(Ext::Svade));
  EXPECT_TRUE(parse_cpu_model("rva22")->has(Ext::Svade));
  EXPECT_TRUE(parse_cpu_model("max,+smaia")->has(Ext::Ssaia));
  EXPECT_FALSE(parse_cpu_model("max")->has(Ext::Sv57));
  EXPECT_FALSE(parse_cpu_model("max,-zihpm")->has(Ext::Sscofpmf));
  EXPECT_EQ(isa_string(model), "rv64imafdc_zicsr_zifencei");
}

TEST(Immediates, InsertIsTheInverseOfExtract) {
  Rng rng(2);
  for (const InsnDesc& row : instruction_table()) {
    if (row.pattern.field('i') == 0) continue;
    for (int i = 0; i < 20; ++i) {
      u32 raw = random_encoding(row, rng), other = random_encoding(row, rng);
      s64 imm = extract_immediate(row.format, raw);
      EXPECT_EQ(extract_immediate(row.format, insert_immediate(row.format, other, imm)), imm) << row.mnemonic;
    }
  }
}

struct Line {
  u32 raw;
  GuestPc pc;
  const char* text;
};
class Disassembly : public testing::TestWithParam<Line> {};
TEST_P(Disassembly, Prints) {
  Insn insn;
  ASSERT_TRUE(decode(GetParam().raw, CpuModel{}, insn));
  EXPECT_EQ(disassemble(insn, GetParam().pc), GetParam().text);
}
INSTANTIATE_TEST_SUITE_P(
    Lines, Disassembly,
    testing::Values(Line{0x00150513, 0, "addi a0, a0, 1"}, Line{0xfff50513, 0, "addi a0, a0, -1"},
                    Line{0x12345537, 0, "lui a0, 0x12345"}, Line{0xfe0508e3, 0x1000, "beq a0, zero, 0xff0"},
                    Line{0x00053503, 0, "ld a0, 0(a0)"}, Line{0x00a13423, 0, "sd a0, 8(sp)"},
                    Line{0x06b5252f, 0, "amoadd.w.aqrl a0, a1, (a0)"}, Line{0x02b57553, 0, "fadd.d fa0, fa0, fa1"},
                    Line{0x02b51553, 0, "fadd.d fa0, fa0, fa1, rtz"}, Line{0x10052573, 0, "csrrs a0, sstatus, a0"},
                    Line{0x0ff0000f, 0, "fence iorw, iorw"}, Line{0x4501, 0, "c.li a0, 0"}, Line{0x8082, 0, "c.jr ra"},
                    Line{0x0001, 0, "c.nop"}, Line{0x7179, 0, "c.addi16sp sp, -48"}));

// -- against objdump --

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return text;
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
  pclose(pipe);
  return text;
}

// Objdump prints tabs, "<symbol>" comments, no spaces after commas and targets without 0x; make both alike.
std::string normal(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, text.find_first_of("#<"))) {
    if (c == '\t') c = ' ';
    if (c == ' ' && (out.empty() || out.back() == ',' || out.back() == ' ')) continue;
    if (c == 'x' && !out.empty() && out.back() == '0') {
      out.pop_back();
      continue;
    }
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// Rows that this version of objdump does not know, or prints in another way on purpose.
bool compared(const InsnDesc& row) {
  for (Ext unknown :
       {Ext::Zihintntl, Ext::Zicond, Ext::Zimop, Ext::Zcmop, Ext::Zcb, Ext::Zabha, Ext::Zacas, Ext::Zfa}) {
    if (row.extension == unknown) return false;
  }
  if (row.mnemonic == "c.nop" || row.mnemonic == "fence") return false;  // hints and unusual sets
  return true;
}

constexpr const char* kMarch =
    "-march=rv64imafdc_zicbom_zicbop_zicboz_zicsr_zifencei_zihintpause_zawrs_zfh_zba_zbb_zbc_zbs_zbkb_zbkx_zknd_zkne_"
    "zknh_zksed_zksh_svinval";

TEST(Disassembly, AgreesWithObjdump) {
  if (std::system("riscv64-linux-gnu-objdump --version > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "riscv64-linux-gnu-objdump is not installed (package binutils-riscv64-linux-gnu)";
  }
  auto dir = std::filesystem::temp_directory_path() / ("mimus-objdump-" + std::to_string(getpid()));
  std::filesystem::create_directory(dir);
  Rng rng(3);
  std::vector<Insn> insns;
  std::ofstream file(dir / "code.s");
  file << ".option rvc\n";
  for (const InsnDesc& row : instruction_table()) {
    for (int i = 0; i < 20 && compared(row); ++i) {
      Insn insn;
      u32 raw = random_encoding(row, rng);
      // Reserved rounding modes, ignored bits and unknown CSRs have no agreed text.
      if (row.pattern.field('m') && (raw >> 12 & 7) > 4) raw |= 7 << 12;
      if (row.operands.ends_with('!')) raw &= ~(7u << 12);
      if (row.mnemonic.starts_with("c.s") && extract_immediate(row.format, raw) == 0) continue;  // c.srai64
      for (unsigned b = 0; b < 32; ++b) raw &= ~(u32(row.pattern.letters[b] == '.') << b);
      if (row.pattern.field('c')) raw = (raw & 0xfffff) | 0x14000000u | (raw & 0x300000);
      decode(raw, CpuModel{}, insn);
      insns.push_back(insn);
      file << ".insn " << raw << "\n";
    }
  }
  file.close();
  std::string text = output_of("cd " + dir.string() + " && riscv64-linux-gnu-as " + kMarch + " code.s -o code.o && " +
                               "riscv64-linux-gnu-objdump -d -M no-aliases code.o");
  std::filesystem::remove_all(dir);
  size_t at = text.find("<.text>:\n");
  ASSERT_NE(at, std::string::npos) << text;
  at += 9;
  GuestPc pc = 0;
  for (const Insn& insn : insns) {
    std::string line = text.substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    size_t tab = line.find('\t', line.find('\t') + 1);
    ASSERT_NE(tab, std::string::npos) << line;
    EXPECT_EQ(normal(disassemble(insn, pc)), normal(line.substr(tab + 1))) << line;
    pc += insn.length;
  }
}

}  // namespace
}  // namespace mimus::riscv
