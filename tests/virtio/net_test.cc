// virtio-net: frames both ways, merged buffers, backpressure, filters, checksum offload.
#include "hw/virtio/net.h"

#include "tests/virtio/guest_driver.h"

namespace mimus::virtio {
namespace {

struct FakeNetwork : NetEndpoint {
  explicit FakeNetwork(NetOffloads offloads = {}) : can(offloads) {}
  void send(const NetFrame& frame) override {
    sent.emplace_back(frame.bytes.begin(), frame.bytes.end());
    last = frame;
  }
  void attach(Deliver function) override { give = function; }
  void ready() override { ++readies; }
  NetOffloads takes() const override { return can; }
  NetOffloads gives() const override { return can; }
  void allow(const NetOffloads& offloads) override { allowed = offloads; }

  bool deliver(const std::vector<u8>& frame) { return give({.bytes = frame}); }

  NetOffloads can, allowed;
  Deliver give;
  std::vector<std::vector<u8>> sent;
  NetFrame last;  // its bytes are gone
  int readies = 0;
};

constexpr GuestPa kBuffers = kRam + 0x40000;
constexpr u64 kMrg = 1 << 15, kCtrl = 1 << 17 | 1 << 18 | 1 << 23;

std::vector<u8> frame_to(u8 last, size_t bytes = 60) {
  std::vector<u8> frame(bytes);
  for (size_t i = 0; i < bytes; ++i) frame[i] = u8(i);
  const u8 target[] = {0x52, 0x54, 0, 0x12, 0x34, last};
  std::ranges::copy(target, frame.begin());
  return frame;
}

struct NetTest : ::testing::Test {
  Board board;
  FakeNetwork network;
  Mmio mmio{"virtio2", {&board.irq, 1}, std::make_unique<Net>("net0", network, Net::Options{}, board.wiring())};
  MmioDriver driver{mmio};
  RingDriver rx{board, kRam + 0x10000, 16}, tx{board, kRam + 0x18000, 16}, ctrl{board, kRam + 0x20000, 16};

