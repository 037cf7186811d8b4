#include "hw/intc/gicv3.h"

#include <atomic>
#include <condition_variable>
#include <thread>

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

// System registers: op0:op1:CRn:CRm:op2.
constexpr u32 icc(u32 crn, u32 crm, u32 op2) { return 3 << 14 | crn << 7 | crm << 3 | op2; }
constexpr u32 kPmr = icc(4, 6, 0), kIar0 = icc(12, 8, 0), kEoir0 = icc(12, 8, 1), kBpr0 = icc(12, 8, 3),
              kAp1r0 = icc(12, 9, 0), kDir = icc(12, 11, 1), kRpr = icc(12, 11, 3), kSgi1r = icc(12, 11, 5),
              kSgi0r = icc(12, 11, 7), kIar1 = icc(12, 12, 0), kEoir1 = icc(12, 12, 1), kHppir1 = icc(12, 12, 2),
              kBpr1 = icc(12, 12, 3), kCtlr = icc(12, 12, 4), kSre = icc(12, 12, 5), kIgrpen0 = icc(12, 12, 6),
              kIgrpen1 = icc(12, 12, 7);
constexpr u64 kRam = 0x40000000, kProperties = kRam, kPendingTable = kRam + 0x20000;

struct Bench {
  PhysicalMemory memory;
  RecordingSink cpus[3];
  IrqSink* sinks[3] = {&cpus[0], &cpus[1], &cpus[2]};
  Gicv3 gic{memory, sinks};

  Bench() {
    EXPECT_TRUE(memory.add_ram("ram", kRam, 0x40000));
    gic.reset(ResetKind::cold);
  }
  // As Linux does: everything in group 1, both ends enabled.
  void bring_up() {
    dist(0, 3);
    for (u64 word = 1; word < 9; word++) dist(0x80 + 4 * word, ~0u);
    for (unsigned cpu = 0; cpu < 3; cpu++) {
      redist(cpu, 0x14, 0);
      redist(cpu, 0x10080, ~0u);
      redist(cpu, 0x10100, ~0u);
      set(kPmr, 0xf0, cpu);
      set(kIgrpen1, 1, cpu);
    }
  }
  u32 dist(u64 offset) { return u32(gic.read(Gicv3::kDistributor, offset, 4)); }
  void dist(u64 offset, u32 value) { gic.write(Gicv3::kDistributor, offset, 4, value); }
  u32 redist(unsigned cpu, u64 offset) { return u32(gic.read(Gicv3::kRedistributors, cpu * 0x20000 + offset, 4)); }
  void redist(unsigned cpu, u64 offset, u32 value) {
    gic.write(Gicv3::kRedistributors, cpu * 0x20000 + offset, 4, value);
  }
  u64 get(u32 reg, unsigned cpu = 0) { return gic.cpu_port(cpu).read(reg); }
  void set(u32 reg, u64 value, unsigned cpu = 0) { gic.cpu_port(cpu).write(reg, value); }
  void enable(u32 spi) { dist(0x100 + (32 + spi) / 32 * 4, 1u << spi % 32); }
  void priority(u32 spi, u8 value) { gic.write(Gicv3::kDistributor, 0x400 + 32 + spi, 1, value); }
  void route(u32 spi, u64 affinity) { gic.write(Gicv3::kDistributor, 0x6000 + 8 * (32 + spi), 8, affinity); }
  void edge(u32 spi) { dist(0xc00 + (32 + spi) / 16 * 4, 2u << spi % 16 * 2); }
  bool irq(unsigned cpu = 0) { return cpus[cpu].level(0); }
  bool fiq(unsigned cpu = 0) { return cpus[cpu].level(1); }
  void enable_lpis(unsigned cpu) {
    gic.write(Gicv3::kRedistributors, cpu * 0x20000 + 0x70, 8, kProperties | 15);
    gic.write(Gicv3::kRedistributors, cpu * 0x20000 + 0x78, 8, (kPendingTable + 0x10000 * (cpu % 2)));
    redist(cpu, 0, 1);
  }
  void configure_lpi(u32 intid, u8 config) { memory.write(kProperties + intid - 8192, {&config, 1}); }
};

