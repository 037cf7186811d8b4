#include "hw/intc/gicv2.h"

#include "hw/intc/gicv2m.h"
#include "tests/dev/fixture.h"

namespace mimus {
namespace {

enum : u64 {
  kCtlr = 0,
  kPmr = 4,
  kBpr = 8,
  kIar = 0xc,
  kEoir = 0x10,
  kRpr = 0x14,
  kHppir = 0x18,
  kAiar = 0x20,
  kAeoir = 0x24,
  kApr0 = 0xd0,
  kDir = 0x1000
};

struct Bench {
  RecordingSink cpus[3];
  IrqSink* sinks[3] = {&cpus[0], &cpus[1], &cpus[2]};
  Gicv2 gic{sinks};

  Bench() { gic.reset(ResetKind::cold); }
  // As Linux does: everything in group 0, signalled as IRQs.
  void bring_up(u32 control = 1) {
    set_dist(0, 3);
    for (unsigned cpu = 0; cpu < 3; cpu++) {
      set_dist(0x100, ~0u, cpu);
      set(kPmr, 0xf0, cpu);
      set(kCtlr, control, cpu);
    }
  }
  u32 dist(u64 offset, unsigned cpu = 0) { return u32(gic.cpu_read(cpu, Gicv2::kDistributor, offset, 4)); }
  void set_dist(u64 offset, u32 value, unsigned cpu = 0) { gic.cpu_write(cpu, Gicv2::kDistributor, offset, 4, value); }
  u32 get(u64 offset, unsigned cpu = 0) { return u32(gic.cpu_read(cpu, Gicv2::kCpuInterface, offset, 4)); }
  void set(u64 offset, u32 value, unsigned cpu = 0) { gic.cpu_write(cpu, Gicv2::kCpuInterface, offset, 4, value); }
  void byte(u64 offset, u8 value) { gic.write(Gicv2::kDistributor, offset, 1, value); }
  void enable(u32 spi, u8 targets = 1) {
    set_dist(0x100 + (32 + spi) / 32 * 4, 1u << spi % 32);
    byte(0x820 + spi, targets);
  }
  bool irq(unsigned cpu = 0) { return cpus[cpu].level(0); }
  bool fiq(unsigned cpu = 0) { return cpus[cpu].level(1); }
};

TEST(Gicv2, IdentifiesItself) {
  Bench b;
  EXPECT_EQ(b.gic.read(Gicv2::kDistributor, 4, 4), 0x48u) << "288 interrupts, 3 CPUs";
  EXPECT_EQ(b.gic.read(Gicv2::kDistributor, 0xfe8, 4), 0x2bu);
  EXPECT_EQ(b.gic.read(Gicv2::kDistributor, 0x800, 4), 0x01010101u);
  EXPECT_EQ(b.gic.cpu_read(2, Gicv2::kDistributor, 0x81c, 4), 0x04040404u) << "private interrupts are the CPU's own";
  EXPECT_EQ(b.get(0xfc), 0x2043bu);
  EXPECT_FALSE(b.gic.cpu_port(0).has_registers());
}

TEST(Gicv2, LevelInterruptFromLineToCompletion) {
  Bench b;
  b.bring_up();
  b.enable(1);
  b.gic.set_irq(1, true);
  EXPECT_TRUE(b.irq());
  EXPECT_FALSE(b.fiq());
  EXPECT_EQ(b.get(kHppir), 33u);
  EXPECT_EQ(b.get(kIar), 33u);
  EXPECT_FALSE(b.irq());
  EXPECT_EQ(b.get(kRpr), 0u);
  EXPECT_EQ(b.get(kIar), 1023u);
  b.set(kEoir, 33);
  EXPECT_TRUE(b.irq()) << "the line is still high";
  b.gic.set_irq(1, false);
  EXPECT_FALSE(b.irq());
}

TEST(Gicv2, OneOfSeveralTargetsTakesIt) {
  Bench b;
  b.bring_up();
  b.enable(7, 0b110);
  b.gic.set_irq(7, true);
  EXPECT_FALSE(b.irq(0));
  EXPECT_TRUE(b.irq(1));
  EXPECT_TRUE(b.irq(2));
  EXPECT_EQ(b.get(kIar, 2), 39u);
  EXPECT_FALSE(b.irq(1));
  EXPECT_EQ(b.get(kIar, 1), 1023u);
  b.set(kEoir, 39, 2);
  EXPECT_TRUE(b.irq(1));
  b.byte(0x827, 0xf9);
  EXPECT_EQ(b.gic.read(Gicv2::kDistributor, 0x827, 1), 1u) << "three CPUs";
  EXPECT_TRUE(b.irq(0));
  EXPECT_FALSE(b.irq(1));
}

TEST(Gicv2, SoftwareGeneratedInterruptsNameTheirSender) {
  Bench b;
  b.bring_up();
  b.set_dist(0xf00, 0b100 << 16 | 5, 0);
  b.set_dist(0xf00, 0b110 << 16 | 5, 1);
  EXPECT_EQ(b.dist(0xf24, 2), 0b11u << 8);
  EXPECT_EQ(b.get(kIar, 2), 5u);
  b.set(kEoir, 5, 2);
  EXPECT_TRUE(b.irq(2));
  EXPECT_EQ(b.get(kIar, 2), 1u << 10 | 5);
  b.set(kEoir, 1u << 10 | 5, 2);
  EXPECT_FALSE(b.irq(2));
  EXPECT_EQ(b.get(kIar, 1), 1u << 10 | 5) << "it sent to itself as well";
  b.set(kEoir, 1u << 10 | 5, 1);
  b.set_dist(0xf00, 1 << 24 | 3, 1);
  EXPECT_TRUE(b.irq(0));
  EXPECT_FALSE(b.irq(1));
  EXPECT_TRUE(b.irq(2));
  b.set_dist(0xf10, 2u << 24, 0);
  EXPECT_FALSE(b.irq(0)) << "GICD_CPENDSGIR";
  b.set_dist(0xf00, 2 << 24 | 4, 0);
  EXPECT_EQ(b.get(kIar), 4u);
  b.set_dist(0x180, ~0u, 0);
  EXPECT_EQ(b.dist(0x100), 0xffffu) << "SGIs stay enabled";
}

TEST(Gicv2, PrivatePeripheralInterrupts) {
  Bench b;
  b.bring_up();
  b.gic.cpu_port(1).set_irq(27, true);
  EXPECT_FALSE(b.irq(0));
  EXPECT_TRUE(b.irq(1));
  EXPECT_EQ(b.dist(0x200, 1), 1u << 27);
  EXPECT_EQ(b.get(kIar, 1), 27u);
}

TEST(Gicv2, GroupsAndTheAliasRegisters) {
  Bench b;
  b.bring_up(0xb);  // both groups, FIQs
  b.enable(1);
  b.enable(2);
  b.set_dist(0x84, 1 << 2);  // SPI 2 is in group 1
  b.gic.set_irq(2, true);
  EXPECT_TRUE(b.irq());
  EXPECT_EQ(b.get(kIar), 1022u);
  b.gic.set_irq(1, true);
  EXPECT_TRUE(b.fiq());
  EXPECT_FALSE(b.irq()) << "the lower number is more urgent";
  EXPECT_EQ(b.get(kAiar), 1023u);
  EXPECT_EQ(b.get(kIar), 33u);
  b.gic.set_irq(1, false);
  b.set(kEoir, 33);
  EXPECT_EQ(b.get(kAiar), 34u);
  b.set(kAeoir, 34);
  b.set(kCtlr, 0xf);  // AckCtl
  EXPECT_EQ(b.get(kIar), 34u);
}

TEST(Gicv2, SplitCompletion) {
  Bench b;
  b.bring_up(0x201);
  b.enable(1);
  b.gic.set_irq(1, true);
  EXPECT_EQ(b.get(kIar), 33u);
  EXPECT_EQ(b.get(kApr0), 1u);
  b.set(kEoir, 33);
  EXPECT_EQ(b.get(kRpr), 0xffu);
  EXPECT_FALSE(b.irq());
  b.set(kDir, 33);
  EXPECT_TRUE(b.irq());
}

TEST(Gicv2, RegistersThatDoNotExist) {
  Bench b;
  b.bring_up();
  EXPECT_EQ(b.gic.cpu_read(3, Gicv2::kDistributor, 4, 4), 0u);
  b.gic.cpu_write(3, Gicv2::kCpuInterface, 0, 4, 1);
  EXPECT_EQ(b.gic.read(Gicv2::kDistributor, 0x101, 4), 0u);
  EXPECT_EQ(b.gic.read(Gicv2::kDistributor, 0, 8), 0u);
  for (u64 offset : {0x920ul, 0xbfful & ~3ul, 0xd00ul, 0xf30ul, 0x520ul}) {
    b.set_dist(offset, ~0u);
    EXPECT_EQ(b.dist(offset), 0u) << offset;
  }
  b.set(kEoir, 1023);
  b.set(kEoir, 700);
  b.set(kDir, 700);
  b.gic.set_irq(256, true);
  b.gic.cpu_port(0).set_irq(32, true);
}

TEST(Gicv2, StateInMidOperation) {
  Bench a, b;
  a.bring_up();
  a.enable(1);
  a.enable(9, 2);
  a.gic.set_irq(1, true);
  a.gic.set_irq(9, true);
  EXPECT_EQ(a.get(kIar), 33u);
  a.set_dist(0xf00, 0b100 << 16 | 5, 1);
  transplant(a.gic, b.gic);
  EXPECT_FALSE(b.irq(0));
  EXPECT_TRUE(b.irq(1));
  EXPECT_EQ(b.get(kIar, 2), 1u << 10 | 5);
  b.set(kEoir, 33);
  EXPECT_TRUE(b.irq(0)) << "its line was high";
  EXPECT_EQ(load_with(a.gic, b.gic, "control", 0x800), "saved state: gic.cpu.control: index out of range");
}

TEST(Gicv2m, MessagesBecomeSpis) {
  Bench b;
  Gicv2m frame(b.gic, 48, 64);
  b.bring_up();
  b.enable(50);
  b.set_dist(0xc00 + 82 / 16 * 4, 2u << 82 % 16 * 2);
  EXPECT_EQ(frame.read(0, 8, 4), u64{80} << 16 | 64);
  frame.message(0, 0x40, 82, 0);
  EXPECT_EQ(b.get(kIar), 82u);
  b.set(kEoir, 82);
  EXPECT_FALSE(b.irq());
  for (u32 other : {0, 32, 79, 144, 1023}) frame.message(0, 0x40, other, 0);
  EXPECT_EQ(b.dist(0x204), 0u);
}

}  // namespace
}  // namespace mimus
