// Split virtqueues: what a well-behaved driver gets, and that a misbehaving one gets no further than `broken`.
#include "hw/virtio/queue.h"

#include "tests/virtio/guest_driver.h"

namespace mimus::virtio {
namespace {

constexpr GuestPa kRing = kRam + 0x10000;
constexpr GuestPa kData = kRam + 0x40000;

struct QueueTest : ::testing::Test {
  QueueTest() { setup(8, 0); }
  void setup(u16 size, u64 features) {
    queue.reset();
    queue.layout() = {size, true, ring.desc(), ring.avail(), ring.used()};
    queue.set_features(features);
  }
  Queue::Result pop() { return queue.pop(chain); }
  void expect_broken(std::string_view why) {
    EXPECT_EQ(pop(), Queue::Result::broken);
    EXPECT_EQ(queue.fault(), why);
    EXPECT_EQ(pop(), Queue::Result::broken);
  }

  Board board;
  RingDriver ring{board, kRing, 8};
  Queue queue{board.memory, 256};
  Chain chain;
};

TEST_F(QueueTest, ChainsComeInOrderWithReadableThenWritable) {
  EXPECT_EQ(pop(), Queue::Result::empty);
  const u16 a = ring.add({{kData, 16}, {kData + 0x100, 32}, {kData + 0x200, 64, true}});
  const u16 b = ring.add({{kData + 0x300, 1, true}});
  ASSERT_EQ(pop(), Queue::Result::chain);
  EXPECT_EQ(chain.head, a);
  ASSERT_EQ(chain.readable.size(), 2u);
  EXPECT_EQ(total_bytes(chain.readable), 48u);
  EXPECT_EQ(total_bytes(chain.writable), 64u);
  EXPECT_EQ(chain.readable[1].pa, kData + 0x100);
  ASSERT_EQ(pop(), Queue::Result::chain);
  EXPECT_EQ(chain.head, b);
  EXPECT_EQ(pop(), Queue::Result::empty);
}

TEST_F(QueueTest, IndicesWrap) {
  for (int i = 0; i < 70000; ++i) {
    const u16 head = ring.add({{kData, 4, true}});
    ASSERT_EQ(pop(), Queue::Result::chain);
    queue.push(chain.head, 4);
    ASSERT_TRUE(queue.publish());
    const auto used = ring.next_used();
    ASSERT_TRUE(used);
    ASSERT_EQ(used->id, head);
  }
}

TEST_F(QueueTest, IndirectTable) {
  setup(8, kFeatureIndirectDesc);
  ring.add_indirect(kRam + 0x30000, {{kData, 16}, {kData + 64, 16}, {kData + 128, 16, true}});
  ASSERT_EQ(pop(), Queue::Result::chain);
  EXPECT_EQ(total_bytes(chain.readable), 32u);
  EXPECT_EQ(total_bytes(chain.writable), 16u);
}

TEST_F(QueueTest, PiecesCrossRanges) {
  const GuestPa border = kRam + kRamBytes;
  ring.add({{border - 8, 24}});
  ASSERT_EQ(pop(), Queue::Result::chain);
  ASSERT_EQ(chain.readable.size(), 2u);
  EXPECT_EQ(chain.readable[0].bytes.size(), 8u);
  EXPECT_EQ(chain.readable[1].bytes.size(), 16u);
  const u8 data[] = {1, 2, 3, 4};
  EXPECT_EQ(scatter(board.memory, chain.readable, 6, data), 4u);
  EXPECT_EQ(board.get<u32>(border - 2), 0x04030201u);
  u8 back[8] = {};
  EXPECT_EQ(gather(chain.readable, 6, back), 8u);
  EXPECT_EQ(back[3], 4);
  EXPECT_EQ(gather(chain.readable, 20, back), 4u);
}

TEST_F(QueueTest, UnpopGivesBack) {
  ring.add({{kData, 1}});
  ring.add({{kData, 2}});
  ASSERT_EQ(pop(), Queue::Result::chain);
  ASSERT_EQ(pop(), Queue::Result::chain);
  queue.unpop(2);
  ASSERT_EQ(pop(), Queue::Result::chain);
  EXPECT_EQ(total_bytes(chain.readable), 1u);
}

TEST_F(QueueTest, InterruptSuppression) {
  ring.add({{kData, 1}});
  pop();
  queue.push(chain.head, 0);
  board.put<u16>(ring.avail(), kAvailNoInterrupt);
  EXPECT_FALSE(queue.publish());
  EXPECT_FALSE(queue.publish());  // nothing new
  board.put<u16>(ring.avail(), 0);
  ring.add({{kData, 1}});
  pop();
  queue.push(chain.head, 0);
  EXPECT_TRUE(queue.publish());
}

TEST_F(QueueTest, EventIndex) {
  setup(8, kFeatureEventIdx);
  board.put<u16>(ring.used_event(), 2);  // interrupt once entry 2 is used
  bool interrupts[4];
  for (bool& interrupt : interrupts) {
    ring.add({{kData, 1}});
    ASSERT_EQ(pop(), Queue::Result::chain);
    queue.push(chain.head, 0);
    interrupt = queue.publish();
  }
  EXPECT_FALSE(interrupts[0] || interrupts[1] || interrupts[3]);
  EXPECT_TRUE(interrupts[2]);
  EXPECT_FALSE(queue.allow_notify());
  EXPECT_EQ(board.get<u16>(ring.avail_event()), 4);
  ring.add({{kData, 1}});
  EXPECT_TRUE(queue.allow_notify());
}

TEST_F(QueueTest, NotifySuppression) {
  queue.suppress_notify();
  EXPECT_EQ(board.get<u16>(ring.used()), kUsedNoNotify);
  EXPECT_FALSE(queue.allow_notify());
  EXPECT_EQ(board.get<u16>(ring.used()), 0);
}

TEST_F(QueueTest, LoopIsFound) {
  ring.set_desc(ring.desc(), 0, {kData, 4, kDescNext, 1});
  ring.set_desc(ring.desc(), 1, {kData, 4, kDescNext, 0});
  ring.offer(0);
  expect_broken("descriptor chain loops or is too long");
}

TEST_F(QueueTest, HeadOutOfRange) {
  ring.offer(8);
  expect_broken("descriptor index is out of range");
}

TEST_F(QueueTest, NextOutOfRange) {
  ring.set_desc(ring.desc(), 0, {kData, 4, kDescNext, 0xffff});
  ring.offer(0);
  expect_broken("descriptor index is out of range");
}

TEST_F(QueueTest, AvailableIndexRunsAway) {
  board.put<u16>(ring.avail() + 2, 9);
  expect_broken("available index is more than the queue size ahead");
}

TEST_F(QueueTest, BufferOutsideRam) {
  ring.add({{0x40000000, 4}});
  expect_broken("descriptor names memory that is not RAM");
}

TEST_F(QueueTest, BufferRunsOutOfRam) {
  ring.add({{kRam + 2 * kRamBytes - 4, 8}});
  expect_broken("descriptor names memory that is not RAM");
}

TEST_F(QueueTest, BufferWrapsAddressSpace) {
  ring.add({{~u64{0} - 4, 0xffffffff}});
  expect_broken("descriptor names memory that is not RAM");
}

TEST_F(QueueTest, RomIsReadableOnly) {
  ring.add({{0x1000, 4}});
  EXPECT_EQ(pop(), Queue::Result::chain);
  ring.add({{0x1000, 4, true}});
  expect_broken("descriptor names memory that is not RAM");
}

TEST_F(QueueTest, ReadableAfterWritable) {
  ring.add({{kData, 4, true}, {kData, 4}});
  expect_broken("readable descriptor after a writable one");
}

TEST_F(QueueTest, IndirectNotNegotiated) {
  ring.add_indirect(kRam + 0x30000, {{kData, 16}});
  expect_broken("indirect descriptor where none is allowed");
}

TEST_F(QueueTest, IndirectInIndirect) {
  setup(8, kFeatureIndirectDesc);
  ring.set_desc(kRam + 0x30000, 0, {kRam + 0x30000, 16, kDescIndirect, 0});
  ring.set_desc(ring.desc(), 0, {kRam + 0x30000, 16, kDescIndirect, 0});
  ring.offer(0);
  expect_broken("indirect descriptor where none is allowed");
}

TEST_F(QueueTest, IndirectTableOfBadLength) {
  setup(8, kFeatureIndirectDesc);
  ring.set_desc(ring.desc(), 0, {kRam + 0x30000, 17, kDescIndirect, 0});
  ring.offer(0);
  expect_broken("indirect table has a bad length");
}

TEST_F(QueueTest, RingsMustBeRamAndAligned) {
  queue.layout().driver = 0x10;
  expect_broken("ring is outside RAM");
  setup(8, 0);
  queue.layout().driver = ring.avail() + 1;
  expect_broken("ring is misaligned");
  setup(8, 0);
  queue.layout().desc = kRam + 2 * kRamBytes - 16;
  ring.add({{kData, 4}});
  expect_broken("ring is outside RAM");
  setup(8, 0);
  queue.layout().device = 0x1000;
  queue.push(0, 0);
  EXPECT_EQ(queue.fault(), "used ring is in ROM");
}

TEST_F(QueueTest, StateRoundTrip) {
  ring.add({{kData, 1}});
  ring.add({{kData, 2}});
  pop();
  queue.push(chain.head, 0);
  queue.publish();
  const auto saved = save_state([&](StateVisitor& v) { queue.visit_state(v); });
  Queue other(board.memory, 256);
  ASSERT_TRUE(load_state(saved, [&](StateVisitor& v) { other.visit_state(v); }));
  ASSERT_EQ(other.pop(chain), Queue::Result::chain);
  EXPECT_EQ(total_bytes(chain.readable), 2u);
  other.push(chain.head, 0);
  EXPECT_TRUE(other.publish());
  EXPECT_EQ(ring.used_idx(), 2);

  Queue small(board.memory, 4);
  EXPECT_FALSE(load_state(saved, [&](StateVisitor& v) { small.visit_state(v); }));
}

TEST_F(QueueTest, DmaMarksPages) {
  const MemoryRange* range = board.memory.find(kData);
  range->marks[(kData - kRam) >> kPageBits] = 0;
  ring.add({{kData, 4, true}});
  pop();
  const u8 data[] = {1};
  scatter(board.memory, chain.writable, 0, data);
  EXPECT_TRUE(range->marks[(kData - kRam) >> kPageBits] & kPageDirty);
}

}  // namespace
}  // namespace mimus::virtio
