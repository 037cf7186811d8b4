// Virtio over PCI, driven through its registers with the entropy device as passenger.
#include "hw/virtio/pci.h"

#include "hw/pci/host_bridge.h"
#include "hw/virtio/entropy.h"
#include "tests/virtio/guest_driver.h"

namespace mimus::virtio {
namespace {

using pci::HostBridge;

struct Counter : EntropyEndpoint {
  void fill(std::span<u8> out) override {
    for (u8& byte : out) byte = ++last;
  }
  u8 last = 0;
};

struct VirtioPci : ::testing::Test {
  static constexpr u64 kMsixAt = 0x10000, kBarAt = 0x20000;
  Board board;
  Counter source;
  HostBridge bridge{board.memory, {IrqLine{}, IrqLine{&board.irq, 0}, IrqLine{}, IrqLine{}}, {0, 0, 0, 0}};
  RingDriver ring{board, kRam + 0x10000, 16};
  u32 structures[6] = {};  // offset in the BAR by type
  u32 access = 0;

  VirtioPci() {
    EXPECT_TRUE(bridge.add(std::make_unique<Pci>("rng", std::make_unique<Entropy>("rng", source, board.wiring()))));
    set_config(pci::kBar0 + 4, 4, kMsixAt);
    set_config(pci::kBar0 + 16, 4, kBarAt);
    set_config(pci::kCommand, 2, pci::kCommandMemory | pci::kCommandBusMaster);
    for (u32 c = u32(config(pci::kCapabilitiesPointer, 1)); c; c = u32(config(c + 1, 1))) {
      if (config(c, 1) != pci::kCapVendor) continue;
      const u64 type = config(c + 3, 1);
      if (type == 5) access = c;
      structures[type] = u32(config(c + 8, 4));
    }
  }
  u64 config(u32 reg, unsigned width) { return bridge.read(HostBridge::kEcam, 1 << 15 | reg, width); }
  void set_config(u32 reg, unsigned width, u64 value) { bridge.write(HostBridge::kEcam, 1 << 15 | reg, width, value); }
  u64 get(unsigned type, u64 reg, unsigned width) {
    return bridge.read(HostBridge::kMemoryWindow64, kBarAt + structures[type] + reg, width);
  }
  void set(unsigned type, u64 reg, unsigned width, u64 value) {
    bridge.write(HostBridge::kMemoryWindow64, kBarAt + structures[type] + reg, width, value);
  }
  void start() {
    set(1, 0x14, 1, 0);
    set(1, 0x14, 1, kStatusAcknowledge | kStatusDriver);
    set(1, 0x08, 4, 1);
    set(1, 0x0c, 4, kFeatureVersion1 >> 32);
    set(1, 0x14, 1, kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk);
    EXPECT_TRUE(get(1, 0x14, 1) & kStatusFeaturesOk);
    set(1, 0x16, 2, 0);
    set(1, 0x18, 2, ring.size());
    set(1, 0x20, 8, ring.desc());
    set(1, 0x28, 4, u32(ring.avail()));
    set(1, 0x2c, 4, ring.avail() >> 32);
    set(1, 0x30, 8, ring.used());
    set(1, 0x1c, 2, 1);
    set(1, 0x14, 1, kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk);
  }
  void ask() {
    ring.add({{kRam + 0x100, 8, true}});
    set(2, 4 * get(1, 0x1e, 2), 2, 0);
  }
};

TEST_F(VirtioPci, Identification) {
  EXPECT_EQ(config(0, 4), 0x10441af4u);
  EXPECT_EQ(get(1, 0x12, 2), 1u);  // one queue
  EXPECT_EQ(get(1, 0x18, 2), 64u);
  EXPECT_EQ(get(1, 0x10, 2), 0xffffu);
  set(1, 0x16, 2, 1);
  EXPECT_EQ(get(1, 0x18, 2), 0u);  // there is no queue 1
  EXPECT_EQ(get(1, 0x1a, 2), 0xffffu);
  EXPECT_EQ(get(1, 0x18, 4), 0u);  // not the field's width
}

TEST_F(VirtioPci, IntxUntilTheIsrIsRead) {
  start();
  ask();
  EXPECT_EQ(board.get<u8>(kRam + 0x107), 8);
  EXPECT_TRUE(board.irq.level);
  EXPECT_EQ(get(3, 0, 1), 1u);
  EXPECT_FALSE(board.irq.level);
  EXPECT_EQ(get(3, 0, 1), 0u);
}

TEST_F(VirtioPci, MsixVectorOfTheQueue) {
  u32 msix = 0;
  for (u32 c = u32(config(pci::kCapabilitiesPointer, 1)); c; c = u32(config(c + 1, 1)))
    if (config(c, 1) == pci::kCapMsix) msix = c;
  const auto table = [&](u64 offset, u32 value) {
    bridge.write(HostBridge::kMemoryWindow32, kMsixAt + offset, 4, value);
  };
  table(16, u32(kRam + 0x200));
  table(24, 0x77);
  table(28, 0);
  set_config(msix + 2, 2, 0x8000);
  set(1, 0x16, 2, 0);
  set(1, 0x1a, 2, 9);  // there is no such vector
  EXPECT_EQ(get(1, 0x1a, 2), 0xffffu);
  set(1, 0x1a, 2, 1);
  EXPECT_EQ(get(1, 0x1a, 2), 1u);
  set(1, 0x14, 1, 0);  // a reset forgets the vectors
  EXPECT_EQ(get(1, 0x1a, 2), 0xffffu);
  start();
  set(1, 0x1a, 2, 1);
  ask();
  EXPECT_EQ(board.get<u32>(kRam + 0x200), 0x77u);
  EXPECT_FALSE(board.irq.level);
  EXPECT_EQ(get(3, 0, 1), 0u);
}

TEST_F(VirtioPci, AccessThroughConfigurationSpace) {
  set_config(access + 4, 1, 4);
  set_config(access + 8, 4, structures[1] + 0x12);
  set_config(access + 12, 4, 2);
  EXPECT_EQ(config(access + 16, 4), 1u);
  set_config(access + 8, 4, structures[1] + 0x14);
  set_config(access + 12, 4, 1);
  set_config(access + 16, 4, kStatusAcknowledge);
  EXPECT_EQ(get(1, 0x14, 1), u64{kStatusAcknowledge});
  for (u64 bad : {u64{0xffffffff}, u64{0x4000}}) {
    set_config(access + 8, 4, bad);
    config(access + 16, 4);
  }
  set_config(access + 4, 1, 77);
  set_config(access + 16, 4, 1);
}

TEST_F(VirtioPci, NoDmaWithoutBusMaster) {
  start();
  set_config(pci::kCommand, 2, pci::kCommandMemory);
  ask();
  EXPECT_EQ(ring.used_idx(), 0u);
}

TEST_F(VirtioPci, StateRoundTrip) {
  start();
  ask();
  const auto saved = save_state([&](StateVisitor& v) { bridge.visit_state(v); });
  bridge.reset(ResetKind::cold);
  EXPECT_FALSE(board.irq.level);
  ASSERT_TRUE(load_state(saved, [&](StateVisitor& v) { bridge.visit_state(v); }));
  bridge.after_load();
  EXPECT_TRUE(board.irq.level);
  EXPECT_EQ(*compare_state(saved, [&](StateVisitor& v) { bridge.visit_state(v); }), "");
  ask();
  EXPECT_EQ(ring.used_idx(), 2u);
}

}  // namespace
}  // namespace mimus::virtio
