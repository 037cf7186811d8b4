// The A64 instruction table: soundness, decoding, immediates, and the disassembler against objdump.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

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

// Words that are disassembled by objdump: what it prints for each.
std::vector<std::string> objdump(std::span<const u32> words) {
  const auto path = std::filesystem::temp_directory_path() / ("mimus-a64-" + std::to_string(getpid()));
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(words.data()), words.size_bytes());
  const std::string text =
      output_of("aarch64-linux-gnu-objdump -D -z -b binary -m aarch64 -M no-aliases " + path.string());
  std::filesystem::remove(path);
  std::vector<std::string> lines;
  size_t at = text.find("<.data>:\n");
  for (at = at == text.npos ? text.size() : at + 9; at < text.size();) {
    const std::string_view line = std::string_view(text).substr(at, text.find('\n', at) - at);
    at += line.size() + 1;
    const size_t tab = line.find('\t', line.find('\t') + 1);
    lines.push_back(normal(tab == line.npos ? "" : line.substr(tab + 1)));
  }
  return lines;
}
bool has_objdump() { return std::system("aarch64-linux-gnu-objdump --version > /dev/null 2>&1") == 0; }

// Hints, system instructions and registers have names of their own there.
bool compared(const InsnDesc& row) {
  const std::string_view m = row.mnemonic;
  if ((row.pattern.match & 0xffff'f01f) == 0xd503'201f) return false;
  return m != "hint" && !m.starts_with("ms") && m != "mrs" && !m.starts_with("sys") && m != "udf" && m != "prfm" &&
         m != "prfum" && m != "isb" && m != "dsb" && m != "clrex" && m != "dmb" && !m.starts_with("mov") &&
         !m.starts_with("st{l}xp") && m != "smulh" && m != "umulh" && m != "yield" && m != "wfe" && m != "wfi" &&
         m != "tlbi" && m != "at" && m != "dc" && m != "ic";
}

// Bits that should be one, and do not matter here; objdump calls some of those words undefined.
bool ignores_zeros(const Insn& insn) {
  unsigned bit = 32;
  for (const char c : insn.desc->encoding) {
    if (c == ' ') continue;
    --bit;
    if (c == '.' && !insn.get(bit, 1)) return true;
  }
  return false;
}

TEST(A64Disassembly, AgreesWithObjdump) {
  if (!has_objdump()) GTEST_SKIP() << "aarch64-linux-gnu-objdump is not installed (package binutils-aarch64-linux-gnu)";
  Rng rng(3);
  const CpuModel model = max();
  std::vector<Insn> insns;
  std::vector<u32> words;
  for (const InsnDesc& row : instruction_table()) {
    for (int i = 0; i < 10 && compared(row) && model.has(row.feature); ++i) {
      Insn insn;
      decode(random_encoding(row, model, rng), model, insn);
      // UNPREDICTABLE: objdump calls it undefined.
      const bool writes_back =
          row.operands.find("]!") != row.operands.npos || row.operands.find("],") != row.operands.npos;
      if (writes_back && (insn.rn() == insn.rt() || insn.rn() == insn.rt2())) continue;
      if ((row.format == Format::Imm7 && insn.rt() == insn.rt2()) || ignores_zeros(insn)) continue;
      insns.push_back(insn);
      words.push_back(insn.raw);
    }
  }
  const auto lines = objdump(words);
  ASSERT_EQ(lines.size(), words.size());
  for (size_t i = 0; i < insns.size(); ++i)
    EXPECT_EQ(normal(disassemble(insns[i], 4 * i)), lines[i]) << std::hex << words[i] << " " << insns[i].desc->encoding;
}

// What objdump knows of extensions that are not here: SVE, SME, MTE, 64-byte accesses, SM3 and SM4, hinted conditional
// branches, RCPC3 and the like.
bool foreign(u32 raw, std::string_view text) {
  const u32 op0 = raw >> 25 & 15;
  if (op0 == 2 || (op0 == 0 && raw >> 31)) return true;  // SVE, SME
  constexpr std::string_view kOthers[] = {"irg",  "addg",   "subg",    "gmi",     "subp",    "stg",    "st2g", "stz",
                                          "ldg",  "ldgm",   "stgm",    "setg",    "ld64b",   "st64b",  "sm3",  "sm4",
                                          "bc.",  "tstart", "tcommit", "tcancel", "ttest",   "dcps",   "drps", "wfet",
                                          "wfit", "brb",    "xpac",    "cfp",     "dvp",     "cpp",    "msr",  "dgh",
                                          "tsb",  "esb",    "psb",     "csdb",    "smstart", "smstop", "eret"};
  if (text.starts_with("mrs") && !(raw >> 20 & 1)) return true;                    // of no allocated kind
  if (text.starts_with("fml") && (raw & 0x0e60'0000) == 0x0e60'0000) return true;  // sz is 0 in FMLAL and the like
  constexpr u32 kCssc = 0x1fe0'0000;  // minima, maxima and counts of general registers (FEAT_CSSC)
  if ((raw & 0x1fc0'0000) == 0x11c0'0000) return true;
  if ((raw & kCssc) == 0x1ac0'0000 &&
      (text.starts_with("smax") || text.starts_with("smin") || text.starts_with("umax") || text.starts_with("umin") ||
       text.starts_with("abs") || text.starts_with("cnt") || text.starts_with("ctz")))
    return true;
  return std::ranges::any_of(kOthers, [&](std::string_view name) { return text.starts_with(name); });
}
// UNPREDICTABLE encodings that objdump rejects: a base that is written back and is a register of the access, equal
// registers of a pair.
bool unpredictable(const Insn& insn) {
  const std::string_view o = insn.desc->operands;
  const bool writes_back = o.find("]!") != o.npos || o.find("],") != o.npos;
  if (writes_back && insn.rn() != 31 && (insn.rn() == insn.rt() || insn.rn() == insn.rt2())) return true;
  return (insn.desc->format == Format::Imm7 && insn.rt() == insn.rt2()) || ignores_zeros(insn);
}

// Whatever is allocated there is here, and nothing else. MIMUS_DECODE_WORDS=N and MIMUS_DIFF_SEED=S say how many words,
// and which.
TEST(A64Decode, AgreesWithObjdumpOnWhatIsAllocated) {
  if (!has_objdump()) GTEST_SKIP() << "aarch64-linux-gnu-objdump is not installed (package binutils-aarch64-linux-gnu)";
  const auto setting = [](const char* name, u64 otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
  };
  Rng rng(setting("MIMUS_DIFF_SEED", 1));
  const CpuModel model = max();
  std::map<std::string, int> wrong;
  for (u64 left = setting("MIMUS_DECODE_WORDS", 200'000); left;) {
    std::vector<u32> words(std::min<u64>(left, 500'000));
    left -= words.size();
    for (u32& word : words) word = u32(rng());
    const auto lines = objdump(words);
    ASSERT_EQ(lines.size(), words.size());
    for (size_t i = 0; i < words.size(); ++i) {
      const bool there =
          !lines[i].starts_with(".inst") && lines[i].find("undefined") == lines[i].npos && !lines[i].starts_with("udf");
      Insn insn;
      const bool here = decode(words[i], model, insn) && insn.desc->mnemonic != "udf";
      if (here == there || (there && foreign(words[i], lines[i])) || (here && unpredictable(insn))) continue;
      const std::string name = here ? "only here: " + std::string(insn.desc->mnemonic)
                                    : "only there: " + lines[i].substr(0, lines[i].find(' '));
      if (++wrong[name] <= 2) ADD_FAILURE() << name << ": " << std::hex << words[i] << " " << lines[i];
    }
  }
  for (const auto& [name, count] : wrong) ADD_FAILURE() << name << " " << count;
}

}  // namespace
}  // namespace mimus::aarch64