TEST(Gicv3, IdentifiesItself) {
  Bench b;
  EXPECT_EQ(b.dist(0) & 0x50, 0x50u) << "affinity routing, one security state";
  EXPECT_EQ(b.dist(4) & 0x1f, 8u) << "288 interrupts";
  EXPECT_EQ(b.dist(0xffe8) & 0xf0, 0x30u);
  EXPECT_EQ(b.redist(1, 0xffe8) & 0xf0, 0x30u);
  EXPECT_EQ(b.gic.read(Gicv3::kRedistributors, 0x20008, 8), 0x1'0000'0101u);
  EXPECT_EQ(b.redist(2, 8) & 0x10, 0x10u) << "the last one";
  EXPECT_EQ(b.redist(2, 0xc), 2u);
  EXPECT_EQ(b.redist(0, 0x14), 6u);
  b.redist(0, 0x14, 0);
  EXPECT_EQ(b.redist(0, 0x14), 0u);
  EXPECT_EQ(b.get(kSre), 7u);
  EXPECT_EQ(b.get(kCtlr), 0x8400u);
  EXPECT_TRUE(b.gic.cpu_port(0).has_registers());
}

TEST(Gicv3, LevelInterruptFromLineToCompletion) {
  Bench b;
  b.bring_up();
  b.enable(1);
  b.gic.set_irq(1, true);
  EXPECT_TRUE(b.irq());
  EXPECT_FALSE(b.fiq());
  EXPECT_EQ(b.dist(0x204), 2u);
  EXPECT_EQ(b.get(kHppir1), 33u);
  EXPECT_EQ(b.get(kIar1), 33u);
  EXPECT_FALSE(b.irq());
  EXPECT_EQ(b.dist(0x304), 2u);
  EXPECT_EQ(b.get(kRpr), 0u);
  EXPECT_EQ(b.get(kIar1), 1023u);
  b.set(kEoir1, 33);
  EXPECT_TRUE(b.irq()) << "the line is still high";
  EXPECT_EQ(b.get(kRpr), 0xffu);
  EXPECT_EQ(b.get(kIar1), 33u);
  b.gic.set_irq(1, false);
  b.set(kEoir1, 33);
  EXPECT_FALSE(b.irq());
  b.gic.set_irq(1, true);
  b.gic.set_irq(1, false);
  EXPECT_FALSE(b.irq()) << "a level goes with its line";
}

TEST(Gicv3, EdgeInterruptIsRememberedOnce) {
  Bench b;
  b.bring_up();
  b.enable(40);
  b.edge(40);
  b.gic.set_irq(40, true);
  b.gic.set_irq(40, false);
  EXPECT_EQ(b.get(kIar1), 72u);
  b.gic.set_irq(40, true);
  EXPECT_FALSE(b.irq()) << "active";
  b.set(kEoir1, 72);
  EXPECT_TRUE(b.irq()) << "another edge meanwhile";
  EXPECT_EQ(b.get(kIar1), 72u);
  b.set(kEoir1, 72);
  EXPECT_FALSE(b.irq()) << "the line is high, but that is no edge";
}

TEST(Gicv3, PriorityMaskAndPreemption) {
  Bench b;
  b.bring_up();
  for (u32 spi : {1, 2, 3}) b.enable(spi);
  b.priority(1, 0xa0);
  b.priority(2, 0x83);
  b.priority(3, 0x80);
  EXPECT_EQ(b.gic.read(Gicv3::kDistributor, 0x422, 1), 0x80u) << "five bits";
  b.gic.set_irq(1, true);
  b.set(kPmr, 0xa0);
  EXPECT_FALSE(b.irq());
  b.set(kPmr, 0xff);
  EXPECT_EQ(b.get(kPmr), 0xf8u);
  EXPECT_EQ(b.get(kIar1), 33u);
  b.gic.set_irq(2, true);
  b.gic.set_irq(3, true);
  EXPECT_TRUE(b.irq()) << "preempts";
  EXPECT_EQ(b.get(kIar1), 34u) << "equal priorities: the lower number";
  EXPECT_FALSE(b.irq());
  EXPECT_EQ(b.get(kRpr), 0x80u);
  EXPECT_EQ(b.get(kAp1r0), u64{1} << 16 | u64{1} << 20);
  b.gic.set_irq(2, false);
  b.set(kEoir1, 34);
  EXPECT_EQ(b.get(kRpr), 0xa0u);
  EXPECT_EQ(b.get(kIar1), 35u);
}

