#include "hw/misc/pl061.h"

#include "hw/input/power_button.h"
#include "tests/dev/fixture.h"

namespace mimus {
namespace {

enum : u64 {
  kDir = 0x400,
  kIs = 0x404,
  kIbe = 0x408,
  kIev = 0x40c,
  kIe = 0x410,
  kRis = 0x414,
  kMis = 0x418,
  kIc = 0x41c
};

struct Bench {
  RecordingSink irq, outputs;
  Pl061 gpio{{&irq, 7}, &outputs};
  Bench() { gpio.reset(ResetKind::cold); }
  u32 get(u64 offset) { return u32(gpio.read(0, offset, 4)); }
  void set(u64 offset, u32 value) { gpio.write(0, offset, 4, value); }
};

TEST(Pl061, DataIsMaskedByTheAddress) {
  Bench b;
  b.set(kDir, 0xf0);
  b.set(0x3fc, 0xff);
  EXPECT_EQ(b.get(0x3fc), 0xf0u) << "inputs cannot be written";
  b.set(0x40 << 2, 0);
  EXPECT_EQ(b.get(0x3fc), 0xb0u);
  b.gpio.set_irq(3, true);
  EXPECT_EQ(b.get(0x3fc), 0xb8u);
  EXPECT_EQ(b.get(0x18 << 2), 0x18u);
  EXPECT_EQ(b.outputs.levels, 0xb0u);
  EXPECT_EQ(b.get(0xfe0), 0x61u);
}

TEST(Pl061, PowerButton) {  // as gpio-keys sets it up: both edges
  Bench b;
  b.set(kIbe, 8);
  b.set(kIe, 8);
  b.gpio.set_irq(3, true);
  EXPECT_TRUE(b.irq.level(7));
  EXPECT_EQ(b.get(kMis), 8u);
  b.set(kIc, 8);
  EXPECT_FALSE(b.irq.level(7));
  b.gpio.set_irq(3, false);
  EXPECT_TRUE(b.irq.level(7));
}

TEST(Pl061, SingleEdgesAndLevels) {
  Bench b;
  b.set(kIev, 0x01);
  b.set(kIe, 0xff);
  b.gpio.set_irq(0, true);
  b.gpio.set_irq(1, true);
  EXPECT_EQ(b.get(kRis), 1u) << "pin 1 looks for falling edges";
  b.gpio.set_irq(1, false);
  EXPECT_EQ(b.get(kRis), 3u);
  b.set(kIs, 3);
  EXPECT_EQ(b.get(kRis), 3u) << "pin 0 is high, pin 1 low";
  b.set(kIc, 3);
  EXPECT_EQ(b.get(kRis), 3u) << "levels cannot be cleared";
  b.gpio.set_irq(0, false);
  b.gpio.set_irq(1, true);
  EXPECT_FALSE(b.irq.level(7));
}

TEST(PowerButton, IsHeldForAWhile) {
  TestBench a, b;
  RecordingSink wire, other;
  PowerButton button(a.clock, a.events, {&wire, 3}), copy(b.clock, b.events, {&other, 3});
  button.press();
  EXPECT_TRUE(wire.level(3));
  transplant(button, copy);
  EXPECT_TRUE(other.level(3));
  a.advance(PowerButton::kHoldNs);
  EXPECT_FALSE(wire.level(3));
  b.advance(PowerButton::kHoldNs);
  EXPECT_FALSE(other.level(3));
  button.press();
  button.reset(ResetKind::warm);
  EXPECT_FALSE(wire.level(3));
}

TEST(Pl061, WhatDoesNotExist) {
  Bench b;
  b.gpio.set_irq(8, true);
  EXPECT_EQ(b.get(0x424), 0u);
  b.set(0xfe0, 1);
  EXPECT_EQ(b.gpio.read(0, 0x401, 1), 0u);
}

TEST(Pl061, StateInMidOperation) {
  Bench a, b;
  a.set(kIbe, 8);
  a.set(kIe, 8);
  a.gpio.set_irq(3, true);
  transplant(a.gpio, b.gpio);
  EXPECT_TRUE(b.irq.level(7));
  b.set(kIc, 8);
  EXPECT_FALSE(b.irq.level(7));
  EXPECT_EQ(b.get(0x3fc), 8u);
}

}  // namespace
}  // namespace mimus
