// The passes: before and after as text files, and random blocks that must mean the same after them.
#include "core/passes/pass.h"

#include <gtest/gtest.h>

#include "backends/interp/interp.h"
#include "tests/ir/case_file.h"
#include "tests/ir/engine_diff.h"
#include "tests/ir/machine.h"

namespace mimus::test {
namespace {

// Sections of a case file: before, after; and so on. A first line "# name" says what a pair is about.
TEST(Passes, Files) {
  for (const auto& file : case_files("passes")) {
    const std::vector<std::string> parts = sections(read_text(file));
    ASSERT_EQ(parts.size() % 2, 0u) << file;
    for (size_t i = 0; i < parts.size(); i += 2) {
      SCOPED_TRACE(file.filename().string() + ": " + parts[i]);
      auto block = ir::parse(parts[i], text_context());
      ASSERT_TRUE(block) << block.error().message;
      ir::Block observed = *block;
      passes::run_passes(*block, text_context());
      EXPECT_EQ(ir::print(*block, text_context()), parts[i + 1]);
      passes::run_passes(observed, text_context(), {.verify = true, .after = {}});
      EXPECT_EQ(ir::print(observed, text_context()), parts[i + 1]) << "pass by pass";
    }
  }
}

TEST(Hammocks, Files) {
  for (const auto& file : case_files("hammocks")) {
    const std::vector<std::string> parts = sections(read_text(file));
    ASSERT_EQ(parts.size() % 2, 0u) << file;
    for (size_t i = 0; i < parts.size(); i += 2) {
      SCOPED_TRACE(file.filename().string() + ": " + parts[i]);
      auto block = ir::parse(parts[i], text_context());
      ASSERT_TRUE(block) << block.error().message;
      const bool changes = ir::print(*block, text_context()) != parts[i + 1];
      EXPECT_EQ(passes::convert_hammocks(*block, text_context()), changes);
      const auto verified = ir::verify(*block, text_context());
      ASSERT_TRUE(verified) << verified.error().message;
      EXPECT_EQ(ir::print(*block, text_context()), parts[i + 1]);
    }
  }
}

TEST(Passes, AreNamedAndRunOneByOne) {
  ir::Block block = random_block(1, {});
  std::vector<std::string> seen;
  passes::run_passes(block, text_context(), {.verify = false, .after = [&](std::string_view name, const ir::Block&) {
                                               seen.emplace_back(name);
                                             }});
  ASSERT_EQ(seen.size(), passes::pipeline().size());
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], passes::pipeline()[i].name);
}

TEST(Passes, NeverGrowABlockAndSettle) {
  for (u64 seed = 0; seed < 300; ++seed) {
    ir::Block block = random_block(seed, {});
    const size_t before = block.insts.size();
    passes::run_passes(block, text_context());
    const auto verified = ir::verify(block, text_context());
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_LE(block.insts.size(), before);
  }
}

const EngineUnderTest kInterp{"interp", make_plain_interp_engine};
const EngineUnderTest kOptimised{"interp after passes", make_interp_engine};

TEST(Passes, KeepTheMeaningOfRandomBlocks) { expect_same(kInterp, kOptimised, {.seeds = 400, .optimise = true}); }
TEST(Passes, KeepTheMeaningOfRandomRegions) {
  expect_same(kInterp, kOptimised, {.blocks_per_region = 4, .seeds = 100, .optimise = true});
}
// Ops that rules look through, densely.
TEST(Passes, KeepTheMeaningOfAlgebra) {
  using enum ir::Op;
  const RandomOptions algebra{
      .insns = 4,
      .ops = 12,
      .vectors = false,
      .only = {constant, constant, constant, add,  sub,  mul,     and_,  or_,     xor_,     not_,   neg,
               shl,      lshr,     ashr,     rotl, zext, sext,    trunc, extract, sextract, insert, pair,
               bitcast,  eq,       ne,       slt,  sle,  ult,     ule,   not_,    select,   adc,    add_carry,
               udiv,     urem,     sdiv,     umin, smax, exit_if, load,  store,   read,     write}};
  expect_same(kInterp, kOptimised, {.random = algebra, .seeds = 1000, .states_per_seed = 2, .optimise = true});
}

}  // namespace
}  // namespace mimus::test
