#include "hw/misc/psci.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

using Then = FirmwarePort::Then;
constexpr u64 kRam = 0x40000000;
enum : u64 {
  kVersion = 0x84000000,
  kSuspend = 0xc4000001,
  kOff = 0x84000002,
  kOn = 0xc4000003,
  kOn32 = 0x84000003,
  kInfo = 0xc4000004,
  kSystemOff = 0x84000008,
  kSystemReset = 0x84000009,
  kFeatures = 0x8400000a
};

struct Bench final : MachineControl, CpuPower {
  PhysicalMemory memory;
  std::string log;
  Psci psci{3, *this, memory, this};
  Bench() { EXPECT_TRUE(memory.add_ram("ram", kRam, 0x1000)); }
  void request_power_off(int exit_code) override { log += "off " + std::to_string(exit_code); }
  void request_reset() override { log += "reset"; }
  void start(u32 cpu, GuestPa entry, u64 context) override {
    log += std::to_string(cpu) + "@" + std::to_string(entry - kRam) + "(" + std::to_string(context) + ")";
  }
  s64 call(u64 function, u64 a = 0, u64 b = 0, u64 c = 0, u32 cpu = 0) {
    return s64(psci.call(cpu, function, a, b, c).result);
  }
};

TEST(Psci, WhatItOffers) {
  Bench b;
  EXPECT_EQ(b.call(kVersion), 0x10001);
  for (u64 known : std::initializer_list<u64>{kVersion, kSuspend, kOff, kOn, kOn32, kInfo, kSystemOff, 0x80000000})
    EXPECT_EQ(b.call(kFeatures, known), 0) << known;
  for (u64 unknown : {u64{0x84000005}, u64{0xc4000002}, u64{0x8400000b}, u64{0}}) {
    EXPECT_EQ(b.call(kFeatures, unknown), -1) << unknown;
    EXPECT_EQ(b.call(unknown), -1) << unknown;
  }
  EXPECT_EQ(b.call(0x84000006), 2);
  EXPECT_EQ(b.call(0x80000000), 0x10001);
  EXPECT_EQ(b.call(0x80000001, 0x80008000), -1) << "no workarounds";
}

TEST(Psci, CpusComeAndGo) {
  Bench b;
  EXPECT_TRUE(b.psci.is_on(0));
  EXPECT_FALSE(b.psci.is_on(1));
  EXPECT_EQ(b.call(kInfo, 1), 1);
  EXPECT_EQ(b.call(kOn, 1, kRam + 64, 7), 0);
  EXPECT_EQ(b.log, "1@64(7)");
  EXPECT_EQ(b.call(kInfo, 1), 0);
  EXPECT_EQ(b.call(kOn, 1, kRam, 0), -4);
  EXPECT_EQ(b.call(kOn, 0, kRam, 0), -4);
  EXPECT_EQ(b.psci.call(1, kOff, 0, 0, 0).then, Then::stop);
  EXPECT_EQ(b.call(kInfo, 1), 1);
  EXPECT_EQ(b.call(kOn32, 0xffff'ffff'0000'0001, kRam | 0xffff'ffff'0000'0000, 1), 0) << "32-bit arguments";
}

TEST(Psci, BadArguments) {
  Bench b;
  EXPECT_EQ(b.call(kOn, 3, kRam, 0), -2);
  EXPECT_EQ(b.call(kOn, 0x100, kRam, 0), -2);
  EXPECT_EQ(b.call(kOn, 1, kRam + 2, 0), -9);
  EXPECT_EQ(b.call(kOn, 1, 0x1000, 0), -9);
  EXPECT_EQ(b.call(kInfo, 0, 1), -2);
  EXPECT_EQ(b.call(kInfo, 9), -2);
  EXPECT_EQ(b.call(kSuspend, 1 << 16), -2) << "no power-down states";
  EXPECT_EQ(b.psci.call(9, kOff, 0, 0, 0).then, Then::go_on);
  EXPECT_EQ(b.log, "");
  Psci alone(2, b, b.memory, nullptr);
  EXPECT_EQ(s64(alone.call(0, kOn, 1, kRam, 0).result), -1);
}

TEST(Psci, StandbyPowerOffAndReset) {
  Bench b;
  EXPECT_EQ(b.psci.call(0, kSuspend, 0, 0, 0).then, Then::wait);
  EXPECT_EQ(b.psci.call(0, kSystemOff, 0, 0, 0).then, Then::stop);
  EXPECT_EQ(b.log, "off 0");
  b.log.clear();
  b.call(kSystemReset);
  EXPECT_EQ(b.log, "reset");
}

TEST(Psci, StateAndReset) {
  Bench a, b;
  a.call(kOn, 2, kRam, 0);
  transplant(a.psci, b.psci);
  EXPECT_TRUE(b.psci.is_on(2));
  b.psci.reset(ResetKind::warm);
  EXPECT_FALSE(b.psci.is_on(2));
  EXPECT_EQ(load_with(a.psci, b.psci, "on", 2), "saved state: psci.on: index out of range");
}

}  // namespace
}  // namespace mimus