  void start(u64 features) {
    driver.negotiate(kFeatureVersion1 | features);
    driver.set_queue(0, rx);
    driver.set_queue(1, tx);
    driver.set_queue(2, ctrl);
    driver.start();
    ASSERT_TRUE(driver.status() & kStatusDriverOk);
  }
  u8 command(std::vector<u8> bytes) {
    board.memory.write(kBuffers, bytes);
    ctrl.add({{kBuffers, u32(bytes.size())}, {kBuffers + 0x1000, 1, true}});
    driver.notify(2);
    EXPECT_TRUE(ctrl.next_used());
    return board.get<u8>(kBuffers + 0x1000);
  }
};

TEST_F(NetTest, Config) {
  EXPECT_EQ(mmio.read(0, 0x100, 4), 0x12005452u);
  EXPECT_EQ(mmio.read(0, 0x106, 2), 1u);
  EXPECT_EQ(mmio.read(0, 0x10a, 2), 1500u);
}

TEST_F(NetTest, SendsFramesWithoutHeader) {
  start(0);
  const auto frame = frame_to(1);
  board.memory.write(kBuffers + 12, frame);
  tx.add({{kBuffers, 72}});
  tx.add({{kBuffers, 12}, {kBuffers + 12, 20}, {kBuffers + 32, 40}});
  driver.notify(1);
  ASSERT_EQ(network.sent.size(), 2u);
  EXPECT_EQ(network.sent[0], frame);
  EXPECT_EQ(network.sent[1], frame);
  EXPECT_EQ(tx.used_idx(), 2);
  tx.add({{kBuffers, 8}});  // shorter than a header: consumed, reported, nothing sent
  driver.notify(1);
  EXPECT_EQ(tx.used_idx(), 3);
  EXPECT_EQ(network.sent.size(), 2u);
  EXPECT_EQ(board.errors.lines.size(), 1u);
}

TEST_F(NetTest, ChecksumOffload) {
  start(1);
  // RFC 1071's example words, an odd byte at the end, the field at offset 4 from the start.
  const u8 payload[] = {0x00, 0x01, 0xf2, 0x03, 0x00, 0x00, 0xf6, 0xf7, 0xf4};
  board.fill(kBuffers, 12 + 14, 0);
  board.put<u8>(kBuffers, 1);
  board.put<u16>(kBuffers + 6, 14);
  board.put<u16>(kBuffers + 8, 4);
  board.memory.write(kBuffers + 12 + 14, payload);
  tx.add({{kBuffers, 12 + 14 + 9}});
  driver.notify(1);
  ASSERT_EQ(network.sent.size(), 1u);
  // 0001 + f203 + f6f7 + f400 = 2dcfb -> dcfd; its complement is 2302.
  EXPECT_EQ(network.sent[0][18], 0x23);
  EXPECT_EQ(network.sent[0][19], 0x02);
  board.put<u16>(kBuffers + 8, 0xffff);
  tx.add({{kBuffers, 12 + 14 + 9}});
  driver.notify(1);
  EXPECT_EQ(board.errors.lines.size(), 1u);
}

TEST_F(NetTest, ReceivesIntoOneBuffer) {
  start(0);
  EXPECT_FALSE(network.deliver(frame_to(0x56)));  // no buffer yet: kept by the endpoint
  rx.add({{kBuffers, 12, true}, {kBuffers + 0x100, 1514, true}});
  const int before = network.readies;
  driver.notify(0);
  EXPECT_EQ(network.readies, before + 1);
  EXPECT_TRUE(network.deliver(frame_to(0x56)));
  EXPECT_EQ(rx.next_used()->length, 72u);
  EXPECT_EQ(board.get<u16>(kBuffers + 10), 1);
  EXPECT_EQ(board.get<u8>(kBuffers + 0x100 + 59), 59);
  rx.add({{kBuffers, 40, true}});
  EXPECT_TRUE(network.deliver(frame_to(0x56)));  // does not fit: dropped, the buffer stays
  EXPECT_FALSE(rx.next_used());
}

TEST_F(NetTest, MergesBuffers) {
  start(kMrg);
  for (int i = 0; i < 3; ++i) rx.add({{kBuffers + 0x100u * i, 100, true}});
  EXPECT_FALSE(network.deliver(frame_to(0x56, 500)));
  EXPECT_EQ(rx.used_idx(), 0);
  EXPECT_TRUE(network.deliver(frame_to(0x56, 250)));
  EXPECT_EQ(rx.used_idx(), 3);
  EXPECT_EQ(board.get<u16>(kBuffers + 10), 3);
  EXPECT_EQ(rx.next_used()->length, 100u);
  EXPECT_EQ(rx.next_used()->length, 100u);
  EXPECT_EQ(rx.next_used()->length, 62u);
  EXPECT_EQ(board.get<u8>(kBuffers + 0x200 + 61), 249);
}

TEST_F(NetTest, ControlQueueFilters) {
  start(kMrg | kCtrl);
  auto receives = [&](u8 last) {
    rx.add({{kBuffers, 2000, true}});
    network.deliver(frame_to(last));
    return rx.next_used().has_value();
  };
  EXPECT_TRUE(receives(0x99));
  EXPECT_EQ(command({0, 0, 0}), 0);  // promiscuous off
  EXPECT_FALSE(receives(0x99));
  EXPECT_TRUE(receives(0x56));
  EXPECT_EQ(command({1, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x99}), 0);  // MAC address set
  EXPECT_TRUE(receives(0x99));
  EXPECT_FALSE(receives(0x56));
  EXPECT_EQ(command({1, 0, 1, 0, 0, 0, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0, 0, 0, 0}), 0);
  EXPECT_TRUE(receives(0x56));
  EXPECT_EQ(command({1, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3}), 1);
  EXPECT_EQ(command({4, 0, 1}), 1);
  EXPECT_EQ(command({0}), 1);
  driver.set(0x70, 0);
  EXPECT_EQ(mmio.read(0, 0x104, 2), 0x5634u);  // a reset brings the address back
}

TEST_F(NetTest, StateRoundTrip) {
  start(kMrg | kCtrl);
  command({0, 0, 0});
  rx.add({{kBuffers, 2000, true}});
  const auto saved = save_state([&](StateVisitor& v) { mmio.visit_state(v); });
  Board board2;
  copy_ram(board, board2);
  FakeNetwork network2;
  Mmio mmio2("virtio2", {&board2.irq, 1}, std::make_unique<Net>("net0", network2, Net::Options{}, board2.wiring()));
  ASSERT_TRUE(load_state(saved, [&](StateVisitor& v) { mmio2.visit_state(v); }));
  mmio2.after_load();
  EXPECT_TRUE(network2.deliver(frame_to(0x99)));
  EXPECT_EQ(board2.get<u16>(rx.used() + 2), 0);
  EXPECT_TRUE(network2.deliver(frame_to(0x56)));
  EXPECT_EQ(board2.get<u16>(rx.used() + 2), 1);
}

// A board whose network takes part in every offload.
struct OffloadTest : ::testing::Test {
  static constexpr u64 kCsum = 1 << 0, kGuestCsum = 1 << 1, kGuestTso4 = 1 << 7, kGuestTso6 = 1 << 8,
                       kHostTso4 = 1 << 11, kHostTso6 = 1 << 12;
  static constexpr u64 kAll = kCsum | kGuestCsum | kGuestTso4 | kGuestTso6 | kHostTso4 | kHostTso6;

