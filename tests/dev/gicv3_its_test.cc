#include "hw/intc/gicv3_its.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

constexpr u32 kIar1 = 0xc660, kEoir1 = 0xc661, kPmr = 0xc230, kIgrpen1 = 0xc667;
constexpr u64 kRam = 0x40000000, kProperties = kRam, kPending = kRam + 0x20000, kQueue = kRam + 0x80000,
              kDeviceTable = kRam + 0x90000, kCollectionTable = kRam + 0xa0000, kItt = kRam + 0xb0000;
constexpr u64 kValid = u64{1} << 63;
constexpr u32 kDevice = 0x18;

struct Errors final : GuestErrorSink {
  std::string last;
  void guest_error(std::string_view, std::string_view what) override { last = what; }
};

struct Bench : TestBench {
  PhysicalMemory memory;
  RecordingSink cpus[2];
  IrqSink* sinks[2] = {&cpus[0], &cpus[1]};
  Gicv3 gic{memory, sinks};
  Errors errors;
  GicIts its{gic, memory, clock, events, &errors};
  u64 write_offset = 0;

  Bench() {
    EXPECT_TRUE(memory.add_ram("ram", kRam, 0x100000));
    gic.reset(ResetKind::cold);
  }
  void bring_up() {
    gic.write(Gicv3::kDistributor, 0, 4, 2);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
      gic.write(Gicv3::kRedistributors, cpu * 0x20000 + 0x70, 8, kProperties | 15);
      gic.write(Gicv3::kRedistributors, cpu * 0x20000 + 0x78, 8, kPending + 0x10000 * cpu);
      gic.write(Gicv3::kRedistributors, cpu * 0x20000, 4, 1);
      gic.cpu_port(cpu).write(kPmr, 0xf8);
      gic.cpu_port(cpu).write(kIgrpen1, 1);
    }
    for (u32 i = 0; i < 8; i++) configure(8192 + i, 0xa1);
    set(0x80, kQueue | kValid);
    set(0x100, kDeviceTable | kValid | 1);
    set(0x108, kCollectionTable | kValid);
    its.write(GicIts::kControl, 0, 4, 1);
  }
  u64 get(u64 offset) { return its.read(GicIts::kControl, offset, 8); }
  void set(u64 offset, u64 value) { its.write(GicIts::kControl, offset, 8, value); }
  void configure(u32 intid, u8 config) { memory.write(kProperties + intid - 8192, {&config, 1}); }
  void queue(u64 a, u64 b = 0, u64 c = 0, u64 d = 0) {
    const u64 words[4] = {a, b, c, d};
    memory.write(kQueue + write_offset, {reinterpret_cast<const u8*>(words), 32});
    write_offset = (write_offset + 32) % 0x1000;
  }
  void kick() { set(0x88, write_offset); }
  // Runs one command; false if it was in error.
  bool command(u64 a, u64 b = 0, u64 c = 0, u64 d = 0) {
    errors.last.clear();
    queue(a, b, c, d);
    kick();
    EXPECT_EQ(get(0x90), write_offset);
    return errors.last.empty();
  }
  static u64 head(u8 number, u64 device = kDevice) { return device << 32 | number; }
  // Device kDevice with 4 events; event n is LPI 8192 + n of collection 1, on CPU 1.
  void map() {
    EXPECT_TRUE(command(head(0x08), 1, kItt | kValid));
    EXPECT_TRUE(command(0x09, 0, kValid | 1 << 16 | 1));
    EXPECT_TRUE(command(0x09, 0, kValid));
    for (u64 event = 0; event < 4; event++) EXPECT_TRUE(command(head(0x0a), event | (8192 + event) << 32, 1));
  }
  void message(u32 event, u32 device = kDevice) { its.message(GicIts::kTranslation, 0x40, event, device); }
  bool irq(unsigned cpu) { return cpus[cpu].level(0); }
  // Acknowledges and completes.
  u64 take(unsigned cpu) {
    const u64 intid = gic.cpu_port(cpu).read(kIar1);
    gic.cpu_port(cpu).write(kEoir1, intid);
    return intid;
  }
};

TEST(GicIts, IdentifiesItself) {
  Bench b;
  EXPECT_EQ(b.get(8) & 0xf1, 0x71u) << "physical LPIs, entries of 8 bytes";
  EXPECT_EQ(b.get(0x100) >> 56, 1u) << "devices";
  EXPECT_EQ(b.get(0x108) >> 56, 4u) << "collections";
  EXPECT_EQ(b.get(0x110), 0u);
  EXPECT_EQ(b.its.read(GicIts::kControl, 0xffe8, 4) & 0xf0, 0x30u);
  EXPECT_EQ(b.its.read(GicIts::kControl, 0, 4), 1u << 31);
}

