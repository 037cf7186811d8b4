#include "hw/intc/riscv_plic.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

constexpr unsigned kM = 0, kS = 1;

struct Bench {
  RecordingSink harts[2];
  IrqSink* sinks[2] = {&harts[0], &harts[1]};
  RiscvPlic plic{sinks};
  Bench() { plic.reset(ResetKind::cold); }
  u32 get(u64 offset) { return u32(plic.read(0, offset, 4)); }
  void set(u64 offset, u32 value) { plic.write(0, offset, 4, value); }
  void enable(unsigned context, u32 word0, u32 word1 = 0) {
    set(0x2000 + 0x80 * context, word0);
    set(0x2004 + 0x80 * context, word1);
  }
  void priority(unsigned source, u32 value) { set(4 * source, value); }
  void threshold(unsigned context, u32 value) { set(0x200000 + 0x1000 * context, value); }
  u32 claim(unsigned context) { return get(0x200004 + 0x1000 * context); }
  void complete(unsigned context, u32 source) { set(0x200004 + 0x1000 * context, source); }
  bool mei(unsigned hart = 0) { return harts[hart].level(11); }
  bool sei(unsigned hart = 0) { return harts[hart].level(9); }
};

TEST(Plic, ReachesTheContextsThatEnableIt) {
  Bench b;
  b.priority(10, 1);
  b.enable(kS, 1 << 10);
  b.enable(2 + kM, 1 << 10);
  b.plic.set_irq(10, true);
  EXPECT_FALSE(b.mei());
  EXPECT_TRUE(b.sei());
  EXPECT_TRUE(b.mei(1));
  EXPECT_FALSE(b.sei(1));
  EXPECT_EQ(b.get(0x1000), 1u << 10);
  EXPECT_EQ(b.claim(kS), 10u);
  EXPECT_FALSE(b.mei(1)) << "one context claimed it for all";
  EXPECT_EQ(b.claim(2 + kM), 0u);
}

TEST(Plic, PriorityThenNumberThenThreshold) {
  Bench b;
  b.enable(kS, 1 << 5 | 1 << 6 | 1 << 7);
  b.priority(5, 1);
  b.priority(6, 3);
  b.priority(7, 3);
  for (unsigned source : {7, 5, 6}) b.plic.set_irq(source, true);
  b.threshold(kS, 3);
  EXPECT_FALSE(b.sei());
  b.threshold(kS, 2);
  EXPECT_TRUE(b.sei());
  EXPECT_EQ(b.claim(kS), 6u);
  EXPECT_EQ(b.claim(kS), 7u);
  EXPECT_FALSE(b.sei());
  EXPECT_EQ(b.claim(kS), 5u) << "claiming ignores the threshold";
  EXPECT_EQ(b.claim(kS), 0u);
}

TEST(Plic, PriorityZeroNeverInterrupts) {
  Bench b;
  b.enable(kS, 1 << 5);
  b.plic.set_irq(5, true);
  EXPECT_FALSE(b.sei());
  EXPECT_EQ(b.claim(kS), 0u);
  b.priority(5, 15);
  EXPECT_EQ(b.get(4 * 5), 7u) << "three bits";
  EXPECT_TRUE(b.sei());
}

TEST(Plic, LevelGateway) {
  Bench b;
  b.enable(kS, 0, 1 << 8);
  b.priority(40, 1);
  b.plic.set_irq(40, true);
  b.plic.set_irq(40, false);
  EXPECT_TRUE(b.sei()) << "a request stays although the line fell";
  EXPECT_EQ(b.claim(kS), 40u);
  b.complete(kS, 40);
  EXPECT_FALSE(b.sei());
  b.plic.set_irq(40, true);
  EXPECT_EQ(b.claim(kS), 40u);
  EXPECT_FALSE(b.sei()) << "closed until completion";
  b.complete(kS, 41);
  b.complete(2 + kS, 40);
  EXPECT_FALSE(b.sei()) << "ignored where not enabled";
  b.complete(kS, 40);
  EXPECT_TRUE(b.sei()) << "the line is still high";
}

TEST(Plic, WhatDoesNotExistReadsZero) {
  Bench b;
  b.enable(kS, ~0u);
  EXPECT_EQ(b.get(0x2080), ~1u);
  b.set(0, 7);
  EXPECT_EQ(b.get(0), 0u);
  b.set(4 * 96, 7);
  EXPECT_EQ(b.get(4 * 96), 0u);
  b.set(0x200000 + 0x1000 * 4, 1);
  EXPECT_EQ(b.get(0x200000 + 0x1000 * 4), 0u);
  EXPECT_EQ(b.get(0x5fffffc), 0u);
  EXPECT_EQ(b.plic.read(0, 0x2080, 1), 0u);
  b.plic.set_irq(96, true);
  b.plic.set_irq(0, true);
}

TEST(Plic, StateInMidOperation) {
  Bench a, b;
  a.enable(kS, 1 << 3 | 1 << 4);
  a.priority(3, 2);
  a.priority(4, 1);
  a.plic.set_irq(3, true);
  a.plic.set_irq(4, true);
  EXPECT_EQ(a.claim(kS), 3u);
  transplant(a.plic, b.plic);
  EXPECT_TRUE(b.sei());
  EXPECT_EQ(b.claim(kS), 4u);
  EXPECT_FALSE(b.sei());
  b.complete(kS, 3);
  EXPECT_EQ(b.claim(kS), 3u) << "its line was high";
  EXPECT_EQ(load_with(a.plic, b.plic, "threshold", 8), "saved state: plic.context.threshold: index out of range");
  EXPECT_EQ(load_with(a.plic, b.plic, "pending", 1), "saved state: plic.pending: source 0 does not exist");
}

}  // namespace
}  // namespace mimus
