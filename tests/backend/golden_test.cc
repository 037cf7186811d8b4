// Counts of host instructions for common guest instructions, from golden_counts.txt.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "backends/baseline/compiler.h"
#include "backends/emit/disassemble.h"
#include "tests/ir/machine.h"

namespace mimus {
namespace {

constexpr char kFile[] = MIMUS_SOURCE_DIR "/tests/backend/golden_counts.txt";
constexpr char kHead[] = "block pc=0x1000 phys=0x1000 mode=0x0 bytes=4 insns=1\n  insn 0x1000 +4\n";
constexpr char kTail[] = "  end yield 0x1004 [insns 1]\n";

struct Case {
  std::string name;
  int count = 0;
  std::string text;
};

std::vector<Case> read_cases() {
  std::vector<Case> cases;
  std::ifstream file(kFile);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("---- ")) {
      const size_t colon = line.rfind(": ");
      cases.push_back({line.substr(5, colon - 5), std::stoi(line.substr(colon + 2)), {}});
    } else if (!cases.empty()) {
      cases.back().text += line + "\n";
    }
  }
  return cases;
}

class Golden : public ::testing::Test {
 protected:
  Golden()
      : slab_(std::move(*emit::CodeSlab::create(1 << 20))),
        host_(std::move(*emit::HostRuntime::create(*slab_, test::layout()))),
        assists_(test::runtime_layout()),
        compiler_(test::runtime_layout(), assists_, *slab_, *host_) {}

  // The straight path of a block with this body: bytes and number of instructions.
  std::span<const u8> compile(const std::string& body) {
    auto block = ir::parse(kHead + body + kTail, test::text_context());
    EXPECT_TRUE(block) << block.error().message;
    if (!block) return {};
    piece_ = *slab_->allocate(4096);
    baseline::Artifact artifact;
    EXPECT_EQ(compiler_.compile({{&*block}}, {}, piece_.write, piece_.size, artifact),
              baseline::Compiler::Outcome::done)
        << compiler_.refusal();
    return {piece_.write, artifact.hot_bytes};
  }

  std::unique_ptr<emit::CodeSlab> slab_;
  std::unique_ptr<emit::HostRuntime> host_;
  baseline::Assists assists_;
  baseline::Compiler compiler_;
  emit::CodeSlab::Piece piece_;
};

TEST_F(Golden, Counts) {
  const auto& f = host_->features();
  if (!f.bmi2 || !f.bmi1 || !f.lzcnt || !f.fma) GTEST_SKIP() << "the counts are for hosts with BMI2, LZCNT and FMA";
  const int frame = emit::count_instructions(compile(""));
  if (frame < 0) GTEST_SKIP() << "counting needs libcapstone.so.4";
  const std::vector<Case> cases = read_cases();
  EXPECT_GE(cases.size(), 25u);
  for (const Case& c : cases) {
    const std::span<const u8> code = compile(c.text);
    EXPECT_EQ(emit::count_instructions(code) - frame, c.count) << c.name << "\n"
                                                               << emit::disassemble(code, piece_.exec);
  }
}

}  // namespace
}  // namespace mimus
