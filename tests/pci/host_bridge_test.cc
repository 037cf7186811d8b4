// The host bridge with functions of the test's own: enumeration, BAR sizing and decoding, INTx, MSI-X, resets, state.
#include "hw/pci/host_bridge.h"

#include <gtest/gtest.h>

#include "tests/virtio/guest_driver.h"

namespace mimus::pci {
namespace {

using virtio::Board;
using virtio::IrqRecorder;
using virtio::kRam;

class Probe final : public Function {
 public:
  explicit Probe(unsigned vectors = 2) : Function("probe", {0x1234, 0x5678, 0xff0000, 3, 1, 2}) {
    add_bar(0, BarKind::io, 0x20);
    add_bar(2, BarKind::memory64, 0x10000);
    add_msix(1, vectors);
  }
  using Function::set_intx;
  using Function::signal_msix;
  u64 last = 0;
  unsigned resets = 0;

 private:
  u64 bar_read(unsigned bar, u64 offset, unsigned) override { return bar << 16 | offset; }
  void bar_write(unsigned bar, u64 offset, unsigned, u64 value) override { last = value << 32 | bar << 16 | offset; }
  void function_reset() override { ++resets; }
};

struct PciTest : ::testing::Test {
  static constexpr u64 kWindow = 0x40000000, kMsixAt = 0x40010000, kBigAt = u64{0x400000000};
  Board board;
  IrqRecorder lines[kIntxLines];
  HostBridge bridge{board.memory,
                    {IrqLine{&lines[0], 0}, IrqLine{&lines[1], 0}, IrqLine{&lines[2], 0}, IrqLine{&lines[3], 0}},
                    {0, 0, kWindow, kBigAt}};
  Probe& probe = add();

  Probe& add() {
    auto made = std::make_unique<Probe>();
    Probe& result = *made;
    EXPECT_TRUE(bridge.add(std::move(made)));
    return result;
  }
  static u64 at(unsigned slot, u32 reg) { return u64{slot} << 15 | reg; }
  u64 get(u32 reg, unsigned width, unsigned slot = 1) { return bridge.read(HostBridge::kEcam, at(slot, reg), width); }
  void set(u32 reg, unsigned width, u64 value, unsigned slot = 1) {
    bridge.write(HostBridge::kEcam, at(slot, reg), width, value);
  }
  void enable() {
    set(kBar0 + 4, 4, kMsixAt);
    set(kBar0 + 8, 4, u32(kBigAt));
    set(kBar0 + 12, 4, kBigAt >> 32);
    set(kCommand, 2, kCommandMemory | kCommandIo | kCommandBusMaster);
  }
  u32 capability(u8 id) {
    for (u64 c = get(kCapabilitiesPointer, 1); c; c = get(u32(c) + 1, 1))
      if (get(u32(c), 1) == id) return u32(c);
    ADD_FAILURE() << "no capability " << int(id);
    return 0;
  }
};

TEST_F(PciTest, Enumeration) {
  EXPECT_EQ(get(0, 4, 0), 0x00081b36u);
  EXPECT_EQ(get(0, 4), 0x56781234u);
  EXPECT_EQ(get(kDeviceId, 1), 0x78u);
  EXPECT_EQ(get(kClassCode, 1) | get(kClassCode + 1, 2) << 8, 0xff0000u);
  EXPECT_EQ(get(0, 4, 2), 0xffffffffu);                                             // nothing there
  EXPECT_EQ(bridge.read(HostBridge::kEcam, at(1, 0) | 0x1000, 4), 0xffffffffu);     // no function 1
  EXPECT_EQ(bridge.read(HostBridge::kEcam, u64{1} << 20, 4), 0xffffffffu);          // no bus 1
  EXPECT_EQ(bridge.read(HostBridge::kEcam, at(1, 2), 4), 0xffffffffu);              // misaligned
  EXPECT_EQ(bridge.read(HostBridge::kEcam, (u64{256} << 20) - 4, 4), 0xffffffffu);  // the last register
}

TEST_F(PciTest, BarsReportTheirSize) {
  for (u32 bar : {0, 1, 2, 3}) set(kBar0 + 4 * bar, 4, 0xffffffff);
  EXPECT_EQ(get(kBar0, 4), 0xffffffe1u);
  EXPECT_EQ(get(kBar0 + 4, 4), 0xfffff000u);
  EXPECT_EQ(get(kBar0 + 8, 4), 0xffff000cu);
  EXPECT_EQ(get(kBar0 + 12, 4), 0xffffffffu);
  EXPECT_EQ(get(kBar0 + 16, 4), 0u);
}

TEST_F(PciTest, DecodingFollowsCommandAndBars) {
  const auto read = [&] { return bridge.read(HostBridge::kMemoryWindow64, 0x123, 2); };
  EXPECT_EQ(read(), 0xffffu);
  enable();
  EXPECT_EQ(read(), 0x20123u);
  bridge.write(HostBridge::kMemoryWindow64, 0xfffc, 4, 7);
  EXPECT_EQ(probe.last, u64{7} << 32 | 0x2fffc);
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0xfffc, 8), ~u64{0});  // beyond the BAR's end
  EXPECT_EQ(bridge.read(HostBridge::kIoWindow, 0x1f, 1), 0x1fu);
  set(kBar0 + 8, 4, 0x20000);
  EXPECT_EQ(read(), 0xffffu);
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0x20001, 1), 0x20001u);
  set(kCommand, 2, kCommandIo);
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0x20001, 1), 0xffu);
}

