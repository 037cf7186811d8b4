// The interpreter's memory ops, helpers and exits: fast path and slow path, precise faults, counts.
#include <gtest/gtest.h>

#include "backends/interp/interp.h"
#include "tests/ir/machine.h"

namespace mimus::test {
namespace {

class InterpMachine : public ::testing::Test {
 protected:
  // Runs `body`, which begins with an insn line, from a machine filled with the seed.
  void run(const std::string& body, bool fast = true) {
    const auto block = ir::parse("block pc=0x1000 phys=0x0 mode=0x0 bytes=8 insns=2\n" + body, text_context());
    ASSERT_TRUE(block) << block.error().message;
    const auto verified = ir::verify(*block, text_context());
    ASSERT_TRUE(verified) << verified.error().message;
    const auto engine = make_interp_engine(runtime_layout());
    const auto code = engine->prepare({{&*block}}, {.code_id = 3, .count_insns = true});
    ASSERT_TRUE(code) << code.error().message;
    for (unsigned page = 0; page < kRamPages && fast; ++page) {
      const u64 va = kRamBase + page * kPageSize;
      TlbEntry& entry = m.state().tlb[(va >> kPageBits) % kTlbEntries];
      entry.read_tag = entry.write_tag = va;
      entry.addend = reinterpret_cast<u64>(&m.ram()[page * kPageSize]) - va;
    }
    for (size_t i = 0; i < m.ram().size(); ++i) m.ram()[i] = u8(i);
    m.run(**code);
  }
  template <class T>
  T ram(u64 offset) {
    T value;
    std::memcpy(&value, &m.ram()[offset], sizeof value);
    return value;
  }

  Machine m;
};

const std::string kLoads = R"(
  insn 0x1000 +4
  %1 = constant.i64 0x10010
  %2 = load.i32 %1 + 1
  write w0, %2
  %3 = load.i64 %1 - 16 [big_endian]
  write r0, %3
  %4 = load.i128 %1 [order acquire]
  write q0, %4
  %5 = load.v8i64 %1 + 4064
  write z0, %5
  %6 = load.i1 %1 + 3
  write b0, %6
  end jump 0x2000 [insns 1]
)";
void expect_loads(Machine& m) {
  EXPECT_EQ(m.state().word[0], 0x14131211u);
  EXPECT_EQ(m.state().r[0], 0x0001020304050607u);
  EXPECT_EQ(m.state().i128[0][15], 0x1f);
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(m.state().v512[0][i], u8(0xff0 + i));  // across a page boundary
  EXPECT_EQ(m.state().bits[0], 1);
}
TEST_F(InterpMachine, LoadsByTheTlb) {
  run(kLoads);
  expect_loads(m);
}
TEST_F(InterpMachine, LoadsByTheRuntime) {
  run(kLoads, false);
  expect_loads(m);
}

const std::string kStores = R"(
  insn 0x1000 +4
  %1 = constant.i64 0x10010
  %2 = constant.i64 0x1122334455667788
  store %1 + 1, %2
  store %1 - 16, %2 [big_endian, order seq_cst]
  %3 = trunc.i16 %2
  store %1 + 4079, %3
  %5 = constant.v4i32 0xabcdef01
  %6 = constant_wide.v4i1 {01000100}
  store_masked %1 + 32, %5, %6
  %7 = load_masked.v4i32 %1 + 32, %6, %5
  %8 = bitcast.v2i64 %7
  write v0, %8
  zero_block %1, size 16
  end jump 0x2000 [insns 1]
)";
void expect_stores(Machine& m) {
  const auto byte = [&](u64 offset) { return m.ram()[offset]; };
  EXPECT_EQ(byte(0x10), 0);
  EXPECT_EQ(byte(0x18), 0);
  EXPECT_EQ(byte(0), 0x11);
  EXPECT_EQ(byte(7), 0x88);
  EXPECT_EQ(byte(0xfff), 0x88);
  EXPECT_EQ(byte(0x1000), 0x77);
  EXPECT_EQ(byte(0x30), 0x01);
  EXPECT_EQ(byte(0x34), 0x34);
  EXPECT_EQ(byte(0x38), 0x01);
}
TEST_F(InterpMachine, StoresByTheTlb) {
  run(kStores);
  expect_stores(m);
}
TEST_F(InterpMachine, StoresByTheRuntime) {
  run(kStores, false);
  expect_stores(m);
}

