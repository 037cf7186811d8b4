#include "hw/intc/riscv_clint.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

struct Bench : TestBench {
  Timebase timebase{clock, 10'000'000};
  RecordingSink harts[2];
  IrqSink* sinks[2] = {&harts[0], &harts[1]};
  RiscvClint clint{timebase, events, sinks};
  Bench() { clint.reset(ResetKind::cold); }
  u64 get(u64 offset, unsigned width = 8) { return clint.read(0, offset, width); }
  void set(u64 offset, u64 value, unsigned width = 8) { clint.write(0, offset, width, value); }
};

TEST(Clint, SoftwareInterruptsPerHart) {
  Bench b;
  b.set(4, 0xff, 4);
  EXPECT_FALSE(b.harts[0].level(3));
  EXPECT_TRUE(b.harts[1].level(3));
  EXPECT_EQ(b.get(4, 4), 1u);
  EXPECT_EQ(b.get(0, 8), u64{1} << 32);
  b.set(0, 1, 8);
  EXPECT_TRUE(b.harts[0].level(3));
  EXPECT_FALSE(b.harts[1].level(3));
  b.set(8, 1, 4);
  EXPECT_EQ(b.get(8, 4), 0u) << "no such hart";
}

TEST(Clint, TimerRisesAtItsDeadlineAndFallsWhenMoved) {
  Bench b;
  b.advance(1000);
  EXPECT_EQ(b.get(0xbff8), 10u);
  b.set(0x4008, 20);
  b.advance(999);
  EXPECT_FALSE(b.harts[1].level(7));
  b.advance(1);
  EXPECT_TRUE(b.harts[1].level(7));
  EXPECT_FALSE(b.harts[0].level(7));
  b.set(0x4008, 21);
  EXPECT_FALSE(b.harts[1].level(7));
  b.set(0x4008, 0);
  EXPECT_TRUE(b.harts[1].level(7)) << "a deadline in the past is due at once";
}

TEST(Clint, HalvesOfRegisters) {
  Bench b;
  b.set(0x4000, 0x1111'2222, 4);
  b.set(0x4004, 0x3333'4444, 4);
  EXPECT_EQ(b.get(0x4000), 0x3333'4444'1111'2222u);
  EXPECT_EQ(b.get(0x4004, 4), 0x3333'4444u);
  EXPECT_EQ(b.get(0x4002, 4), 0u) << "misaligned";
  EXPECT_EQ(b.get(0x4000, 1), 0u) << "too narrow";
}

TEST(Clint, MtimeCanBeWritten) {
  Bench b;
  b.advance(12345);
  b.set(0xbff8, 1'000'000);
  EXPECT_EQ(b.get(0xbff8), 1'000'000u);
  EXPECT_EQ(b.timebase.ticks(), 1'000'000u);
  b.set(0x4000, 1'000'010);
  b.advance(1000);
  EXPECT_TRUE(b.harts[0].level(7));
}

TEST(Clint, StateInMidOperation) {
  Bench a, b;
  a.advance(5000);
  a.set(0x4000, 100);
  a.set(4, 1, 4);
  b.advance(777);
  transplant(a.clint, b.clint);
  EXPECT_EQ(b.get(0xbff8), 50u);
  EXPECT_TRUE(b.harts[1].level(3));
  b.advance(4900);
  EXPECT_FALSE(b.harts[0].level(7));
  b.advance(101);
  EXPECT_TRUE(b.harts[0].level(7));
  EXPECT_EQ(load_with(a.clint, b.clint, "msip", 2), "saved state: clint.hart.msip: not a truth value");
}

}  // namespace
}  // namespace mimus