TEST(Gicv3, BinaryPointLimitsPreemption) {
  Bench b;
  b.bring_up();
  b.enable(1);
  b.enable(2);
  b.priority(1, 0xb0);
  b.priority(2, 0xa0);
  b.set(kBpr1, 0);
  EXPECT_EQ(b.get(kBpr1), 3u) << "the least";
  b.set(kBpr0, 0);
  EXPECT_EQ(b.get(kBpr0), 2u);
  b.set(kBpr1, 6);  // bits 7:6 preempt
  b.gic.set_irq(1, true);
  EXPECT_EQ(b.get(kIar1), 33u);
  EXPECT_EQ(b.get(kRpr), 0x80u);
  b.gic.set_irq(2, true);
  EXPECT_FALSE(b.irq());
  b.set(kCtlr, 1);  // CBPR
  EXPECT_EQ(b.get(kBpr1), 3u);
  b.set(kBpr1, 7);
  EXPECT_EQ(b.get(kBpr1), 3u);
  b.set(kEoir1, 33);
  EXPECT_EQ(b.get(kIar1), 34u);
  EXPECT_EQ(b.get(kRpr), 0xa0u);
}

TEST(Gicv3, GroupsAreIrqAndFiq) {
  Bench b;
  b.bring_up();
  b.enable(1);
  b.dist(0x84, ~2u);
  b.gic.set_irq(1, true);
  EXPECT_FALSE(b.fiq()) << "group 0 is off";
  b.set(kIgrpen0, 1);
  EXPECT_TRUE(b.fiq());
  EXPECT_FALSE(b.irq());
  EXPECT_EQ(b.get(kIar1), 1023u);
  EXPECT_EQ(b.get(kIar0), 33u);
  b.set(kEoir1, 33);
  EXPECT_EQ(b.dist(0x304), 2u) << "the other group's register";
  b.set(kEoir0, 33);
  EXPECT_EQ(b.dist(0x304), 0u);
  b.dist(0, 2);
  EXPECT_FALSE(b.fiq()) << "off in the distributor";
}

TEST(Gicv3, SplitCompletion) {
  Bench b;
  b.bring_up();
  b.enable(1);
  b.enable(2);
  b.set(kDir, 33);
  b.set(kCtlr, 2);
  b.gic.set_irq(1, true);
  EXPECT_EQ(b.get(kIar1), 33u);
  b.set(kEoir1, 33);
  EXPECT_EQ(b.get(kRpr), 0xffu);
  EXPECT_FALSE(b.irq()) << "still active";
  b.gic.set_irq(2, true);
  EXPECT_TRUE(b.irq());
  b.gic.set_irq(2, false);
  b.set(kDir, 33);
  EXPECT_TRUE(b.irq());
}

TEST(Gicv3, SpisFollowTheirRoutes) {
  Bench b;
  b.bring_up();
  b.enable(5);
  b.gic.set_irq(5, true);
  EXPECT_TRUE(b.irq(0));
  b.route(5, 2);
  EXPECT_FALSE(b.irq(0));
  EXPECT_TRUE(b.irq(2));
  EXPECT_EQ(b.get(kIar1, 0), 1023u);
  b.route(5, 0x100);
  EXPECT_FALSE(b.irq(2)) << "no such CPU";
  b.gic.write(Gicv3::kDistributor, 0x6000 + 8 * 37, 4, 1);
  EXPECT_TRUE(b.irq(1));
  EXPECT_EQ(b.get(kIar1, 1), 37u);
  b.set(kEoir1, 37, 1);
  EXPECT_TRUE(b.irq(1));
}