TEST(GicIts, TranslatesMessages) {
  Bench b;
  b.bring_up();
  b.message(0);
  EXPECT_FALSE(b.irq(1)) << "nothing is mapped";
  b.map();
  b.message(2);
  EXPECT_FALSE(b.irq(0));
  EXPECT_EQ(b.take(1), 8194u);
  EXPECT_FALSE(b.irq(1));
  b.message(4);
  b.message(2, kDevice + 1);
  b.its.write(GicIts::kTranslation, 0x40, 4, 2);
  EXPECT_FALSE(b.irq(1)) << "an event, a device that are not mapped; a CPU's write";
  b.its.write(GicIts::kControl, 0, 4, 0);
  b.message(2);
  EXPECT_FALSE(b.irq(1)) << "off";
}

TEST(GicIts, Commands) {
  Bench b;
  b.bring_up();
  b.map();
  EXPECT_TRUE(b.command(b.head(0x03), 1)) << "INT";
  EXPECT_TRUE(b.irq(1));
  EXPECT_TRUE(b.command(b.head(0x01), 1, 0)) << "MOVI takes the pending state along";
  EXPECT_FALSE(b.irq(1));
  EXPECT_TRUE(b.irq(0));
  EXPECT_TRUE(b.command(b.head(0x04), 1)) << "CLEAR";
  EXPECT_FALSE(b.irq(0));
  b.message(1);
  EXPECT_EQ(b.take(0), 8193u);

  b.configure(8195, 0xa0);
  b.message(3);
  EXPECT_FALSE(b.irq(1)) << "not enabled";
  b.configure(8195, 0xa1);
  EXPECT_TRUE(b.command(b.head(0x0c), 3)) << "INV";
  EXPECT_TRUE(b.irq(1));
  b.configure(8195, 0xa0);
  EXPECT_TRUE(b.command(0x0d, 0, 1)) << "INVALL";
  EXPECT_FALSE(b.irq(1));
  b.configure(8195, 0xa1);
  EXPECT_TRUE(b.command(0x0d, 0, 1));
  EXPECT_TRUE(b.command(0x0e, 0, 1 << 16, 0)) << "MOVALL";
  EXPECT_TRUE(b.irq(0));
  EXPECT_EQ(b.take(0), 8195u);

  EXPECT_TRUE(b.command(b.head(0x0f), 2)) << "DISCARD";
  b.message(2);
  EXPECT_FALSE(b.irq(1));
  EXPECT_TRUE(b.command(b.head(0x0b), 3, 1) == false) << "MAPI: event 3 is no LPI";
  EXPECT_TRUE(b.command(0x05, 0, 1 << 16)) << "SYNC";
  EXPECT_TRUE(b.command(b.head(0x08), 0, 0)) << "MAPD unmaps";
  b.message(0);
  EXPECT_FALSE(b.irq(1));
}

TEST(GicIts, CommandsInErrorAreIgnoredAndReported) {
  Bench b;
  b.bring_up();
  EXPECT_FALSE(b.command(0x77));
  EXPECT_EQ(b.errors.last, "unknown command 119");
  EXPECT_FALSE(b.command(b.head(0x0a), u64{8192} << 32, 0)) << "the device is not mapped";
  EXPECT_EQ(b.errors.last, "command MAPTI is in error");
  b.map();
  EXPECT_FALSE(b.command(b.head(0x0a), 4 | u64{8192} << 32, 0)) << "no such event";
  EXPECT_FALSE(b.command(b.head(0x0a), 0 | u64{8191} << 32, 0)) << "no LPI";
  EXPECT_FALSE(b.command(b.head(0x0a), 0 | u64{65536} << 32, 0)) << "no LPI";
  EXPECT_FALSE(b.command(b.head(0x08, 0x10000), 1, kItt | kValid)) << "beyond the table";
  EXPECT_FALSE(b.command(b.head(0x08), 16, kItt | kValid)) << "too many events";
  EXPECT_FALSE(b.command(0x09, 0, kValid | 2 << 16)) << "no such CPU";
  EXPECT_FALSE(b.command(0x09, 0, kValid | 512)) << "beyond the table";
  EXPECT_FALSE(b.command(0x0e, 0, 2 << 16, 0));
  EXPECT_FALSE(b.command(b.head(0x01), 0, 5)) << "the collection is not mapped";
  EXPECT_TRUE(b.command(b.head(0x08), 1, (u64{1} << 50) | kValid)) << "a table outside of memory";
  EXPECT_FALSE(b.command(b.head(0x0a), u64{8192} << 32, 1));
  b.message(0);
}

