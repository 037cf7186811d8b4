#include "hw/intc/riscv_aplic.h"

#include "hw/intc/riscv_imsic.h"
#include "tests/dev/fixture.h"

namespace mimus {
namespace {

constexpr unsigned kM = 0, kS = 1;
constexpr u32 kDelegate = 1 << 10, kOn = 1 << 8;
enum : u32 { kDetached = 1, kRising = 4, kFalling = 5, kHigh = 6, kLow = 7 };

struct Message {
  GuestPa address;
  u32 data;
  bool operator==(const Message&) const = default;
};

struct Bench {
  explicit Bench(bool with_messages) {
    if (with_messages)
      aplic.emplace(sinks, [this](GuestPa address, u32 data) { messages.push_back({address, data}); });
    else
      aplic.emplace(sinks, nullptr);
  }
  u32 get(unsigned level, u64 offset) { return u32(aplic->read(level, offset, 4)); }
  void set(unsigned level, u64 offset, u32 value) { aplic->write(level, offset, 4, value); }
  // A source of the S-level domain, enabled, for a hart.
  void source(unsigned number, u32 mode, u32 target) {
    set(kM, 4 * number, kDelegate);
    set(kS, 4 * number, mode);
    set(kS, 0x3000 + 4 * number, target);
    set(kS, 0x1edc, number);
  }
  bool pending(unsigned level, unsigned number) { return bit(get(level, 0x1c00 + 4 * (number / 32)), number % 32); }