TEST(Gicv3, PrivateInterrupts) {
  Bench b;
  b.bring_up();
  b.gic.cpu_port(1).set_irq(27, true);
  EXPECT_TRUE(b.irq(1));
  EXPECT_FALSE(b.irq(0));
  EXPECT_EQ(b.redist(1, 0x10200), 1u << 27);
  EXPECT_EQ(b.get(kIar1, 1), 27u);
  b.gic.cpu_port(1).set_irq(27, false);
  b.set(kEoir1, 27, 1);
  EXPECT_FALSE(b.irq(1));
  b.gic.cpu_port(1).set_irq(5, true);
  b.gic.cpu_port(1).set_irq(40, true);
  EXPECT_FALSE(b.irq(1)) << "neither is a PPI";
}

TEST(Gicv3, SoftwareGeneratedInterrupts) {
  Bench b;
  b.bring_up();
  b.set(kSgi1r, u64{3} << 24 | 0b101);
  EXPECT_TRUE(b.irq(0));
  EXPECT_FALSE(b.irq(1));
  EXPECT_TRUE(b.irq(2));
  EXPECT_EQ(b.get(kIar1, 2), 3u);
  b.set(kEoir1, 3, 2);
  EXPECT_FALSE(b.irq(2));
  EXPECT_EQ(b.get(kIar1, 0), 3u);
  b.set(kEoir1, 3, 0);
  b.set(kSgi1r, u64{1} << 40 | u64{7} << 24, 1);
  EXPECT_TRUE(b.irq(0));
  EXPECT_FALSE(b.irq(1)) << "all but itself";
  EXPECT_EQ(b.get(kIar1, 0), 7u);
  b.set(kEoir1, 7, 0);
  b.set(kSgi1r, u64{1} << 16 | 1);
  b.set(kSgi0r, 1);
  EXPECT_FALSE(b.irq(0)) << "another cluster; another group";
  b.redist(0, 0x10280, 1u << 9);
  b.redist(0, 0x10200, 1u << 9);
  EXPECT_EQ(b.get(kIar1, 0), 9u);
  EXPECT_EQ(b.redist(0, 0x10c00), 0xaaaaaaaau);
}

TEST(Gicv3, RegistersThatDoNotExist) {
  Bench b;
  b.bring_up();
  b.dist(0x100, ~0u);
  EXPECT_EQ(b.dist(0x100), 0u) << "private interrupts are the redistributors'";
  b.dist(0x100 + 4 * 9, ~0u);
  EXPECT_EQ(b.dist(0x100 + 4 * 9), 0u);
  b.gic.write(Gicv3::kDistributor, 0x6000 + 8 * 288, 8, 1);
  EXPECT_EQ(b.gic.read(Gicv3::kDistributor, 0x6000 + 8 * 288, 8), 0u);
  EXPECT_EQ(b.gic.read(Gicv3::kDistributor, 0x7ff, 4), 0u);
  EXPECT_EQ(b.gic.read(Gicv3::kRedistributors, 3 * 0x20000, 4), 0u);
  b.redist(3, 0x10100, ~0u);
  b.gic.set_irq(256, true);
  EXPECT_EQ(b.get(0), 0u);
  b.set(kIar1, 0);
  b.set(kEoir1, 0xffffff);
  b.set(kDir, 0xffffff);
  EXPECT_EQ(b.get(kEoir1), 0u);
}

