#include "hw/timer/pl031.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

constexpr u64 kSecond = 1'000'000'000;
enum : u64 {
  kData = 0,
  kMatch = 4,
  kLoad = 8,
  kControl = 0xc,
  kMask = 0x10,
  kRaw = 0x14,
  kMasked = 0x18,
  kClear = 0x1c
};

struct Bench : TestBench {
  RecordingSink sink;
  Pl031 rtc{clock, events, {&sink, 2}};
  u32 get(u64 offset) { return u32(rtc.read(0, offset, 4)); }
  void set(u64 offset, u32 value) { rtc.write(0, offset, 4, value); }
};

TEST(Pl031, ShowsTheWallClockInSeconds) {
  Bench b;
  EXPECT_EQ(b.get(kData), 1'700'000'000u);
  EXPECT_EQ(b.get(kControl), 1u);
  b.advance(3 * kSecond / 2);
  EXPECT_EQ(b.get(kData), 1'700'000'001u);
  EXPECT_EQ(b.get(0xfe0), 0x31u);
  EXPECT_EQ(b.get(0xffc), 0xb1u);
}

TEST(Pl031, CanBeSet) {
  Bench b;
  b.set(kLoad, 1000);
  b.advance(5 * kSecond);
  EXPECT_EQ(b.get(kData), 1005u);
  EXPECT_EQ(b.get(kLoad), 1000u);
}

TEST(Pl031, MatchInterruptsOnce) {
  Bench b;
  b.set(kMask, 1);
  b.set(kMatch, b.get(kData) + 100);
  for (unsigned i = 0; i < 99; i++) b.advance(kSecond);
  EXPECT_FALSE(b.sink.level(2));
  b.advance(kSecond);
  EXPECT_TRUE(b.sink.level(2));
  EXPECT_EQ(b.get(kMasked), 1u);
  b.set(kMask, 0);
  EXPECT_FALSE(b.sink.level(2));
  EXPECT_EQ(b.get(kRaw), 1u);
  b.set(kMask, 1);
  b.set(kClear, 1);
  b.advance(kSecond);
  EXPECT_FALSE(b.sink.level(2));
}

TEST(Pl031, SettingTheTimeMovesTheMatch) {
  Bench b;
  b.set(kMask, 1);
  b.set(kMatch, 5000);
  b.advance(kSecond);
  b.set(kLoad, 4998);
  b.advance(2 * kSecond);
  EXPECT_TRUE(b.sink.level(2));
}

TEST(Pl031, AMatchInThePastDoesNothing) {
  Bench b;
  b.set(kMask, 1);
  b.set(kMatch, b.get(kData) - 1);
  b.advance(100 * kSecond);
  EXPECT_FALSE(b.sink.level(2));
}

TEST(Pl031, StateInMidOperation) {
  Bench a, b;
  a.set(kMask, 1);
  a.set(kLoad, 77);
  a.set(kMatch, 80);
  a.advance(kSecond);
  transplant(a.rtc, b.rtc);
  b.clock.ns = a.clock.ns;
  EXPECT_EQ(b.get(kData), 78u);
  b.advance(2 * kSecond);
  EXPECT_TRUE(b.sink.level(2));
  EXPECT_EQ(load_with(a.rtc, b.rtc, "armed", 7), "saved state: rtc.armed: not a truth value");
}

}  // namespace
}  // namespace mimus