  RecordingSink harts[2];
  IrqSink* sinks[2] = {&harts[0], &harts[1]};
  std::vector<Message> messages;
  std::optional<RiscvAplic> aplic;
};

TEST(Aplic, DirectDeliveryByPriority) {
  Bench b(false);
  b.set(kS, 0, kOn);
  b.set(kS, 0x4000 + 0x20, 1);  // idelivery of hart 1
  b.source(10, kHigh, 1 << 18 | 7);
  b.source(11, kHigh, 1 << 18 | 3);
  EXPECT_EQ(b.get(kS, 0), 0x80000100u);
  b.aplic->set_irq(10, true);
  EXPECT_TRUE(b.harts[1].level(9));
  EXPECT_FALSE(b.harts[0].level(9));
  b.aplic->set_irq(11, true);
  EXPECT_EQ(b.get(kS, 0x4000 + 0x38), 11u << 16 | 3);
  b.set(kS, 0x4000 + 0x28, 3);  // ithreshold: only priorities below 3
  EXPECT_FALSE(b.harts[1].level(9));
  b.set(kS, 0x4000 + 0x28, 0);
  EXPECT_EQ(b.get(kS, 0x4000 + 0x3c), 11u << 16 | 3);  // claimi; a level stays pending
  EXPECT_TRUE(b.harts[1].level(9));
  b.aplic->set_irq(11, false);
  b.aplic->set_irq(10, false);
  EXPECT_FALSE(b.harts[1].level(9));
}

TEST(Aplic, EdgesAndDetachedSources) {
  Bench b(false);
  b.set(kS, 0, kOn);
  b.set(kS, 0x4000, 1);
  b.source(1, kRising, 1);
  b.source(2, kFalling, 1);
  b.set(kS, 0x1ddc, 2);  // the input was low when it became a falling edge's
  b.source(3, kDetached, 1);
  b.aplic->set_irq(1, true);
  b.aplic->set_irq(1, false);
  EXPECT_TRUE(b.pending(kS, 1));
  EXPECT_EQ(b.get(kS, 0x401c) >> 16, 1u);
  EXPECT_FALSE(b.pending(kS, 1));
  b.aplic->set_irq(2, true);
  EXPECT_FALSE(b.pending(kS, 2));
  b.aplic->set_irq(2, false);
  EXPECT_TRUE(b.pending(kS, 2));
  b.set(kS, 0x1ddc, 2);  // clripnum
  EXPECT_FALSE(b.pending(kS, 2));
  b.aplic->set_irq(3, true);
  EXPECT_FALSE(b.pending(kS, 3));
  b.set(kS, 0x1cdc, 3);  // setipnum
  EXPECT_TRUE(b.harts[0].level(9));
  b.set(kS, 0x4004, 1);  // iforce
  EXPECT_EQ(b.get(kS, 0x401c) >> 16, 3u);
  EXPECT_TRUE(b.harts[0].level(9)) << "forced";
  EXPECT_EQ(b.get(kS, 0x401c), 0u);
  EXPECT_FALSE(b.harts[0].level(9));
}

TEST(Aplic, SourcesBelongToOneDomain) {
  Bench b(false);
  b.set(kS, 4 * 5, kHigh);
  EXPECT_EQ(b.get(kS, 4 * 5), 0u) << "not delegated";
  b.set(kM, 4 * 5, kHigh);
  b.set(kM, 0x3000 + 4 * 5, 9);
  EXPECT_EQ(b.get(kM, 0x3000 + 4 * 5), 9u);
  b.set(kM, 4 * 5, kDelegate | 3);
  EXPECT_EQ(b.get(kM, 4 * 5), kDelegate);
  EXPECT_EQ(b.get(kM, 0x3000 + 4 * 5), 0u);
  b.set(kS, 4 * 5, kHigh);
  EXPECT_EQ(b.get(kS, 4 * 5), kHigh);
  b.set(kS, 4 * 5, kDelegate);
  EXPECT_EQ(b.get(kS, 4 * 5), 0u) << "a leaf delegates nothing";
  b.set(kS, 4 * 5, 2);
  EXPECT_EQ(b.get(kS, 4 * 5), 0u) << "reserved";
  b.set(kS, 4 * 5, kHigh);
  b.set(kM, 4 * 5, kHigh);
  EXPECT_EQ(b.get(kS, 4 * 5), 0u) << "taken back";
}

TEST(Aplic, MessagesToTheHarts) {
  Bench b(true);
  EXPECT_EQ(b.get(kS, 0), 0x80000004u);
  b.set(kM, 0x1bc0, 0x24000);
  b.set(kM, 0x1bc4, 3 << 12);
  b.set(kM, 0x1bc8, 0x28000);
  b.set(kM, 0x1bcc, 1 << 20);  // two pages for each hart
  b.source(9, kHigh, 1 << 18 | 77);
  b.aplic->set_irq(9, true);
  EXPECT_TRUE(b.messages.empty()) << "the domain is off";
  b.set(kS, 0, kOn);
  EXPECT_EQ(b.messages, (std::vector<Message>{{0x28002000, 77}}));
  EXPECT_FALSE(b.pending(kS, 9));
  b.set(kS, 0x2000, 9);  // setipnum_le: still high, so once more
  EXPECT_EQ(b.messages.size(), 2u);
  b.aplic->set_irq(9, false);
  b.set(kS, 0x2000, 9);
  EXPECT_EQ(b.messages.size(), 2u);
  b.set(kS, 0x3000, 5);  // genmsi
  EXPECT_EQ(b.messages.back(), (Message{0x28000000, 5}));
  b.set(kS, 0x3000, 7 << 18 | 5);  // no such hart
  EXPECT_EQ(b.messages.size(), 3u);
  b.set(kM, 0x1bc4, u32{1} << 31 | 3 << 12);  // locked from here on
  b.set(kM, 0x1bc8, 0);
  EXPECT_EQ(b.get(kM, 0x1bc8), 0x28000u);
  EXPECT_EQ(b.get(kS, 0x1bc8), 0u);
}

TEST(Aplic, StateSurvivesATransplant) {
  Bench from(false), to(false);
  from.set(kS, 0, kOn);
  from.set(kS, 0x4000, 1);
  from.source(4, kRising, 2);
  from.aplic->set_irq(4, true);
  transplant(*from.aplic, *to.aplic);
  EXPECT_TRUE(to.harts[0].level(9));
  EXPECT_EQ(to.get(kS, 0x401c), 4u << 16 | 2);
  EXPECT_FALSE(to.harts[0].level(9));
}

TEST(Aplic, AnyAccessIsHarmless) {
  for (bool messages : {false, true}) {
    Bench b(messages);
    u64 random = 1;
    for (int i = 0; i < 200000; ++i) {
      random = random * 6364136223846793005 + 1442695040888963407;
      const u64 offset = (random >> 20) % RiscvAplic::kWindowBytes, width = u64{1} << (random >> 60 & 3);
      if (offset + width > RiscvAplic::kWindowBytes) continue;
      if (random >> 40 & 1)
        b.aplic->write(random >> 41 & 1, offset, unsigned(width), random >> 13);
      else
        b.aplic->read(random >> 41 & 1, offset, unsigned(width));
      b.aplic->set_irq(unsigned(random >> 50) % 100, random >> 42 & 1);
      b.messages.clear();
    }
    b.aplic->reset(ResetKind::warm);
    EXPECT_EQ(b.get(kS, 4), 0u);
  }
}

TEST(Imsic, StateSurvivesATransplant) {
  RecordingSink a, b;
  IrqSink *first[] = {&a}, *second[] = {&b};
  RiscvImsic from(first), to(second);
  from.port(0).write(0x70, 1);
  from.port(0).write(0xc2, 1);
  from.write(1, 4, 4, 0x40000000);  // seteipnum_be: number 64
  EXPECT_TRUE(a.level(9));
  transplant(from, to);
  EXPECT_TRUE(b.level(9));
  EXPECT_EQ(to.port(0).read(kRiscvTopInterrupt), 64u);
  to.write(1, 0x1000, 4, 1);  // no such hart
  to.write(1, 8, 4, 1);
  to.write(1, 0, 2, 1);
  to.port(0).write(kRiscvTopInterrupt, 64);
  EXPECT_FALSE(b.level(9));
}

}  // namespace
}  // namespace mimus
