// What every op means, by example: tests/ir/cases/ops. A line is an instruction with its operands as type:number, the
// result, and the exception flags that it raises.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "backends/interp/interp.h"
#include "tests/ir/case_file.h"
#include "tests/ir/machine.h"

namespace mimus::test {
namespace {

using Bytes = std::vector<u8>;

// A hexadecimal number of any length as little-endian bytes.
Bytes bytes_of(std::string_view hex, unsigned count) {
  if (hex.starts_with("0x")) hex.remove_prefix(2);
  Bytes bytes(count);
  for (size_t i = 0; i < hex.size(); ++i) {
    const char c = hex[hex.size() - 1 - i];
    const u8 digit = u8(c <= '9' ? c - '0' : c - 'a' + 10);
    if (i / 2 < count) bytes[i / 2] = u8(bytes[i / 2] | digit << (i % 2 * 4));
  }
  return bytes;
}
std::string hex_of(const Bytes& bytes) {
  std::string text;
  for (u8 byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

struct Example {
  std::string block;  // computes the result and stores it at the start of RAM
  ir::Type type;      // of the result
  std::string op;
  Bytes result;
  u32 flags = 0;
};

u32 flags_of(const std::string& names) {
  constexpr std::pair<std::string_view, u32> kFlags[] = {{"NX", 32}, {"UF", 16}, {"OF", 8}, {"DZ", 4}, {"NV", 1}};
  u32 mxcsr = 0;
  for (const auto& [name, bit] : kFlags)
    if (names.find(name) != std::string::npos) mxcsr |= bit;
  return mxcsr;
}

Example read_example(const std::string& line) {
  static const std::regex parts(R"(^(\w+)\.(\w+) (.*) = (\w+)(?: flags ([A-Z ]+))?$)");
  static const std::regex operand(R"((\w+):(\w+))");
  std::smatch m;
  EXPECT_TRUE(std::regex_match(line, m, parts)) << line;
  Example e{.block = "block pc=0x1000 phys=0x0 mode=0x0 bytes=4 insns=1\ninsn 0x1000 +4\n",
            .type = ir::parse_type(m[2].str()),
            .op = m[1],
            .result = {},
            .flags = flags_of(m[5])};
  e.result = bytes_of(m[4].str(), e.type.bytes());
  std::string rest = m[3], instruction = fmt::format("%10 = {}.{} ", m[1].str(), m[2].str());
  for (unsigned n = 1; std::regex_search(rest, m, operand); ++n, rest = m.suffix()) {
    const ir::Type type = ir::parse_type(m[1].str());
    EXPECT_FALSE(type.is_void()) << line;
    e.block +=
        fmt::format("%{} = constant_wide.{} {{{}}}\n", n, m[1].str(), hex_of(bytes_of(m[2].str(), type.bytes())));
    instruction += fmt::format("{}%{}", m.prefix().str(), n);
  }
  e.block += instruction + rest +
             fmt::format("\n%11 = constant.i64 {:#x}\nstore %11, %10\nend jump 0x2000 [insns 1]\n", kRamBase);
  return e;
}

void check(Engine& engine, const Example& e, const std::string& line) {
  const auto block = ir::parse(e.block, text_context());
  ASSERT_TRUE(block) << line << "\n" << block.error().message << "\n" << e.block;
  const auto verified = ir::verify(*block, text_context());
  ASSERT_TRUE(verified) << line << "\n" << verified.error().message;
  const auto code = engine.prepare({{&*block}}, {});
  ASSERT_TRUE(code) << line;
  Machine machine;
  machine.state().guest_mxcsr = 0x1f80;
  machine.run(**code);
  const Bytes got(machine.ram().begin(), machine.ram().begin() + long(e.result.size()));
  EXPECT_EQ(hex_of(got), hex_of(e.result)) << line << " (lowest byte first)";
  EXPECT_EQ(machine.state().guest_mxcsr & 0x3d, e.flags) << line << " (MXCSR)";
}

TEST(Ops, Examples) {
  const auto engine = make_interp_engine(runtime_layout());
  std::set<std::string> seen;
  for (const auto& file : case_files("ops")) {
    std::istringstream in(read_text(file));
    for (std::string line; std::getline(in, line);) {
      if (line.empty() || line[0] == '#') continue;
      SCOPED_TRACE(file.filename());
      const Example example = read_example(line);
      check(*engine, example, line);
      seen.insert(example.op);
    }
  }
  // Every op that is a function of its operands has an example.
  for (const ir::OpInfo& op : ir::kOps) {
    const bool function = op.effects == ir::Effects::pure || (op.effects == ir::Effects::fp && op.arity > 0);
    if (!function || op.name == "constant_wide" || op.rule == ir::TypeRule::effect) continue;
    EXPECT_TRUE(seen.contains(std::string(op.name))) << op.name;
  }
}

}  // namespace
}  // namespace mimus::test
