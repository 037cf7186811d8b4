// The driver on one thread, the disk on another, the event loop on a third: with notifications suppressed as far as
// the event index allows, none may get lost, and every byte must arrive.
#include <sys/mman.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/device/clock.h"
#include "core/device/event_queue.h"
#include "hw/virtio/block.h"
#include "machines/host/block/async_disk.h"
#include "machines/host/block/host_file.h"
#include "machines/host/block/raw_image.h"
#include "tests/virtio/guest_driver.h"

namespace mimus::virtio {
namespace {

constexpr u16 kSize = 64;
constexpr u32 kSlots = kSize / 4;  // requests in flight; each has four descriptors
constexpr u32 kSectors = 4096;
constexpr GuestPa kRing = kRam;
constexpr GuestPa kBuffers = kRam + 0x10000;

struct Interrupt : IrqSink {
  void set_irq(unsigned, bool high) override {
    std::scoped_lock guard(lock);
    level = high;
    changed.notify_all();
  }
  void wait() {
    std::unique_lock guard(lock);
    ASSERT_TRUE(changed.wait_for(guard, std::chrono::seconds(30), [this] { return level; })) << "lost interrupt";
  }
  std::mutex lock;
  std::condition_variable changed;
  bool level = false;
};

Expected<std::unique_ptr<BlockImage>> make_image() {
  const int fd = memfd_create("disk", MFD_CLOEXEC);
  for (u32 sector = 0; sector < kSectors; ++sector) {
    const std::vector<u32> words(128, sector * 2654435761u);
    EXPECT_EQ(pwrite(fd, words.data(), 512, off_t(sector) * 512), 512);
  }
  MIMUS_TRY(auto file, HostFile::adopt(fd, "disk", HostFile::Access::read_write));
  return RawImage::open(std::move(file), false);
}

struct ParallelTest : ::testing::Test {
  ParallelTest()
      : disk(std::move(*make_image()), "test", events, make_uring_engine(events)), loop([this] { events.run(); }) {
    std::scoped_lock guard(machine_lock);
    driver.negotiate(kFeatureVersion1 | kFeatureEventIdx | 1 << 9);
    driver.set_queue(0, ring);
    driver.start();
  }
  ~ParallelTest() override {
    {
      std::scoped_lock guard(machine_lock);
      mmio.reset(ResetKind::cold);
    }
    events.stop();
    loop.join();
  }
  std::atomic_ref<u16> word(GuestPa pa) {
    return std::atomic_ref<u16>(*reinterpret_cast<u16*>(board.memory.host(pa, 2)));
  }
  GuestPa header(u32 slot) const { return kBuffers + slot * 0x1000; }
  GuestPa data(u32 slot) const { return kBuffers + slot * 0x1000 + 0x200; }
  GuestPa status(u32 slot) const { return kBuffers + slot * 0x1000 + 0x100; }

  // A read into two buffers.
  void submit(u32 slot, u32 sector) {
    board.put<u32>(header(slot), 0);
    board.put<u64>(header(slot) + 8, sector);
    board.put<u8>(status(slot), 0xff);
    const u16 head = u16(slot * 4);
    ring.set_desc(ring.desc(), head, {header(slot), 16, kDescNext, u16(head + 1)});
    ring.set_desc(ring.desc(), head + 1, {data(slot), 100, kDescNext | kDescWrite, u16(head + 2)});
    ring.set_desc(ring.desc(), head + 2, {data(slot) + 100, 412, kDescNext | kDescWrite, u16(head + 3)});
    ring.set_desc(ring.desc(), head + 3, {status(slot), 1, kDescWrite, 0});
    board.put<u16>(ring.avail() + 4 + 2 * u64(avail % kSize), head);
    word(ring.avail() + 2).store(++avail);
    // 2.7.10.2: notify if the index passed avail_event.
    if (word(ring.avail_event()).load() != u16(avail - 1)) return;
    std::scoped_lock guard(machine_lock);
    driver.notify(0);
    ++notifications;
  }
  // Takes what was used; the sector of each slot is checked.
  u32 collect(std::vector<u32>& sectors, std::vector<u32>& free) {
    u32 count = 0;
    while (word(ring.used() + 2).load() != seen) {
      const u32 slot = board.get<u32>(ring.used() + 4 + 8 * u64(seen++ % kSize)) / 4;
      EXPECT_EQ(board.get<u8>(status(slot)), 0);
      EXPECT_EQ(board.get<u32>(data(slot)), sectors[slot] * 2654435761u);
      EXPECT_EQ(board.get<u32>(data(slot) + 508), sectors[slot] * 2654435761u);
      free.push_back(slot);
      ++count;
    }
    return count;
  }
  void wait_for_interrupt() {
    interrupt.wait();
    std::scoped_lock guard(machine_lock);
    driver.acknowledge();
  }

  Board board;
  HostClock clock;
  std::mutex machine_lock;
  EventQueue events{clock, machine_lock};
  AsyncDisk disk;
  Interrupt interrupt;
  Mmio mmio{"virtio0", {&interrupt, 0}, std::make_unique<Block>("disk0", disk, board.wiring())};
  MmioDriver driver{mmio};
  RingDriver ring{board, kRing, kSize};
  std::thread loop;
  u16 avail = 0;
  u16 seen = 0;
  u32 notifications = 0;
};

TEST_F(ParallelTest, NothingIsLost) {
  constexpr u32 kRequests = 5000;
  std::vector<u32> sectors(kSlots), free;
  for (u32 slot = 0; slot < kSlots; ++slot) free.push_back(slot);
  u32 random = 12345, sent = 0, done = 0;
  while (done < kRequests && !HasFailure()) {
    random = random * 1664525 + 1013904223;
    for (u32 burst = 1 + (random >> 20) % kSlots; burst > 0 && !free.empty() && sent < kRequests; --burst, ++sent) {
      const u32 slot = free.back();
      free.pop_back();
      random = random * 1664525 + 1013904223;
      sectors[slot] = (random >> 12) % kSectors;
      submit(slot, sectors[slot]);
    }
    const u32 got = collect(sectors, free);
    done += got;
    if (got != 0 || done == kRequests) continue;
    // 2.7.10.1: ask for an interrupt at the next used entry, look once more, sleep.
    word(ring.used_event()).store(seen);
    if (word(ring.used() + 2).load() == seen) wait_for_interrupt();
  }
  EXPECT_EQ(done, kRequests);
  EXPECT_LE(notifications, kRequests);
}

}  // namespace
}  // namespace mimus::virtio
