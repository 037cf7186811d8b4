// The A64 instruction table: soundness, decoding, immediates, and the disassembler against objdump.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "frontends/aarch64/random.h"
#include "frontends/aarch64/table.h"

namespace mimus::aarch64 {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}
CpuModel max() { return *parse_cpu_model("max"); }

TEST(A64Table, IsSound) { EXPECT_EQ(joined(check_table(instruction_table())), ""); }

TEST(A64Table, TheReferenceIsUpToDate) {
  std::ifstream file(MIMUS_SOURCE_DIR "/docs/reference/aarch64.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(text == isa_reference()) << "run aarch64_reference > docs/reference/aarch64.md";
}

TEST(A64Table, ReportsMistakes) {
  const InsnDesc clash[] = {make_row("a", "z 0 0 11010110 mmmmm 000010 nnnnn ddddd", Format::None),
                            make_row("b", "z 0 0 11010110 mmmmm 0000.. nnnnn 00000", Format::None)};
  EXPECT_EQ(joined(check_table(clash)), "a and b clash\n");
  const InsnDesc misplaced[] = {make_row("a", "z 0 0 11010110 mmmmm 000010 ddddd nnnnn", Format::None)};
  EXPECT_NE(joined(check_table(misplaced)).find("field 'd' is at no place"), std::string::npos);
  const InsnDesc immediate[] = {make_row("a", "iiii 0000 00000000 00000000 00000000", Format::Imm12)};
  EXPECT_NE(joined(check_table(immediate)).find("immediate bits that the format does not know"), std::string::npos);
}

TEST(A64Decode, FindsEveryRowAgain) {
  Rng rng(1);
  const CpuModel model = max();
  for (const InsnDesc& row : instruction_table()) {
    if (!model.has(row.feature)) continue;
    for (int i = 0; i < 20; ++i) {
      Insn insn;
      ASSERT_TRUE(decode(random_encoding(row, model, rng), model, insn)) << row.mnemonic;
      ASSERT_EQ(insn.desc, &row) << row.mnemonic;
    }
  }
}

TEST(A64Decode, FeaturesDecide) {
  const u32 ldadd = 0xb8210002, crc32b = 0x1ac24020;  // ldadd w1, w2, [x0]; crc32b w0, w1, w2
  Insn insn;
  EXPECT_TRUE(decode(ldadd, max(), insn));
  EXPECT_FALSE(decode(ldadd, *parse_cpu_model("cortex-a72"), insn));
  EXPECT_TRUE(decode(ldadd, *parse_cpu_model("cortex-a72,+lse"), insn));
  EXPECT_FALSE(decode(crc32b, *parse_cpu_model("max,-crc32"), insn));
  EXPECT_FALSE(parse_cpu_model("cortex-a7").has_value());
  EXPECT_FALSE(parse_cpu_model("max,-asimd").has_value());
  EXPECT_FALSE(parse_cpu_model("max,+sse").has_value());
}

TEST(A64Decode, ReservedEncodingsMatchNothing) {
  // N set in a 32-bit logical immediate; a shift of 32 or more on a W register; ROR in an addition; imms of all ones.
  for (u32 raw : {0x12400000u, 0x0a008000u, 0x8bc00000u, 0x9240fc00u, 0x52c00000u}) {
    Insn insn;
    EXPECT_FALSE(decode(raw, max(), insn)) << std::hex << raw;
  }
}

TEST(A64Immediates, InsertIsTheInverseOfExtract) {
  Rng rng(2);
  const CpuModel model = max();
  for (const InsnDesc& row : instruction_table()) {
    if (row.pattern.field('i') == 0 || !model.has(row.feature)) continue;
    const u32 raw = random_encoding(row, model, rng), other = random_encoding(row, model, rng);
    const s64 imm = extract_immediate(row.format, raw);
    EXPECT_EQ(extract_immediate(row.format, insert_immediate(row.format, other, imm)), imm) << row.mnemonic;
  }
}

TEST(A64Immediates, BitMasks) {
  EXPECT_EQ(decode_bit_masks(true, 0x00, 0, true, true).wmask, 1u);
  EXPECT_EQ(decode_bit_masks(false, 0x3c, 0, true, true).wmask, 0x5555555555555555u);
  EXPECT_EQ(decode_bit_masks(false, 0x07, 4, true, false).wmask, 0xf000000fu);
  EXPECT_EQ(decode_bit_masks(true, 0x3e, 1, true, true).wmask, 0xbfffffffffffffffu);
  EXPECT_FALSE(decode_bit_masks(true, 0x3f, 0, true, true).valid);
}

struct Line {
  u32 raw;
  GuestPc pc;
  const char* text;
};
class A64Disassembly : public testing::TestWithParam<Line> {};
TEST_P(A64Disassembly, Prints) {
  Insn insn;
  ASSERT_TRUE(decode(GetParam().raw, max(), insn));
  EXPECT_EQ(disassemble(insn, GetParam().pc), GetParam().text);
}
INSTANTIATE_TEST_SUITE_P(
    Lines, A64Disassembly,
    testing::Values(Line{0x91000420, 0, "add x0, x1, #0x1"}, Line{0x8b020c20, 0, "add x0, x1, x2, lsl #3"},
                    Line{0x8b22cfe0, 0, "add x0, sp, w2, sxtw #3"}, Line{0x54000041, 0x1000, "b.ne 0x1008"},
                    Line{0xf9400420, 0, "ldr x0, [x1, #8]"}, Line{0xf8408420, 0, "ldr x0, [x1], #8"},
                    Line{0xa9bf7bfd, 0, "stp x29, x30, [sp, #-16]!"}, Line{0x385ff020, 0, "ldurb w0, [x1, #-1]"},
                    Line{0xf8627820, 0, "ldr x0, [x1, x2, lsl #3]"}, Line{0x885ffc20, 0, "ldaxr w0, [x1]"},
                    Line{0xf8e10002, 0, "ldaddal x1, x2, [x0]"}, Line{0x1e622820, 0, "fadd d0, d1, d2"},
                    Line{0xd53bd040, 0, "mrs x0, tpidr_el0"}, Line{0xd5033bbf, 0, "dmb ish"},
                    Line{0x3dc00420, 0, "ldr q0, [x1, #16]"}));

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return text;
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
  pclose(pipe);
  return text;
}

