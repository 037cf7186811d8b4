// The NVMe controller, driven through registers and queues by a driver in miniature.
#include "hw/block/nvme.h"

#include <deque>

#include "hw/pci/host_bridge.h"
#include "tests/virtio/guest_driver.h"
#include "tests/virtio/memory_disk.h"

namespace mimus::nvme {
namespace {

using pci::HostBridge;
using virtio::Board;
using virtio::IrqRecorder;
using virtio::kRam;
using virtio::MemoryDisk;

constexpr GuestPa kAdminSq = kRam, kAdminCq = kRam + 0x1000, kIoSq = kRam + 0x2000, kIoCq = kRam + 0x3000;
constexpr GuestPa kData = kRam + 0x10000, kLists = kRam + 0x8000;
constexpr u32 kEntries = 8;

struct Nvme : ::testing::Test {
  static constexpr u64 kBar = 0x100000;
  Board board;
  MemoryDisk disk{1 << 20};
  HostBridge bridge{board.memory, {IrqLine{}, IrqLine{&board.irq, 0}, IrqLine{}, IrqLine{}}, {0, 0, 0, 0}};
  struct Pair {
    GuestPa sq, cq;
    u32 tail = 0, head = 0;
    bool phase = true;
  } queues[2] = {{kAdminSq, kAdminCq}, {kIoSq, kIoCq}};
  u16 next_id = 1;

