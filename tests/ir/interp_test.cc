#include "backends/interp/interp.h"

#include <gtest/gtest.h>

#include "core/engine/runtime.h"
#include "core/ir/builder.h"
#include "tests/ir/engine_diff.h"

namespace mimus {
namespace {

using namespace ir;

struct State : CpuState {
  u64 r[4] = {};
};
constexpr SlotDesc kSlots[] = {
    {"r0", ir::i64, offsetof(State, r), SlotRole::general},
    {"r1", ir::i64, offsetof(State, r) + 8, SlotRole::general},
    {"r2", ir::i64, offsetof(State, r) + 16, SlotRole::general},
    {"r3", ir::i64, offsetof(State, r) + 24, SlotRole::general},
};
const StateLayout kLayout{"test", kSlots, sizeof(State)};
const RuntimeLayout kRuntime{kLayout, {}};

// r0 counts up to r1, then the guest goes on at r2.
Block counting_loop() {
  Block block;
  block.key.pc = 0x1000;
  Builder b(block, kLayout);
  b.begin_insn(0x1000, 4);
  const I64 next = b.add(b.read(0), b.constant(1));
  b.write(0, next);
  b.begin_insn(0x1004, 4);
  b.exit_if(b.cmp(Op::ult, next, b.read(1)), {.kind = Exit::Kind::jump, .target = 0x1000});
  b.begin_insn(0x1008, 4);
  b.end({.kind = Exit::Kind::indirect, .value = b.read(2).id});
  return block;
}

TEST(Interp, RunsALoopInsideARegion) {
  const Block block = counting_loop();
  const auto engine = make_interp_engine(kRuntime);
  const auto code = engine->prepare({{&block}}, {.code_id = 7, .count_insns = true});
  ASSERT_TRUE(code);
  State state;
  state.r[1] = 1000;
  state.r[2] = 0x2000;
  (*code)->run(state);
  EXPECT_EQ(state.r[0], 1000u);
  EXPECT_EQ(state.pc, 0x2000u);
  EXPECT_EQ(state.leave, u32(Leave::dispatch));
  EXPECT_EQ(state.insn_count, 2 * 999 + 3u);
}

TEST(Interp, PollsAtEntry) {
  const Block block = counting_loop();
  const auto code = make_interp_engine(kRuntime)->prepare({{&block}}, {});
  State state;
  state.exit_request = 1;
  (*code)->run(state);
  EXPECT_EQ(state.leave, u32(Leave::poll));
  EXPECT_EQ(state.pc, 0x1000u);
  EXPECT_EQ(state.r[0], 0u);
}

TEST(Interp, LeavesByAnEdge) {
  Block block;
  block.key.pc = 0x1000;
  Builder b(block, kLayout);
  b.begin_insn(0x1000, 4);
  b.end({.kind = Exit::Kind::jump, .target = 0x1800});
  const auto code = make_interp_engine(kRuntime)->prepare({{&block}}, {.code_id = 7});
  State state;
  (*code)->run(state);
  EXPECT_EQ(state.leave, u32(Leave::edge));
  EXPECT_EQ(state.left_code, 7u);
  EXPECT_EQ(state.left_edge, 0u);
  EXPECT_EQ(state.pc, 0x1800u);
  ASSERT_EQ((*code)->edges().size(), 1u);
}

// Fusing records changes nothing.
const test::EngineUnderTest kPlain{"plain", make_plain_interp_engine};
const test::EngineUnderTest kFused{"fused", make_interp_engine};

TEST(InterpFusion, OnRandomBlocks) { test::expect_same(kPlain, kFused, {.seeds = 500, .states_per_seed = 2}); }
TEST(InterpFusion, OnRandomRegions) { test::expect_same(kPlain, kFused, {.blocks_per_region = 4, .seeds = 100}); }
TEST(InterpFusion, OnScalarCode) {
  using enum ir::Op;
  const test::RandomOptions scalar{
      .ops = 8, .vectors = false, .wide = false, .only = {read,  write, write, add,     sub,    xor_,     shl,
                                                          ashr,  trunc, trunc, sext,    sext,   zext,     load,
                                                          store, slt,   eq,    exit_if, helper, constant, select}};
  test::expect_same(kPlain, kFused, {.random = scalar, .seeds = 1000, .states_per_seed = 2});
  test::expect_same(kPlain, kFused,
                    {.random = scalar, .first_seed = 5000, .seeds = 500, .states_per_seed = 2, .optimise = true});
}

}  // namespace
}  // namespace mimus