TEST(GicIts, TwoLevelDeviceTable) {
  Bench b;
  b.bring_up();
  b.its.write(GicIts::kControl, 0, 4, 0);
  b.set(0x100, kDeviceTable | kValid | u64{1} << 62);
  EXPECT_TRUE(b.get(0x100) & u64{1} << 62);
  b.set(0x108, kCollectionTable | kValid | u64{1} << 62);
  EXPECT_FALSE(b.get(0x108) & u64{1} << 62) << "not for collections";
  b.its.write(GicIts::kControl, 0, 4, 1);
  EXPECT_FALSE(b.command(b.head(0x08, 600), 1, kItt | kValid)) << "the second level is missing";
  const u64 level2 = (kRam + 0xc0000) | kValid;
  b.memory.write(kDeviceTable + 8, {reinterpret_cast<const u8*>(&level2), 8});
  EXPECT_TRUE(b.command(b.head(0x08, 600), 1, kItt | kValid));
  EXPECT_TRUE(b.command(0x09, 0, kValid));
  EXPECT_TRUE(b.command(b.head(0x0a, 600), u64{8192} << 32, 0));
  b.message(0, 600);
  EXPECT_EQ(b.take(0), 8192u);
}

TEST(GicIts, QueueWrapsAndLongOnesAreWorkedOffInPieces) {
  Bench b;
  b.bring_up();
  b.map();
  b.its.write(GicIts::kControl, 0, 4, 0);
  b.set(0x80, kQueue | kValid | 3);  // 16 KiB: 512 commands
  EXPECT_EQ(b.get(0x90), 0u);
  for (u64 i = 0; i < 511; i++) {
    const u64 words[4] = {b.head(0x03), i % 4, 0, 0};
    b.memory.write(kQueue + 32 * i, {reinterpret_cast<const u8*>(words), 32});
  }
  b.set(0x88, 511 * 32);
  EXPECT_EQ(b.get(0x90), 0u) << "off";
  b.its.write(GicIts::kControl, 0, 4, 1);
  EXPECT_LT(b.get(0x90), 511u * 32);
  EXPECT_EQ(b.its.read(GicIts::kControl, 0, 4), 1u);
  b.advance(1);
  EXPECT_EQ(b.get(0x90), 511u * 32);
  EXPECT_EQ(b.its.read(GicIts::kControl, 0, 4), 1u | 1u << 31);
  b.set(0x88, 32);
  EXPECT_EQ(b.get(0x90), 32u) << "around the end";
}

TEST(GicIts, HostileRegisters) {
  Bench b;
  b.bring_up();
  b.set(0x88, 0x2000);
  EXPECT_EQ(b.get(0x90), 0u) << "an offset beyond the queue";
  b.its.write(GicIts::kControl, 0, 4, 0);
  b.set(0x80, kValid | 0xf'ffff'ffff'f0ff);
  b.its.write(GicIts::kControl, 0, 4, 1);
  EXPECT_EQ(b.get(0x90), 0x2000u);
  EXPECT_EQ(b.errors.last, "the command queue is not in memory");
  EXPECT_EQ(b.its.read(GicIts::kTranslation, 0x40, 4), 0u);
  EXPECT_EQ(b.its.read(GicIts::kControl, 2, 4), 0u);
}

TEST(GicIts, StateInMidOperation) {
  Bench a, b;
  a.bring_up();
  a.map();
  a.message(0);
  for (unsigned i = 0; i < 120; i++) a.queue(a.head(0x05), 0, 0);
  transplant(a.gic, b.gic);
  transplant(a.its, b.its);
  std::vector<u8> ram(0x100000);
  EXPECT_TRUE(a.memory.read(kRam, ram));
  EXPECT_TRUE(b.memory.write(kRam, ram));
  b.gic.after_load();
  EXPECT_EQ(b.take(1), 8192u);
  b.message(3);
  EXPECT_EQ(b.take(1), 8195u);
  b.write_offset = a.write_offset;
  b.kick();
  EXPECT_EQ(b.get(0x90), a.write_offset) << "goes on where the other one was";
}

}  // namespace
}  // namespace mimus
