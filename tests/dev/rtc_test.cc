#include "hw/timer/goldfish_rtc.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

constexpr u64 kSecond = 1'000'000'000;

struct Bench : TestBench {
  RecordingSink sink;
  GoldfishRtc rtc{clock, events, {&sink, 11}};
  u32 get(u64 offset) { return u32(rtc.read(0, offset, 4)); }
  void set(u64 offset, u32 value) { rtc.write(0, offset, 4, value); }
  u64 time() {
    u64 low = get(0);
    return low | u64{get(4)} << 32;
  }
  void alarm(u64 when) {
    set(0x0c, u32(when >> 32));
    set(0x08, u32(when));
  }
};

TEST(GoldfishRtc, HighHalfIsLatchedWithTheLow) {
  Bench b;
  b.clock.wall_base = 0xffff'ffff;
  EXPECT_EQ(b.get(0), 0xffff'ffffu);
  b.clock.ns = 1;
  EXPECT_EQ(b.get(4), 0u);
  EXPECT_EQ(b.time(), 0x1'0000'0000u);
}

TEST(GoldfishRtc, CanBeSet) {
  Bench b;
  b.set(4, 0x1234);
  b.set(0, 0x5678);
  b.advance(10);
  EXPECT_EQ(b.time(), 0x1234'0000'5682u);
}

TEST(GoldfishRtc, AlarmInterruptsOnce) {
  Bench b;
  b.set(0x10, 1);
  b.alarm(b.time() + 100 * kSecond);
  EXPECT_EQ(b.get(0x18), 1u);
  for (unsigned i = 0; i < 99; i++) b.advance(kSecond);
  EXPECT_FALSE(b.sink.level(11));
  b.advance(kSecond);
  EXPECT_TRUE(b.sink.level(11));
  EXPECT_EQ(b.get(0x18), 0u);
  b.set(0x1c, 1);
  EXPECT_FALSE(b.sink.level(11));
  b.alarm(b.time());
  EXPECT_TRUE(b.sink.level(11)) << "in the past: at once";
}

TEST(GoldfishRtc, ClearedAlarmAndMaskedInterrupt) {
  Bench b;
  b.alarm(b.time() + kSecond);
  b.set(0x14, 1);
  b.advance(2 * kSecond);
  b.set(0x10, 1);
  EXPECT_FALSE(b.sink.level(11));
  b.set(0x10, 0);
  b.alarm(b.time() + kSecond);
  b.advance(2 * kSecond);
  EXPECT_FALSE(b.sink.level(11));
  b.set(0x10, 1);
  EXPECT_TRUE(b.sink.level(11)) << "it was only masked";
}

TEST(GoldfishRtc, StateInMidOperation) {
  Bench a, b;
  a.set(0x10, 1);
  a.set(4, 5);
  a.set(0, 0);
  a.alarm((u64{5} << 32) + kSecond);
  a.set(4, 99);  // half a setting of the clock
  transplant(a.rtc, b.rtc);
  EXPECT_EQ(b.time(), u64{5} << 32);
  b.advance(kSecond);
  EXPECT_TRUE(b.sink.level(11));
  b.set(0, 1);
  EXPECT_EQ(b.time(), (u64{99} << 32) + 1);
  EXPECT_EQ(load_with(a.rtc, b.rtc, "armed", 7), "saved state: rtc.armed: not a truth value");
}

}  // namespace
}  // namespace mimus