TEST_F(PciTest, IntxIsSwizzledSharedAndMaskable) {
  for (int i = 0; i < 3; ++i) add();
  Probe& fifth = add();  // slot 5 shares a wire with slot 1
  probe.set_intx(true);
  EXPECT_TRUE(lines[1].level);
  fifth.set_intx(true);
  probe.set_intx(false);
  EXPECT_TRUE(lines[1].level);
  EXPECT_TRUE(get(kStatus, 2, 5) & kStatusInterrupt);
  set(kCommand, 2, kCommandIntxDisable, 5);
  EXPECT_FALSE(lines[1].level);
  EXPECT_TRUE(get(kStatus, 2, 5) & kStatusInterrupt);
  set(kCommand, 2, 0, 5);
  EXPECT_TRUE(lines[1].level);
  bridge.reset(ResetKind::warm);
  EXPECT_FALSE(lines[1].level);
  EXPECT_EQ(fifth.resets, 1u);
}

TEST_F(PciTest, MsixSendsHoldsBackAndReportsPending) {
  enable();
  const u32 msix = capability(kCapMsix);
  EXPECT_EQ(get(msix + 2, 2), 1u);  // two vectors
  const auto table = [&](u64 offset, u32 value) {
    bridge.write(HostBridge::kMemoryWindow32, kMsixAt - kWindow + offset, 4, value);
  };
  const auto pending = [&] {
    return bridge.read(HostBridge::kMemoryWindow32, kMsixAt - kWindow + Msix::kPendingOffset, 8);
  };
  table(16, u32(kRam + 0x100));
  table(24, 0xabcd);
  probe.signal_msix(1);  // not enabled: lost, as the function uses INTx
  set(msix + 2, 2, 0x8000);
  EXPECT_EQ(board.get<u32>(kRam + 0x100), 0u);
  probe.signal_msix(1);  // the vector is masked after reset
  EXPECT_EQ(pending(), 2u);
  table(28, 0);
  EXPECT_EQ(pending(), 0u);
  EXPECT_EQ(board.get<u32>(kRam + 0x100), 0xabcdu);
  board.put<u32>(kRam + 0x100, 0);
  set(msix + 2, 2, 0xc000);  // all masked
  probe.signal_msix(1);
  EXPECT_EQ(pending(), 2u);
  set(msix + 2, 2, 0x8000);
  EXPECT_EQ(board.get<u32>(kRam + 0x100), 0xabcdu);
  probe.set_intx(true);
  EXPECT_FALSE(lines[1].level);
  probe.signal_msix(99);  // no such vector
}

// An interrupt controller that translates messages by who sends them.
struct Doorbell final : Device {
  u64 offset = 0;
  u32 data = 0, requester = 0;
  std::string_view name() const override { return "doorbell"; }
  u64 read(RegionId, u64, unsigned) override { return 0; }
  void write(RegionId, u64, unsigned, u64) override {}
  void message(RegionId, u64 at, u32 value, u32 from) override { offset = at, data = value, requester = from; }
  void reset(ResetKind) override {}
  void visit_state(StateVisitor&) override {}
};

TEST_F(PciTest, MessagesToDevicesNameTheirSender) {
  Doorbell doorbell;
  ASSERT_TRUE(board.memory.add_device("doorbell", 0x8090000, 0x1000, doorbell, 0));
  enable();
  const u64 words[4] = {0x8090040, 0, 77, 0};
  for (unsigned i = 0; i < 4; i++) bridge.write(HostBridge::kMemoryWindow32, kMsixAt - kWindow + 4 * i, 4, words[i]);
  set(capability(kCapMsix) + 2, 2, 0x8000);
  probe.signal_msix(0);
  EXPECT_EQ(doorbell.offset, 0x40u);
  EXPECT_EQ(doorbell.data, 77u);
  EXPECT_EQ(doorbell.requester, 1u << 3) << "bus 0, slot 1, function 0";
}

TEST_F(PciTest, FunctionLevelReset) {
  enable();
  const u32 express = capability(kCapExpress);
  EXPECT_TRUE(get(express + 4, 4) & (1u << 28));
  set(express + 8, 2, 0x8000);
  EXPECT_EQ(probe.resets, 1u);
  EXPECT_EQ(get(kCommand, 2), 0u);
  EXPECT_EQ(get(kBar0 + 4, 4), 0u);
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0, 4), 0xffffffffu);
}