// Objdump prints tabs, comments, "<symbol>" and targets without 0x; both are made alike.
std::string normal(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, std::min(text.find("//"), text.find('<')))) {
    if (c == '\t') c = ' ';
    if (c == ' ' && (out.empty() || out.back() == ',' || out.back() == ' ')) continue;
    if (c == 'x' && out.ends_with('0') &&
        (out.size() < 2 || out[out.size() - 2] == ' ' || out[out.size() - 2] == ',' || out[out.size() - 2] == '#')) {
      out.pop_back();
      continue;
    }
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// General registers, loads, stores and atomics; hints and system instructions have names of their own there.
bool compared(const InsnDesc& row) {
  const std::string_view m = row.mnemonic;
  if (row.feature != Feat::Base && row.feature != Feat::LSE && row.feature != Feat::CRC32 && row.feature != Feat::FlagM)
    return false;
  return m != "hint" && !m.starts_with("ms") && m != "mrs" && !m.starts_with("sys") && m != "udf" && m != "prfm" &&
         m != "prfum" && m != "isb" && m != "dsb" && m != "clrex" && m != "dmb" && !m.starts_with("mov") &&
         !m.starts_with("st{l}xp") && m != "smulh" && m != "umulh" && m != "yield" && m != "wfe" && m != "wfi";
}

TEST(A64Disassembly, AgreesWithObjdump) {
  if (std::system("aarch64-linux-gnu-objdump --version > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "aarch64-linux-gnu-objdump is not installed (package binutils-aarch64-linux-gnu)";
  const auto path = std::filesystem::temp_directory_path() / ("mimus-a64-" + std::to_string(getpid()));
  Rng rng(3);
  const CpuModel model = max();
  std::vector<Insn> insns;
  std::ofstream file(path, std::ios::binary);
  for (const InsnDesc& row : instruction_table()) {
    for (int i = 0; i < 10 && compared(row) && model.has(row.feature); ++i) {
      Insn insn;
      decode(random_encoding(row, model, rng), model, insn);
      // UNPREDICTABLE: objdump calls it undefined.
      const bool writes_back =
          row.operands.find("]!") != row.operands.npos || row.operands.find("],") != row.operands.npos;
      if (writes_back && (insn.rn() == insn.rt() || insn.rn() == insn.rt2())) continue;
      if (row.format == Format::Imm7 && insn.rt() == insn.rt2()) continue;
      insns.push_back(insn);
      file.write(reinterpret_cast<const char*>(&insn.raw), 4);
    }
  }
  file.close();
  const std::string text =
      output_of("aarch64-linux-gnu-objdump -D -b binary -m aarch64 -M no-aliases " + path.string());
  std::filesystem::remove(path);
  size_t at = text.find("<.data>:\n");
  ASSERT_NE(at, std::string::npos) << text;
  at += 9;
  GuestPc pc = 0;
  for (const Insn& insn : insns) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    const size_t tab = line.find('\t', line.find('\t') + 1);
    ASSERT_NE(tab, std::string::npos) << line;
    EXPECT_EQ(normal(disassemble(insn, pc)), normal(line.substr(tab + 1))) << line;
    pc += 4;
  }
}

}  // namespace
}  // namespace mimus::aarch64
