// The hardware performance counters: what they count, when they stand still, what happens when they overflow.
#include "frontends/riscv/counters.h"

#include <gtest/gtest.h>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/trap.h"
#include "tests/isa/rig.h"

namespace mimus::test {
namespace {

using namespace riscv;

constexpr u32 kMhpmevent3 = 0x323, kMhpmcounter3 = 0xB03, kMcountinhibit = 0x320, kMie = 0x304, kMideleg = 0x303;
constexpr u64 kCycles = 1, kInstructions = 2, kReadMisses = 0x10019;

struct Counters : testing::Test {
  void set(u32 csr, u64 value) { ASSERT_TRUE(poke_csr(rig.state(), csr, value)); }
  u64 counter() { return peek_csr(rig.state(), kMhpmcounter3); }
  Rig rig;
};

TEST_F(Counters, InstructionsExactlyWhenTheyAreCounted) {
  rig.state().insn_count = 500;
  set(kMhpmevent3, kInstructions);
  EXPECT_EQ(counter(), 0u);
  rig.state().insn_count += 42;
  EXPECT_EQ(counter(), 42u);
  set(kMhpmcounter3, 7);
  rig.state().insn_count += 3;
  EXPECT_EQ(counter(), 10u);
}

TEST_F(Counters, CyclesFollowTheTimerOtherwise) {
  set(kMhpmevent3, kCycles);
  const u64 before = counter();
  rig.now += 5;
  EXPECT_EQ(counter() - before, 500u);
}

TEST_F(Counters, StandStillWhileInhibited) {
  rig.state().insn_count = 500;
  set(kMhpmevent3, kInstructions);
  rig.state().insn_count += 10;
  set(kMcountinhibit, 8);
  rig.state().insn_count += 100;
  EXPECT_EQ(counter(), 10u);
  set(kMcountinhibit, 0);
  rig.state().insn_count += 1;
  EXPECT_EQ(counter(), 11u);
  set(kMhpmevent3, 0);
  rig.state().insn_count += 1;
  EXPECT_EQ(counter(), 11u);
}

TEST_F(Counters, ModesCanBeLeftOut) {
  rig.state().insn_count = 500;
  set(kMhpmevent3, kInstructions | kEventMinh);
  rig.state().insn_count += 10;
  EXPECT_EQ(counter(), 0u);
  rig.state().mstatus &= ~kStatusMpp;  // to U-mode
  return_from_machine(rig.state());
  rig.state().insn_count += 20;
  EXPECT_EQ(counter(), 20u);
  raise_exception(rig.state(), kCauseUserCall, 0);
  rig.state().insn_count += 40;
  EXPECT_EQ(counter(), 20u);
}

TEST_F(Counters, WalksOfPageTables) {
  constexpr GuestPa kRoot = kRamBase + 0x10000;
  set(kMhpmevent3, kReadMisses);
  rig.state().satp = u64{8} << 60 | kRoot >> 12;
  for (Access access : {Access::read, Access::write, Access::execute, Access::read})
    rig.frontend().walk(rig.state(), rig.memory(), 0x1000, access, kRegimeSupervisor);
  EXPECT_EQ(counter(), 2u);
}

TEST_F(Counters, OverflowSetsTheBitAndInterruptsOnce) {
  rig.state().insn_count = 500;
  set(kMie, kIrqLcofi);
  set(kMhpmevent3, kInstructions);
  set(kMhpmcounter3, u64(0) - 1000);
  EXPECT_NE(rig.counter_deadline, ~u64{0});
  rig.state().insn_count += 999;
  rig.frontend().timer_fired(rig.state(), kCounterTimer);
  EXPECT_EQ(rig.csr("mip"), 0u);
  rig.state().insn_count += 5;
  rig.frontend().timer_fired(rig.state(), kCounterTimer);
  EXPECT_EQ(rig.csr("mip"), kIrqLcofi);
  EXPECT_EQ(rig.csr("mhpmevent3"), kInstructions | kEventOf);
  EXPECT_EQ(rig.csr("scountovf"), 8u);
  EXPECT_EQ(counter(), 4u);
  EXPECT_EQ(first_interrupt(rig.csr("mip")), 13);
  set(0x344, 0);  // handled; with OF still set nothing more comes
  set(kMhpmcounter3, ~u64{0});
  rig.state().insn_count += 10;
  rig.frontend().timer_fired(rig.state(), kCounterTimer);
  EXPECT_EQ(rig.csr("mip"), 0u);
}

TEST_F(Counters, OverflowOfTheTimerIsForetold) {
  set(kMhpmevent3, kCycles);
  set(kMhpmcounter3, u64(0) - 5000);
  EXPECT_EQ(rig.counter_deadline, rig.now + 51);
  rig.now += 51;
  rig.frontend().timer_fired(rig.state(), kCounterTimer);
  EXPECT_EQ(rig.csr("mip"), kIrqLcofi);
  EXPECT_EQ(rig.counter_deadline, ~u64{0});
}

TEST_F(Counters, WalksOverflowAtOnce) {
  set(kMhpmevent3, kReadMisses);
  set(kMhpmcounter3, ~u64{0});
  rig.state().satp = u64{8} << 60 | (kRamBase + 0x10000) >> 12;
  rig.frontend().walk(rig.state(), rig.memory(), 0x1000, Access::read, kRegimeSupervisor);
  EXPECT_EQ(counter(), 0u);
  EXPECT_EQ(rig.csr("mip"), kIrqLcofi);
}

TEST_F(Counters, StateSurvivesATransplantWhileCounting) {
  rig.state().insn_count = 500;
  set(kMideleg, kIrqLcofi);
  set(kMhpmevent3, kInstructions | kEventUinh);
  rig.state().insn_count += 10;
  const auto data = save_state([&](StateVisitor& v) { rig.frontend().visit_state(rig.state(), v); });
  Rig other;
  const auto result = load_state(data, [&](StateVisitor& v) { other.frontend().visit_state(other.state(), v); });
  ASSERT_TRUE(result) << result.error().message;
  other.state().insn_count += 5;
  EXPECT_EQ(peek_csr(other.state(), kMhpmcounter3), 15u);
}

}  // namespace
}  // namespace mimus::test
