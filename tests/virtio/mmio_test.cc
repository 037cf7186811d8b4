// The MMIO transport and the device status machine, with the entropy device as the simplest passenger.
#include "hw/virtio/mmio.h"

#include "hw/virtio/entropy.h"
#include "tests/virtio/guest_driver.h"

namespace mimus::virtio {
namespace {

struct Counter : EntropyEndpoint {
  void fill(std::span<u8> out) override {
    for (u8& byte : out) byte = ++last;
  }
  u8 last = 0;
};

struct MmioTest : ::testing::Test {
  Board board;
  Counter source;
  Mmio mmio{"virtio0", {&board.irq, 1}, std::make_unique<Entropy>("rng", source, board.wiring())};
  MmioDriver driver{mmio};
  RingDriver ring{board, kRam + 0x10000, 16};

  void start(u64 features = kFeatureVersion1) {
    driver.negotiate(features);
    driver.set_queue(0, ring);
    driver.start();
  }
};

TEST_F(MmioTest, Identification) {
  EXPECT_EQ(driver.get(0), 0x74726976u);
  EXPECT_EQ(driver.get(4), 2u);
  EXPECT_EQ(driver.get(8), 4u);
  EXPECT_EQ(driver.offered(), kFeatureVersion1 | kFeatureIndirectDesc | kFeatureEventIdx);
  EXPECT_EQ(driver.get(0x34), 64u);
  driver.set(0x30, 1);
  EXPECT_EQ(driver.get(0x34), 0u);
  EXPECT_EQ(driver.get(0xb0), ~0u);
  EXPECT_EQ(mmio.read(0, 0, 1), 0u);  // registers are 32 bits wide
  EXPECT_EQ(mmio.read(0, 0x100, 8), 0u);
}

TEST_F(MmioTest, EmptySlot) {
  Mmio empty("slot", {});
  EXPECT_EQ(empty.read(0, 0, 4), 0x74726976u);
  EXPECT_EQ(empty.read(0, 8, 4), 0u);
  empty.write(0, 0x50, 4, 0);
  empty.reset(ResetKind::cold);
}

TEST_F(MmioTest, RegistersAreSorted) {  // lower_bound relies on it
  driver.set(0x30, 0);
  driver.set(0x44, 1);
  EXPECT_EQ(driver.get(0x44), 1u);
  EXPECT_EQ(driver.get(0xfc), 0u);
}

TEST_F(MmioTest, LegacyAndUnofferedFeaturesAreRefused) {
  driver.negotiate(0);
  EXPECT_FALSE(driver.status() & kStatusFeaturesOk);
  driver.start();
  EXPECT_FALSE(driver.status() & kStatusDriverOk);
  driver.negotiate(kFeatureVersion1 | 1);
  EXPECT_FALSE(driver.status() & kStatusFeaturesOk);
  driver.negotiate(kFeatureVersion1);
  EXPECT_TRUE(driver.status() & kStatusFeaturesOk);
}

TEST_F(MmioTest, FillsBuffersAndInterrupts) {
  start();
  ring.add({{kRam, 8, true}});
  driver.notify(0);
  EXPECT_TRUE(board.irq.level);
  const auto used = ring.next_used();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->length, 8u);
  EXPECT_EQ(board.get<u64>(kRam), 0x0807060504030201u);
  EXPECT_EQ(driver.acknowledge(), 1u);
  EXPECT_FALSE(board.irq.level);
}

TEST_F(MmioTest, NotifyBeforeDriverOkDoesNothing) {
  driver.negotiate(kFeatureVersion1);
  driver.set_queue(0, ring);
  ring.add({{kRam, 8, true}});
  driver.notify(0);
  EXPECT_FALSE(ring.next_used());
}

TEST_F(MmioTest, BrokenRingNeedsReset) {
  start();
  ring.offer(99);
  driver.notify(0);
  EXPECT_TRUE(driver.status() & kStatusNeedsReset);
  EXPECT_EQ(driver.acknowledge(), 2u);
  ASSERT_EQ(board.errors.lines.size(), 1u);
  EXPECT_EQ(board.errors.lines[0], "rng: descriptor index is out of range");
  driver.notify(0);
  EXPECT_EQ(board.errors.lines.size(), 1u);
  driver.set(0x70, 0);
  EXPECT_EQ(driver.status(), 0u);
  RingDriver fresh{board, kRam + 0x20000, 16};
  driver.negotiate(kFeatureVersion1);
  driver.set_queue(0, fresh);
  driver.start();
  fresh.add({{kRam, 8, true}});
  driver.notify(0);
  EXPECT_TRUE(fresh.next_used());
}

TEST_F(MmioTest, BadRegisterValues) {
  driver.negotiate(kFeatureVersion1);
  driver.set(0x30, 0);
  driver.set(0x38, 3);
  driver.set(0x38, 128);
  driver.set(0x50, 7);
  driver.set(0x30, 9);
  driver.set(0x38, 8);
  driver.set(0x44, 1);
  EXPECT_EQ(driver.get(0x44), 0u);
  EXPECT_EQ(board.errors.lines.size(), 3u);
}

TEST_F(MmioTest, StateRoundTripWithPendingInterrupt) {
  start(kFeatureVersion1 | kFeatureEventIdx);
  ring.add({{kRam, 8, true}});
  driver.notify(0);
  ring.add({{kRam + 8, 8, true}});
  const auto saved = save_state([&](StateVisitor& v) { mmio.visit_state(v); });

  Board board2;
  copy_ram(board, board2);
  Counter source2;
  Mmio mmio2("virtio0", {&board2.irq, 1}, std::make_unique<Entropy>("rng", source2, board2.wiring()));
  ASSERT_TRUE(load_state(saved, [&](StateVisitor& v) { mmio2.visit_state(v); }));
  mmio2.after_load();
  EXPECT_TRUE(board2.irq.level);
  MmioDriver driver2(mmio2);
  EXPECT_EQ(driver2.acknowledge(), 1u);
  driver2.notify(0);
  EXPECT_EQ(board2.get<u16>(ring.used() + 2), 2);
  EXPECT_EQ(board2.get<u64>(kRam + 8), 0x0807060504030201u);
  EXPECT_EQ(describe_state([&](StateVisitor& v) { mmio.visit_state(v); }).empty(), false);

  Mmio empty("slot", {});
  EXPECT_FALSE(load_state(saved, [&](StateVisitor& v) { empty.visit_state(v); }));
}

}  // namespace
}  // namespace mimus::virtio