  Nvme() {
    EXPECT_TRUE(bridge.add(std::make_unique<Controller>("nvme0", disk, board.memory, &board.errors)));
    map();
  }
  void map() {
    const auto config = [&](u32 reg, u64 value) { bridge.write(HostBridge::kEcam, 1 << 15 | reg, 4, value); };
    config(pci::kBar0, kBar);
    config(pci::kBar0 + 4, 0);
    config(pci::kBar0 + 16, kBar + 0x10000);
    config(pci::kCommand, pci::kCommandMemory | pci::kCommandBusMaster);
  }
  u64 get(u64 reg, unsigned width = 4) { return bridge.read(HostBridge::kMemoryWindow64, kBar + reg, width); }
  void set(u64 reg, u64 value, unsigned width = 4) {
    bridge.write(HostBridge::kMemoryWindow64, kBar + reg, width, value);
  }
  void start() {
    set(kAqa, (kEntries - 1) << 16 | (kEntries - 1));
    set(kAsq, kAdminSq, 8);
    set(kAcq, kAdminCq, 8);
    set(kCc, 6 << 16 | 4 << 20 | 1);
    ASSERT_EQ(get(kCsts), 1u);
  }
  void create_io() {
    start();
    Command cq{.opcode = u8(Admin::create_cq)};
    cq.prp1 = kIoCq, cq.cdw10 = (kEntries - 1) << 16 | 1, cq.cdw11 = 3;
    Command sq{.opcode = u8(Admin::create_sq)};
    sq.prp1 = kIoSq, sq.cdw10 = (kEntries - 1) << 16 | 1, sq.cdw11 = 1 << 16 | 1;
    ASSERT_EQ(admin(cq), Result::ok);
    ASSERT_EQ(admin(sq), Result::ok);
  }
  u16 submit(unsigned queue, Command command) {
    Pair& q = queues[queue];
    command.id = next_id++;
    board.put(q.sq + 64 * u64{q.tail}, command);
    q.tail = (q.tail + 1) % kEntries;
    set(kDoorbells + 8 * queue, q.tail);
    return command.id;
  }
  std::optional<Completion> take(unsigned queue) {
    Pair& q = queues[queue];
    const auto entry = board.get<Completion>(q.cq + 16 * u64{q.head});
    if ((entry.status & 1) != q.phase) return {};
    if (++q.head == kEntries) q.head = 0, q.phase = !q.phase;
    set(kDoorbells + 8 * queue + 4, q.head);
    return entry;
  }
  Completion run(unsigned queue, const Command& command) {
    const u16 id = submit(queue, command);
    disk.complete_all();
    const auto entry = take(queue);
    EXPECT_TRUE(entry);
    EXPECT_EQ(entry->command_id, id);
    return entry.value_or(Completion{});
  }
  static Result result(const Completion& c) { return Result(c.status >> 1 & 0x7ff); }
  Result admin(const Command& c) { return result(run(0, c)); }
  Result io(const Command& c) { return result(run(1, c)); }
  static Command transfer(Io op, u64 lba, u32 blocks, u64 prp1, u64 prp2 = 0) {
    Command c{.opcode = u8(op), .nsid = 1};
    c.prp1 = prp1, c.prp2 = prp2, c.cdw10 = u32(lba), c.cdw11 = u32(lba >> 32), c.cdw12 = blocks - 1;
    return c;
  }
};

TEST_F(Nvme, RegistersAndBadConfigurations) {
  EXPECT_EQ(get(kCap, 8) & 0xffff, Controller::kMaxEntries - 1);
  EXPECT_EQ(get(kVs), 0x10400u);
  EXPECT_EQ(get(kCap, 2), 0u);
  set(kCc, 1);  // no admin queues
  EXPECT_EQ(get(kCsts) & 3, kCstsFatal);
  set(kCc, 0);
  start();
  set(kDoorbells, 99);
  set(kDoorbells + 8 * 7, 1);
  EXPECT_EQ(board.errors.lines.size(), 3u);
  set(kCc, 6 << 16 | 4 << 20);
  EXPECT_EQ(get(kCsts), 0u);
}

TEST_F(Nvme, Identify) {
  start();
  Command c{.opcode = u8(Admin::identify)};
  c.prp1 = kData + 0x800, c.prp2 = kData + 0x1000, c.cdw10 = 1;
  EXPECT_EQ(admin(c), Result::ok);
  EXPECT_EQ(board.text(kData + 0x804, 15), disk.serial());
  EXPECT_EQ(board.get<u32>(kData + 0x800 + 516), 1u);
  c.nsid = 1, c.cdw10 = 0;
  EXPECT_EQ(admin(c), Result::ok);
  EXPECT_EQ(board.get<u64>(kData + 0x800), disk.data.size() / 512);
  c.nsid = 2;
  EXPECT_EQ(admin(c), Result::invalid_namespace);
  c.cdw10 = 77;
  EXPECT_EQ(admin(c), Result::invalid_field);
  c.cdw10 = 1, c.prp1 = 0x500;  // no RAM there
  EXPECT_EQ(admin(c), Result::data_transfer_error);
  EXPECT_EQ(admin({.opcode = 0x55}), Result::invalid_opcode);
}

TEST_F(Nvme, QueueRules) {
  create_io();
  Command cq{.opcode = u8(Admin::create_cq)};
  cq.prp1 = kData, cq.cdw10 = (kEntries - 1) << 16 | 1, cq.cdw11 = 3;
  EXPECT_EQ(admin(cq), Result::invalid_queue_id);  // exists
  cq.cdw10 = 0xffff0002;
  EXPECT_EQ(admin(cq), Result::invalid_queue_size);
  cq.cdw10 = 7 << 16 | 2, cq.cdw11 = 500 << 16 | 3;
  EXPECT_EQ(admin(cq), Result::invalid_interrupt_vector);
  cq.cdw11 = 3, cq.prp1 = 0;
  EXPECT_EQ(admin(cq), Result::invalid_field);
  Command sq{.opcode = u8(Admin::create_sq)};
  sq.prp1 = kData, sq.cdw10 = 7 << 16 | 2, sq.cdw11 = 5 << 16 | 1;
  EXPECT_EQ(admin(sq), Result::completion_queue_invalid);
  Command remove{.opcode = u8(Admin::delete_cq)};
  remove.cdw10 = 1;
  EXPECT_EQ(admin(remove), Result::invalid_queue_deletion);
  remove.opcode = u8(Admin::delete_sq);
  EXPECT_EQ(admin(remove), Result::ok);
  remove.opcode = u8(Admin::delete_cq);
  EXPECT_EQ(admin(remove), Result::ok);
  EXPECT_EQ(admin(remove), Result::invalid_queue_id);
}

TEST_F(Nvme, ReadsAndWritesThroughPrpLists) {
  create_io();
  const std::vector<u8> before = disk.data;
  EXPECT_EQ(io(transfer(Io::read, 3, 1, kData + 0x200)), Result::ok);
  EXPECT_EQ(board.text(kData + 0x200, 512), std::string(before.begin() + 1536, before.begin() + 2048));
  // 20 KiB from the middle of a page: five pages more, named by a list that starts in its page's last two slots.
  const GuestPa list = kLists + 0x1000 - 16;
  board.put<u64>(list, kData + 0x5000);
  board.put<u64>(list + 8, kLists + 0x2000);  // link to the next list page
  for (u64 i = 0; i < 4; ++i) board.put<u64>(kLists + 0x2000 + 8 * i, kData + 0x9000 - 0x1000 * i);
  EXPECT_EQ(io(transfer(Io::read, 0, 40, kData + 0x800, list)), Result::ok);
  EXPECT_EQ(board.text(kData + 0x5000, 16), std::string(before.begin() + 0x800, before.begin() + 0x810));
  EXPECT_EQ(board.text(kData + 0x9000, 16), std::string(before.begin() + 0x1800, before.begin() + 0x1810));
  EXPECT_EQ(board.text(kData + 0x6000, 16), std::string(before.begin() + 0x4800, before.begin() + 0x4810));
  board.fill(kData, 0x2000, 0xee);
  EXPECT_EQ(io(transfer(Io::write, 100, 16, kData, kData + 0x1000)), Result::ok);
  EXPECT_EQ(disk.data[100 * 512], 0xee);
  EXPECT_EQ(disk.data[116 * 512 - 1], 0xee);
  EXPECT_EQ(disk.flushes, 0);
  Command forced = transfer(Io::write, 0, 1, kData);
  forced.cdw12 |= 1u << 30;
  EXPECT_EQ(io(forced), Result::ok);
  EXPECT_EQ(disk.flushes, 1);
}

TEST_F(Nvme, BadTransfers) {
  create_io();
  const u64 end = disk.data.size() / 512;
  EXPECT_EQ(io(transfer(Io::read, end, 1, kData)), Result::lba_out_of_range);
  EXPECT_EQ(io(transfer(Io::read, end - 1, 2, kData)), Result::lba_out_of_range);
  EXPECT_EQ(io(transfer(Io::read, ~u64{0}, 2, kData)), Result::lba_out_of_range);
  EXPECT_EQ(io(transfer(Io::read, 0, 1, kData + 2)), Result::prp_offset_invalid);
  EXPECT_EQ(io(transfer(Io::read, 0, 16, kData, kData + 0x10)), Result::prp_offset_invalid);
  EXPECT_EQ(io(transfer(Io::read, 0, 1025, kData, kLists)), Result::invalid_field);  // beyond MDTS
  EXPECT_EQ(io(transfer(Io::read, 0, 64, kData, 0x4000)), Result::data_transfer_error);
  Command sgl = transfer(Io::read, 0, 1, kData);
  sgl.flags = 0x40;
  EXPECT_EQ(io(sgl), Result::invalid_field);
  disk.result = BlockEndpoint::Status::io_error;
  EXPECT_EQ(io(transfer(Io::read, 0, 1, kData)), Result::unrecovered_read);
  EXPECT_EQ(io(transfer(Io::write, 0, 1, kData)), Result::write_fault);
  disk.locked = true;
  EXPECT_EQ(io(transfer(Io::write, 0, 1, kData)), Result::write_to_read_only);
  EXPECT_EQ(io({.opcode = 0x7f, .nsid = 1}), Result::invalid_opcode);
}

// A list of pages that leads back to itself ends with the transfer's bytes.
TEST_F(Nvme, PrpListLoops) {
  create_io();
  for (u64 slot = 0; slot < 512; ++slot) board.put<u64>(kLists + 8 * slot, kLists);
  EXPECT_EQ(io(transfer(Io::write, 0, 1024, kData, kLists + 0xff8)), Result::ok);
}

TEST_F(Nvme, ZeroesAndDeallocation) {
  create_io();
  EXPECT_EQ(io(transfer(Io::write_zeroes, 8, 8, 0)), Result::ok);
  EXPECT_EQ(disk.data[8 * 512 + 5], 0);
  EXPECT_NE(disk.data[7 * 512 + 5], 0);
  struct {
    u32 attributes, blocks;
    u64 start;
  } ranges[2] = {{0, 2, 40}, {0, 1, 50}};
  board.put(kData, ranges);
  Command c{.opcode = u8(Io::dataset_management), .nsid = 1};
  c.prp1 = kData, c.cdw10 = 1, c.cdw11 = 4;
  EXPECT_EQ(io(c), Result::ok);
  EXPECT_EQ(disk.data[41 * 512 + 5], 0);
  EXPECT_EQ(disk.data[50 * 512 + 5], 0);
  ranges[1].start = ~u64{0};
  board.put(kData, ranges);
  EXPECT_EQ(io(c), Result::lba_out_of_range);
}

TEST_F(Nvme, FeaturesLogsAndEvents) {
  start();
  Command c{.opcode = u8(Admin::set_features)};
  c.cdw10 = u32(Feature::number_of_queues), c.cdw11 = 0x00ff00ff;
  EXPECT_EQ(run(0, c).result, (Controller::kIoQueues - 1) * 0x10001);
  c.cdw10 = u32(Feature::volatile_write_cache), c.cdw11 = 0;
  EXPECT_EQ(admin(c), Result::ok);
  c.opcode = u8(Admin::get_features);
  EXPECT_EQ(run(0, c).result, 0u);
  c.cdw10 = 0x7e;
  EXPECT_EQ(admin(c), Result::invalid_field);
  Command log{.opcode = u8(Admin::get_log_page)};
  log.prp1 = kData, log.cdw10 = 127 << 16 | 2;
  EXPECT_EQ(admin(log), Result::ok);
  EXPECT_EQ(board.get<u16>(kData + 1), 300u);
  log.cdw10 = 0xffff0009;
  EXPECT_EQ(admin(log), Result::invalid_log_page);
  for (unsigned i = 0; i < Controller::kMaxEvents; ++i) submit(0, {.opcode = u8(Admin::async_event)});
  EXPECT_FALSE(take(0));
  EXPECT_EQ(admin({.opcode = u8(Admin::async_event)}), Result::too_many_events);
}

TEST_F(Nvme, InterruptFollowsUnconsumedEntries) {
  create_io();
  EXPECT_FALSE(board.irq.level);
  submit(1, {.opcode = u8(Io::flush), .nsid = kBroadcastNamespace});
  disk.complete_all();
  EXPECT_TRUE(board.irq.level);
  set(kIntms, 1);
  EXPECT_FALSE(board.irq.level);
  set(kIntmc, 1);
  EXPECT_TRUE(board.irq.level);
  EXPECT_TRUE(take(1));
  EXPECT_FALSE(board.irq.level);
}

// Eight entries hold seven completions; the eighth waits until the driver makes room.
TEST_F(Nvme, FullCompletionQueueLosesNothing) {
  create_io();
  for (unsigned i = 0; i < kEntries - 1; ++i) submit(1, {.opcode = u8(Io::flush), .nsid = 1});
  disk.complete_all();
  const u16 last = submit(1, {.opcode = u8(Io::flush), .nsid = 1});
  disk.complete_all();
  std::optional<Completion> entry;
  for (unsigned i = 0; i < kEntries; ++i) ASSERT_TRUE(entry = take(1)) << i;
  EXPECT_EQ(entry->command_id, last);
}

TEST_F(Nvme, ResetDropsWhatIsInFlight) {
  create_io();
  submit(1, transfer(Io::read, 0, 1, kData));
  set(kCc, 0);
  EXPECT_EQ(disk.quiesces, 1);
  board.fill(kIoCq, 0x100, 0);
  disk.complete_all();
  EXPECT_EQ(board.get<u64>(kIoCq), 0u);
  queues[0] = {kAdminSq, kAdminCq};
  board.fill(kAdminCq, 0x1000, 0);
  start();
}

TEST_F(Nvme, ShutdownFlushes) {
  create_io();
  set(kCc, get(kCc) | 1 << 14);
  EXPECT_EQ(get(kCsts) & kCstsShutdownMask, 1u << 2);
  disk.complete_all();
  EXPECT_EQ(get(kCsts) & kCstsShutdownMask, kCstsShutdownDone);
  EXPECT_EQ(disk.flushes, 1);
}

TEST_F(Nvme, StateRoundTripInFlight) {
  create_io();
  submit(1, transfer(Io::read, 5, 1, kData));
  submit(0, {.opcode = u8(Admin::async_event)});
  const auto visit = [&](StateVisitor& v) { bridge.visit_state(v); };
  const auto saved = save_state(visit);
  bridge.reset(ResetKind::cold);
  disk.work.clear();
  ASSERT_TRUE(load_state(saved, visit));
  bridge.after_load();
  EXPECT_EQ(*compare_state(saved, visit), "");
  disk.complete_all();
  EXPECT_TRUE(take(1));
  EXPECT_EQ(board.get<u8>(kData), disk.data[5 * 512]);
}

}  // namespace
}  // namespace mimus::nvme