TEST_F(PciTest, StateRoundTrip) {
  enable();
  set(capability(kCapMsix) + 2, 2, 0x8000);
  probe.signal_msix(0);
  probe.set_intx(true);
  const auto saved = save_state([&](StateVisitor& v) { bridge.visit_state(v); });
  bridge.reset(ResetKind::cold);
  ASSERT_TRUE(load_state(saved, [&](StateVisitor& v) { bridge.visit_state(v); }));
  bridge.after_load();
  EXPECT_EQ(*compare_state(saved, [&](StateVisitor& v) { bridge.visit_state(v); }), "");
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0x10, 4), 0x20010u);
  add();
  EXPECT_FALSE(load_state(saved, [&](StateVisitor& v) { bridge.visit_state(v); }));
}

TEST_F(PciTest, FullBusRefuses) {
  for (unsigned i = 2; i < kSlots; ++i) add();
  EXPECT_FALSE(bridge.add(std::make_unique<Probe>()));
}

// A function behind a root port in slot 1, as bus 5.
struct PortTest : ::testing::Test {
  static constexpr u64 kWindow = 0x40000000, kBigAt = u64{0x400000000};
  static constexpr u64 kPort = 1 << 15, kBehind = 5 << 20;

  PortTest() {
    auto made = std::make_unique<Probe>();
    probe = made.get();
    EXPECT_TRUE(bridge.add_behind_port(std::move(made)));
  }
  u64 get(u64 at, unsigned width) { return bridge.read(HostBridge::kEcam, at, width); }
  void set(u64 at, unsigned width, u64 value) { bridge.write(HostBridge::kEcam, at, width, value); }
  void number_buses() { set(kPort + 0x18, 4, 0x00050500); }
  void open_windows() {
    set(kPort + 0x20, 4, 0x40004000);  // one MiB at 0x40000000
    set(kPort + 0x24, 4, 0x00000000);
    set(kPort + 0x28, 4, 4);  // and one at 0x400000000
    set(kPort + 0x2c, 4, 4);
    set(kPort + kCommand, 2, kCommandMemory | kCommandBusMaster);
    set(kBehind + kBar0 + 4, 4, kWindow);
    set(kBehind + kBar0 + 8, 4, u32(kBigAt));
    set(kBehind + kBar0 + 12, 4, kBigAt >> 32);
    set(kBehind + kCommand, 2, kCommandMemory | kCommandBusMaster);
  }

  Board board;
  IrqRecorder lines[kIntxLines];
  HostBridge bridge{board.memory,
                    {IrqLine{&lines[0], 0}, IrqLine{&lines[1], 0}, IrqLine{&lines[2], 0}, IrqLine{&lines[3], 0}},
                    {0, 0, kWindow, kBigAt}};
  Probe* probe;
};

TEST_F(PortTest, BusNumbers) {
  EXPECT_EQ(get(kPort, 4), 0x000c1b36u);
  EXPECT_EQ(get(kPort + kHeaderType, 1), 1u);
  EXPECT_EQ(get(kBehind, 4), 0xffffffffu);
  number_buses();
  EXPECT_EQ(get(kBehind, 4), 0x56781234u);
  EXPECT_EQ(get(kBehind + (1 << 15), 4), 0xffffffffu) << "device 1";
  EXPECT_EQ(get(u64{6} << 20, 4), 0xffffffffu);
}

TEST_F(PortTest, WindowsLetAddressesThrough) {
  number_buses();
  open_windows();
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0x123, 4), u64{2} << 16 | 0x123);
  set(kPort + kCommand, 2, 0);
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0x123, 4), 0xffffffffu);
  set(kPort + kCommand, 2, kCommandMemory);
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0x123, 4), u64{2} << 16 | 0x123);
  set(kPort + 0x28, 4, 5);  // base above limit: closed
  EXPECT_EQ(bridge.read(HostBridge::kMemoryWindow64, 0x123, 4), 0xffffffffu);
}

TEST_F(PortTest, HotReset) {
  number_buses();
  open_windows();
  const unsigned before = probe->resets;
  set(kPort + 0x3e, 2, 1 << 6);
  EXPECT_EQ(probe->resets, before + 1);
  EXPECT_EQ(get(kBehind, 4), 0xffffffffu);
  set(kPort + 0x3e, 2, 0);
  EXPECT_EQ(get(kBehind, 4), 0x56781234u);
  EXPECT_EQ(get(kBehind + kCommand, 2), 0u);
  EXPECT_EQ(get(kBehind + kBar0 + 8, 4) & ~0xfu, 0u);
  EXPECT_EQ(get(kPort + kCommand, 2), u32{kCommandMemory} | kCommandBusMaster) << "the port keeps its own";
}

TEST_F(PortTest, InterruptsPassThePort) {
  number_buses();
  open_windows();
  probe->set_intx(true);
  EXPECT_TRUE(lines[1].level);
  probe->set_intx(false);
  EXPECT_FALSE(lines[1].level);
}

}  // namespace
}  // namespace mimus::pci