  OffloadTest() {
    driver.negotiate(kFeatureVersion1 | kMrg | kAll);
    driver.set_queue(0, rx);
    driver.set_queue(1, tx);
    driver.start();
  }
  // Sends a header and `bytes` of frame, whose TCP header at 34 says that it has five words.
  void send(u8 flags, u8 type, u16 start, u16 offset, u32 bytes, u16 size = 1448) {
    board.fill(kBuffers, 12 + bytes, 1);
    for (unsigned i = 0; i < 12; ++i) board.put<u8>(kBuffers + i, 0);
    board.put<u8>(kBuffers, flags);
    board.put<u8>(kBuffers + 1, type);
    board.put<u16>(kBuffers + 4, size);
    board.put<u16>(kBuffers + 6, start);
    board.put<u16>(kBuffers + 8, offset);
    board.put<u8>(kBuffers + 12 + 34 + 12, 5 << 4);
    tx.add({{kBuffers, 12 + bytes}});
    driver.notify(1);
  }

  Board board;
  FakeNetwork network{{true, true, true}};
  Mmio mmio{"virtio2", {&board.irq, 1}, std::make_unique<Net>("net0", network, Net::Options{}, board.wiring())};
  MmioDriver driver{mmio};
  RingDriver rx{board, kRam + 0x10000, 16}, tx{board, kRam + 0x18000, 16};
};

TEST_F(OffloadTest, Negotiation) {
  EXPECT_TRUE(network.allowed.checksum && network.allowed.tcp4 && network.allowed.tcp6);
  mmio.write(0, 0x70, 4, 0);
  EXPECT_FALSE(network.allowed.checksum || network.allowed.tcp4 || network.allowed.tcp6);
  driver.negotiate(kFeatureVersion1 | kMrg | kGuestTso4);  // without checksums: the driver breaks a rule
  driver.set_queue(0, rx);
  driver.start();
  EXPECT_FALSE(network.allowed.checksum || network.allowed.tcp4);
}

TEST_F(OffloadTest, LeavesChecksumsAndSegmentsToTheNetwork) {
  send(1, 1, 34, 16, 5000);
  ASSERT_EQ(network.sent.size(), 1u);
  EXPECT_EQ(network.sent[0].size(), 5000u);
  EXPECT_TRUE(network.last.needs_checksum);
  EXPECT_EQ(network.last.checksum_start, 34);
  EXPECT_EQ(network.last.checksum_offset, 16);
  EXPECT_EQ(network.last.segments, NetFrame::Segments::tcp4);
  EXPECT_EQ(network.last.header_bytes, 54);
  EXPECT_EQ(network.last.segment_bytes, 1448);
  send(1, 4, 34, 16, 5000);
  EXPECT_EQ(network.last.segments, NetFrame::Segments::tcp6);
}

TEST_F(OffloadTest, RefusesHeadersThatDoNotFit) {
  send(0, 1, 34, 16, 5000);     // segments without a checksum
  send(1, 3, 34, 16, 5000);     // UDP was not offered
  send(1, 1, 34, 16, 5000, 0);  // segments of nothing
  send(1, 1, 34, 16, 40);       // no TCP header
  send(1, 0, 4990, 16, 5000);   // the checksum is outside
  EXPECT_TRUE(network.sent.empty());
  EXPECT_EQ(board.errors.lines.size(), 5u);
  EXPECT_EQ(tx.used_idx(), 5);
}

TEST_F(OffloadTest, ReceivesWhatIsToBeDone) {
  rx.add({{kBuffers, 200, true}});
  const auto bytes = frame_to(0x56, 150);
  NetFrame frame{.bytes = bytes, .needs_checksum = true, .checksum_start = 34, .checksum_offset = 16};
  frame.segments = NetFrame::Segments::tcp4;
  frame.header_bytes = 54;
  frame.segment_bytes = 50;
  EXPECT_TRUE(network.give(frame));
  EXPECT_EQ(board.get<u8>(kBuffers), 1);      // VIRTIO_NET_HDR_F_NEEDS_CSUM
  EXPECT_EQ(board.get<u8>(kBuffers + 1), 1);  // VIRTIO_NET_HDR_GSO_TCPV4
  EXPECT_EQ(board.get<u16>(kBuffers + 2), 54);
  EXPECT_EQ(board.get<u16>(kBuffers + 4), 50);
  EXPECT_EQ(board.get<u16>(kBuffers + 6), 34);
  EXPECT_EQ(board.get<u16>(kBuffers + 8), 16);
  rx.add({{kBuffers, 200, true}});
  EXPECT_TRUE(network.give({.bytes = bytes, .checked = true}));
  EXPECT_EQ(board.get<u8>(kBuffers), 2);  // VIRTIO_NET_HDR_F_DATA_VALID
  EXPECT_EQ(board.get<u8>(kBuffers + 1), 0);
}

}  // namespace
}  // namespace mimus::virtio