TEST(Gicv3, Lpis) {
  Bench b;
  b.bring_up();
  b.configure_lpi(8192, 0xa1);
  b.configure_lpi(8193, 0x41);
  b.gic.set_lpi(1, 8192, true);
  EXPECT_FALSE(b.irq(1)) << "LPIs are off";
  b.enable_lpis(1);
  EXPECT_EQ(b.redist(1, 0), 3u);
  for (u32 intid : {8192, 8193, 8194, 65535, 65536, 5}) b.gic.set_lpi(1, intid, true);
  EXPECT_EQ(b.get(kIar1, 1), 8193u);
  EXPECT_EQ(b.get(kRpr, 1), 0x40u);
  EXPECT_FALSE(b.irq(1));
  b.set(kEoir1, 8193, 1);
  EXPECT_EQ(b.get(kIar1, 1), 8192u);
  b.set(kEoir1, 8192, 1);
  EXPECT_FALSE(b.irq(1)) << "8194 is not enabled";
  b.configure_lpi(8194, 0xa1);
  b.gic.invalidate_lpi(1, 8194);
  EXPECT_TRUE(b.irq(1));
  b.configure_lpi(8194, 0xa0);
  b.gic.invalidate_lpis(1);
  EXPECT_FALSE(b.irq(1));
}

TEST(Gicv3, LpisKeepTheirPendingBitsInTheTable) {
  Bench b;
  b.bring_up();
  b.configure_lpi(8200, 0xa1);
  b.enable_lpis(0);
  b.gic.set_lpi(0, 8200, true);
  b.redist(0, 0, 0);
  EXPECT_FALSE(b.irq(0));
  u8 byte = 0;
  EXPECT_TRUE(b.memory.read(kPendingTable + 1025, {&byte, 1}));
  EXPECT_EQ(byte, 1);
  b.redist(0, 0, 1);
  EXPECT_TRUE(b.irq(0));
  b.redist(0, 0, 0);
  b.gic.write(Gicv3::kRedistributors, 0x78, 8, kPendingTable | u64{1} << 62);
  EXPECT_EQ(b.gic.read(Gicv3::kRedistributors, 0x78, 8), kPendingTable);
  b.redist(0, 0, 1);
  EXPECT_FALSE(b.irq(0)) << "PTZ: nothing is pending";
}

TEST(Gicv3, LpisMove) {
  Bench b;
  b.bring_up();
  b.configure_lpi(8192, 1);
  b.configure_lpi(8193, 1);
  b.enable_lpis(0);
  b.enable_lpis(1);
  b.gic.set_lpi(0, 8192, true);
  b.gic.move_lpi(0, 1, 8192);
  b.gic.move_lpi(0, 1, 8193);
  EXPECT_FALSE(b.irq(0));
  EXPECT_EQ(b.get(kIar1, 1), 8192u);
  b.set(kEoir1, 8192, 1);
  EXPECT_FALSE(b.irq(1));
  b.gic.set_lpi(0, 8193, true);
  b.gic.move_all_lpis(0, 1);
  EXPECT_FALSE(b.irq(0));
  EXPECT_TRUE(b.irq(1));
}

