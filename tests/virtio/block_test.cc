// virtio-blk against a disk in memory whose completions the test releases one by one.
#include "hw/virtio/block.h"

#include "tests/virtio/guest_driver.h"
#include "tests/virtio/memory_disk.h"

namespace mimus::virtio {
namespace {

constexpr GuestPa kHeader = kRam + 0x30000;
constexpr GuestPa kData = kRam + 0x40000;
constexpr GuestPa kStatusByte = kRam + 0x50000;
constexpr u64 kFlush = 1 << 9, kWce = 1 << 11;

struct Segment {
  u64 sector;
  u32 count;
  u32 flags;
};

struct BlockTest : ::testing::Test {
  Board board;
  MemoryDisk disk{64 * 512};
  std::unique_ptr<Mmio> mmio;
  std::unique_ptr<MmioDriver> driver;
  RingDriver ring{board, kRam + 0x10000, 16};

  void start(u64 features = kFlush) {
    mmio = std::make_unique<Mmio>("virtio1", IrqLine{&board.irq, 1},
                                  std::make_unique<Block>("disk0", disk, board.wiring()));
    driver = std::make_unique<MmioDriver>(*mmio);
    driver->negotiate(kFeatureVersion1 | kFeatureIndirectDesc | features);
    driver->set_queue(0, ring);
    driver->start();
    ASSERT_TRUE(driver->status() & kStatusDriverOk);
  }
  Block& block() { return static_cast<Block&>(*mmio->device()); }
  void header(u32 type, u64 sector, GuestPa at = kHeader) {
    board.put<u32>(at, type);
    board.put<u32>(at + 4, 0);
    board.put<u64>(at + 8, sector);
  }
  // Runs one request to its end; returns its status byte.
  u8 run(u32 type, u64 sector, std::vector<Buffer> data) {
    header(type, sector);
    board.put<u8>(kStatusByte, 0xaa);
    data.insert(data.begin(), {kHeader, 16});
    data.push_back({kStatusByte, 1, true});
    ring.add(data);
    driver->notify(0);
    disk.complete_all();
    used = ring.next_used();
    EXPECT_TRUE(used);
    return board.get<u8>(kStatusByte);
  }
  std::optional<Used> used;
};

TEST_F(BlockTest, Config) {
  start();
  EXPECT_EQ(mmio->read(0, 0x100, 4), 64u);
  EXPECT_EQ(mmio->read(0, 0x100 + 12, 4), 254u);
  EXPECT_EQ(mmio->read(0, 0x100 + 20, 4), 512u);
  EXPECT_EQ(mmio->read(0, 0x100 + 32, 1), 1u);
  EXPECT_EQ(mmio->read(0, 0x100 + 61, 4), 0u);
  EXPECT_EQ(driver->offered() & (1 << 5), 0u);
}

TEST_F(BlockTest, ReadAndWriteScattered) {
  start();
  EXPECT_EQ(run(0, 2, {{kData, 100, true}, {kData + 0x1000, 412, true}, {kData + 0x2000, 512, true}}), 0);
  EXPECT_EQ(used->length, 1025u);
  EXPECT_EQ(board.get<u8>(kData + 99), disk.data[1024 + 99]);
  EXPECT_EQ(board.get<u8>(kData + 0x1000), disk.data[1024 + 100]);
  EXPECT_EQ(board.get<u8>(kData + 0x2000 + 511), disk.data[1024 + 1023]);
  board.fill(kData, 512, 0x5a);
  EXPECT_EQ(run(1, 63, {{kData, 512}}), 0);
  EXPECT_EQ(disk.data[63 * 512 + 511], 0x5a);
  EXPECT_EQ(used->length, 1u);
}

TEST_F(BlockTest, HeaderSplitAndStatusSharedWithData) {
  start();
  header(0, 1);
  ring.add({{kHeader, 5}, {kHeader + 5, 11}, {kData, 513, true}});
  driver->notify(0);
  disk.complete_all();
  EXPECT_EQ(ring.next_used()->length, 513u);
  EXPECT_EQ(board.get<u8>(kData + 511), disk.data[1023]);
  EXPECT_EQ(board.get<u8>(kData + 512), 0);
}

TEST_F(BlockTest, OutOfRangeAndOddLengthsAreErrors) {
  start();
  EXPECT_EQ(run(0, 64, {{kData, 512, true}}), 1);
  EXPECT_EQ(run(0, 63, {{kData, 1024, true}}), 1);
  EXPECT_EQ(run(1, ~u64{0}, {{kData, 512}}), 1);
  EXPECT_EQ(run(1, u64{1} << 55, {{kData, 512}}), 1);
  EXPECT_EQ(run(0, 0, {{kData, 100, true}}), 1);
  EXPECT_EQ(run(99, 0, {}), 2);
}

TEST_F(BlockTest, HostErrorsReachTheGuest) {
  start();
  disk.result = BlockEndpoint::Status::io_error;
  EXPECT_EQ(run(0, 0, {{kData, 512, true}}), 1);
  EXPECT_EQ(run(1, 0, {{kData, 512}}), 1);
  EXPECT_EQ(run(4, 0, {}), 1);
  disk.result = BlockEndpoint::Status::unsupported;
  EXPECT_EQ(run(1, 0, {{kData, 512}}), 2);
}

TEST_F(BlockTest, FlushAndWriteCache) {
  start(kFlush);
  EXPECT_EQ(run(1, 0, {{kData, 512}}), 0);
  EXPECT_EQ(disk.flushes, 0);
  EXPECT_EQ(run(4, 0, {}), 0);
  EXPECT_EQ(disk.flushes, 1);
}

TEST_F(BlockTest, WithoutFlushEveryWriteIsMadeStable) {
  start(0);
  EXPECT_EQ(run(1, 0, {{kData, 512}}), 0);
  EXPECT_EQ(disk.flushes, 1);
}

TEST_F(BlockTest, ConfigWce) {
  start(kFlush | kWce);
  mmio->write(0, 0x120, 1, 0);
  EXPECT_EQ(mmio->read(0, 0x120, 1), 0u);
  EXPECT_EQ(run(1, 0, {{kData, 512}}), 0);
  EXPECT_EQ(disk.flushes, 1);
}

TEST_F(BlockTest, GetId) {
  start();
  EXPECT_EQ(run(8, 0, {{kData, 20, true}}), 0);
  EXPECT_EQ(board.text(kData, 16), std::string("MIMUS-TEST-DISK\0", 16));
  EXPECT_EQ(used->length, 21u);
}

TEST_F(BlockTest, DiscardAndWriteZeroes) {
  start();
  board.put<Segment>(kData, {1, 2, 0});
  board.put<Segment>(kData + 16, {10, 1, 0});
  EXPECT_EQ(run(11, 0, {{kData, 32}}), 0);
  EXPECT_EQ(disk.data[512] | disk.data[1535] | disk.data[5120], 0);
  EXPECT_NE(disk.data[1536 + 1], 0);
  board.put<Segment>(kData, {20, 1, 1});
  EXPECT_EQ(run(13, 0, {{kData, 16}}), 0);
  EXPECT_EQ(disk.data[20 * 512 + 7], 0);
  EXPECT_EQ(run(11, 0, {{kData, 16}}), 2);  // unmap flag in a discard
  board.put<Segment>(kData, {60, 5, 0});
  EXPECT_EQ(run(13, 0, {{kData, 16}}), 1);
  EXPECT_EQ(run(13, 0, {{kData, 15}}), 1);
}

TEST_F(BlockTest, ReadOnlyDisk) {
  disk.locked = true;
  start();
  EXPECT_NE(driver->offered() & (1 << 5), 0u);
  EXPECT_EQ(driver->offered() & (1 << 13), 0u);
  EXPECT_EQ(run(1, 0, {{kData, 512}}), 1);
  EXPECT_EQ(run(0, 0, {{kData, 512, true}}), 0);
}

TEST_F(BlockTest, MalformedRequestsNeedReset) {
  start();
  ring.add({{kHeader, 8}, {kStatusByte, 1, true}});
  driver->notify(0);
  EXPECT_TRUE(driver->status() & kStatusNeedsReset);
}

TEST_F(BlockTest, RequestsInFlightAreLimited) {
  start();
  header(4, 0);
  const u16 head = ring.add({{kHeader, 16}, {kStatusByte, 1, true}});
  for (int i = 0; i < 400; ++i) {  // a driver that offers one chain again and again
    driver->notify(0);
    ring.offer(head);
  }
  EXPECT_LE(disk.work.size(), 256u);
  EXPECT_TRUE(driver->status() & kStatusNeedsReset);
}

TEST_F(BlockTest, ResetDropsWhatIsInFlight) {
  start();
  header(0, 0);
  ring.add({{kHeader, 16}, {kData, 512, true}, {kStatusByte, 1, true}});
  driver->notify(0);
  EXPECT_EQ(block().in_flight(), 1u);
  driver->set(0x70, 0);
  EXPECT_EQ(disk.quiesces, 1);
  EXPECT_EQ(block().in_flight(), 0u);
  disk.complete_all();
  EXPECT_FALSE(ring.next_used());
  EXPECT_FALSE(board.irq.level);
}

TEST_F(BlockTest, OutOfOrderCompletionsAndInFlightState) {
  start();
  board.fill(kData + 0x1000, 512, 0x77);
  header(0, 3);
  header(1, 5, kHeader + 16);
  header(4, 0, kHeader + 32);
  ring.add({{kHeader, 16}, {kData, 512, true}, {kStatusByte, 1, true}});
  ring.add({{kHeader + 16, 16}, {kData + 0x1000, 512}, {kStatusByte + 1, 1, true}});
  ring.add({{kHeader + 32, 16}, {kStatusByte + 2, 1, true}});
  driver->notify(0);
  disk.complete_one();
  EXPECT_EQ(ring.used_idx(), 1);
  const auto saved = save_state([&](StateVisitor& v) { mmio->visit_state(v); });

  Board board2;
  copy_ram(board, board2);
  MemoryDisk disk2{64 * 512};
  Mmio mmio2("virtio1", {&board2.irq, 1}, std::make_unique<Block>("disk0", disk2, board2.wiring()));
  ASSERT_TRUE(load_state(saved, [&](StateVisitor& v) { mmio2.visit_state(v); }));
  mmio2.after_load();
  EXPECT_EQ(static_cast<Block&>(*mmio2.device()).in_flight(), 2u);
  std::swap(disk2.work[0], disk2.work[1]);
  disk2.complete_all();
  EXPECT_EQ(board2.get<u16>(ring.used() + 2), 3);
  EXPECT_EQ(board2.get<u8>(kStatusByte + 1), 0);
  EXPECT_EQ(disk2.data[5 * 512], 0x77);
  EXPECT_TRUE(board2.irq.level);
}

}  // namespace
}  // namespace mimus::virtio