TEST_F(InterpMachine, AFaultIsPreciseAndCountsWhatRetired) {
  run(R"(
  insn 0x1000 +4
  %1 = constant.i64 0x7
  write r1, %1
  insn 0x1004 +4
  %4 = constant.i64 0x90000
  write r2, %4
  %6 = load.i64 %4
  write r3, %6
  end jump 0x2000 [insns 2]
)");
  ASSERT_EQ(m.events().size(), 1u);
  EXPECT_EQ(m.events()[0], (Event{Event::Kind::fault, 0x1004, 0x90000, 8}));
  EXPECT_EQ(m.state().r[1], 7u);
  EXPECT_EQ(m.state().r[2], 0x90000u);
  EXPECT_EQ(m.state().r[3], 0u);
  EXPECT_EQ(m.state().insn_count, 1u);
  EXPECT_EQ(m.state().leave, u32(Leave::dispatch));
}

TEST_F(InterpMachine, MisalignedNaturalAccessTakesTheSlowPath) {
  run(R"(
  insn 0x1000 +4
  %1 = constant.i64 0x10001
  %2 = load.i32 %1 [align natural]
  end jump 0x2000 [insns 1]
)");
  ASSERT_EQ(m.events().size(), 1u);
  EXPECT_EQ(m.events()[0].a, 0x10001u);
}

TEST_F(InterpMachine, Atomics) {
  run(R"(
  insn 0x1000 +4
  %1 = constant.i64 0x10000
  %2 = constant.i32 0xffffffff
  %3 = amo_smax.i32 %1, %2 [align natural]
  %4 = amo_umax.i32 %1 + 4, %2 [align natural]
  write w0, %4
  %6 = load_linked.i64 %1 + 8 [align natural]
  %7 = constant.i64 0x5
  %8 = store_conditional.i64 %1 + 8, %7 [align natural]
  %9 = store_conditional.i64 %1 + 8, %7 [align natural]
  write r0, %8
  write r1, %9
  %12 = constant.i8 0x10
  %13 = constant.i8 0x77
  %14 = cas.i8 %1 + 16, %12, %13
  write byte, %14
  %16 = constant.i128 0x1
  %17 = amo_add.i128 %1 + 32, %16 [align natural]
  write q0, %17
  fence [full]
  end jump 0x2000 [insns 1]
)");
  EXPECT_EQ(ram<u32>(0), 0x03020100u);
  EXPECT_EQ(ram<u32>(4), 0xffffffffu);
  EXPECT_EQ(m.state().word[0], 0x07060504u);
  EXPECT_EQ(ram<u64>(8), 5u);
  EXPECT_EQ(m.state().r[0], 0u);
  EXPECT_EQ(m.state().r[1], 1u);
  EXPECT_EQ(m.state().byte, 0x10);
  EXPECT_EQ(ram<u8>(16), 0x77);
  EXPECT_EQ(ram<u8>(32), 0x21);
  EXPECT_EQ(m.state().i128[0][0], 0x20);
  EXPECT_EQ(m.state().i128[0][15], 0x2f);
}

TEST_F(InterpMachine, HelpersAndTraps) {
  run(R"(
  insn 0x1000 +4
  %1 = constant.i64 0x2
  %2 = constant.i64 0x3
  %3 = constant.i64 0x5
  %4 = constant.i64 0x7
  %5 = helper.i64 mix4 %1, %2, %3, %4
  write r0, %5
  insn 0x1004 +4
  end trap 9 tval 0x1234 [insns 2]
)");
  EXPECT_EQ(m.state().r[0], 2u + 9 + 25 + 49);
  ASSERT_EQ(m.events().size(), 1u);
  EXPECT_EQ(m.events()[0], (Event{Event::Kind::trap, 0x1004, 9, 0x1234}));
}

TEST_F(InterpMachine, AHelperMayLeave) {
  run(R"(
  insn 0x1000 +4
  %1 = constant.i64 0x1000
  write pc, %1
  %3 = helper.i64 perhaps %1
  write r0, %3
  end jump 0x2000 [insns 1]
)");
  EXPECT_EQ(m.state().pc, 0x77000u);
  EXPECT_EQ(m.state().r[0], 0u);
  EXPECT_EQ(m.state().insn_count, 0u);
}

TEST_F(InterpMachine, PendingFlagsFillFourSlots) {
  run(R"(
  insn 0x1000 +4
  %1 = constant.i16 0xff01
  %2 = constant.i16 0x2
  pending_flags %1, %2, %1, kind 7, slot kind
  end jump 0x2000 [insns 1]
)");
  EXPECT_EQ(m.state().flags[0], 7u);
  EXPECT_EQ(m.state().flags[1], 0xff01u);
  EXPECT_EQ(m.state().flags[2], 2u);
  EXPECT_EQ(m.state().flags[3], 0xff01u);
}

}  // namespace
}  // namespace mimus::test