TEST(Gicv3, TablesOutsideOfMemory) {
  Bench b;
  b.bring_up();
  b.gic.write(Gicv3::kRedistributors, 0x70, 8, 0xf'ffff'ffff'f00f);
  b.gic.write(Gicv3::kRedistributors, 0x78, 8, 0xf'ffff'ffff'0000);
  b.redist(0, 0, 1);
  b.gic.set_lpi(0, 8192, true);
  EXPECT_FALSE(b.irq(0));
  b.redist(0, 0, 0);
  b.gic.write(Gicv3::kRedistributors, 0x70, 8, kProperties | 5);  // no room for LPIs
  b.redist(0, 0, 1);
  b.gic.set_lpi(0, 8192, true);
  EXPECT_FALSE(b.irq(0));
}

TEST(Gicv3, StateInMidOperation) {
  Bench a, b;
  a.bring_up();
  a.enable(1);
  a.enable(2);
  a.priority(1, 0xa0);
  a.priority(2, 0x80);
  a.route(2, 1);
  a.gic.set_irq(1, true);
  a.gic.set_irq(2, true);
  EXPECT_EQ(a.get(kIar1), 33u);
  for (Bench* bench : {&a, &b}) bench->configure_lpi(9000, 0xc1);
  a.enable_lpis(2);
  a.gic.set_lpi(2, 9000, true);
  transplant(a.gic, b.gic);
  EXPECT_FALSE(b.irq(0));
  EXPECT_TRUE(b.irq(1));
  EXPECT_EQ(b.get(kIar1, 2), 9000u);
  EXPECT_EQ(b.get(kRpr), 0xa0u);
  b.set(kEoir1, 33);
  EXPECT_TRUE(b.irq(0)) << "its line was high";
  EXPECT_EQ(load_with(a.gic, b.gic, "point0", 8), "saved state: gic.cpu.priorities.point0: index out of range");
  EXPECT_EQ(load_with(a.gic, b.gic, "enabled", 0, 13), "saved state: gic.cpu.lpis.pending: a table of another size");
}

// A CPU that sleeps until its IRQ line is high.
struct SleepingCpu final : IrqSink {
  std::mutex mutex;
  std::condition_variable woken;
  bool level = false;
  void set_irq(unsigned input, bool high) override {
    if (input != 0) return;
    std::scoped_lock guard(mutex);
    level = high;
    woken.notify_one();
  }
  void wait() {
    std::unique_lock guard(mutex);
    woken.wait(guard, [this] { return level; });
  }
};

// Each CPU on its own thread passes an SGI on to the next one, while messages come as LPIs and a line rises and falls.
TEST(Gicv3, CpusAndDevicesInParallel) {
  constexpr unsigned kCpus = 4, kRounds = 200, kMessages = 200;
  PhysicalMemory memory;
  ASSERT_TRUE(memory.add_ram("ram", kRam, 0x100000));
  SleepingCpu cpus[kCpus];
  IrqSink* sinks[kCpus] = {&cpus[0], &cpus[1], &cpus[2], &cpus[3]};
  Gicv3 gic(memory, sinks);
  gic.reset(ResetKind::cold);
  gic.write(Gicv3::kDistributor, 0, 4, 2);
  gic.write(Gicv3::kDistributor, 0x84, 4, ~0u);
  const u8 config = 0xa1;
  memory.write(kProperties, {&config, 1});
  for (unsigned i = 0; i < kCpus; i++) {
    gic.write(Gicv3::kRedistributors, i * 0x20000 + 0x70, 8, kProperties | 15);
    gic.write(Gicv3::kRedistributors, i * 0x20000 + 0x78, 8, kRam + 0x40000 + 0x10000 * i);
    gic.write(Gicv3::kRedistributors, i * 0x20000, 4, 1);
    gic.write(Gicv3::kRedistributors, i * 0x20000 + 0x10080, 4, ~0u);
    gic.write(Gicv3::kRedistributors, i * 0x20000 + 0x10100, 4, ~0u);
    gic.cpu_port(i).write(kPmr, 0xf0);
    gic.cpu_port(i).write(kIgrpen1, 1);
  }
  std::atomic<unsigned> messages{0};
  auto cpu = [&](unsigned index) {
    CpuInterruptPort& port = gic.cpu_port(index);
    unsigned rounds = 0, lpis = 0;
    while (rounds < kRounds || (index == 1 && lpis < kMessages)) {
      cpus[index].wait();
      const u64 intid = port.read(kIar1);
      if (intid == 1) {
        rounds++;
        port.write(kSgi1r, u64{1} << 24 | u64{1} << (index + 1) % kCpus);
      } else if (intid == 8192) {
        lpis++;
        messages++;
        messages.notify_one();
      }
      if (intid < 1020 || intid >= 8192) port.write(kEoir1, intid);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kCpus; i++) threads.emplace_back(cpu, i);
  threads.emplace_back([&] {
    for (unsigned i = 0; i < kMessages; i++) {
      gic.set_lpi(1, 8192, true);
      messages.wait(i);  // until it has been taken
    }
  });
  threads.emplace_back([&] {
    for (unsigned i = 0; i < kRounds; i++) gic.set_irq(3, i % 2 == 0);  // nobody has enabled it
  });
  gic.cpu_port(3).write(kSgi1r, u64{1} << 24 | 1);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(messages, kMessages);
}

}  // namespace
}  // namespace mimus
