// The generic timer.
#include "frontends/aarch64/timer.h"

#include <gtest/gtest.h>

#include "core/device/cpu_interrupt_port.h"
#include "tests/isa/aarch64_pe.h"

namespace mimus::test {
namespace {

using namespace aarch64;

struct Lines final : CpuInterruptPort {
  bool has_registers() const override { return false; }
  u64 read(u32) override { return 0; }
  void write(u32, u64) override {}
  void set_irq(unsigned intid, bool level) override { levels[intid] = level; }
  bool levels[32] = {};
};

class Timer : public testing::Test {
 protected:
  Timer() { pe.state().interrupt_port = &lines; }
  Aarch64Pe pe{"max,+el2,+el3"};
  Lines lines;
};

TEST_F(Timer, CountsAndOffset) {
  pe.now = 5000;
  EXPECT_EQ(pe.read("CNTPCT_EL0"), 5000u);
  pe.write("CNTVOFF_EL2", 1500);
  EXPECT_EQ(pe.read("CNTVCT_EL0"), 3500u);
  EXPECT_EQ(pe.read("CNTFRQ_EL0"), 62'500'000u);
}

struct Row {
  const char* prefix;
  TimerId timer;
  unsigned intid;
};
TEST_F(Timer, EachRaisesItsInterrupt) {
  const Row kRows[] = {{"CNTP", kTimerPhysical, 30}, {"CNTV", kTimerVirtual, 27}};
  for (const Row& row : kRows) {
    const std::string prefix = row.prefix, ctl = prefix + "_CTL_EL0", cval = prefix + "_CVAL_EL0";
    pe.now = 1000;
    pe.write(cval, 2000);
    pe.write(ctl, 1);
    EXPECT_EQ(pe.deadlines[row.timer], 2000u);
    EXPECT_FALSE(lines.levels[row.intid]);
    EXPECT_EQ(pe.read(ctl), 1u);
    pe.now = 2000;
    pe.frontend().timer_fired(pe.state(), row.timer);
    EXPECT_TRUE(lines.levels[row.intid]);
    EXPECT_EQ(pe.read(ctl), 5u);  // ISTATUS
    pe.write(ctl, 3);             // IMASK
    EXPECT_FALSE(lines.levels[row.intid]);
    EXPECT_EQ(pe.read(ctl), 7u);
    pe.write(ctl, 1);
    EXPECT_TRUE(lines.levels[row.intid]);
    pe.write(cval, 3000);
    EXPECT_FALSE(lines.levels[row.intid]);
    EXPECT_EQ(pe.deadlines[row.timer], 3000u);
    pe.write(ctl, 0);
    EXPECT_EQ(pe.deadlines[row.timer], ~u64{0});
  }
}

TEST_F(Timer, TimerValueIsSigned) {
  pe.now = 1000;
  pe.write("CNTV_TVAL_EL0", 500);
  EXPECT_EQ(pe.read("CNTV_CVAL_EL0"), 1500u);
  pe.now = 1600;
  EXPECT_EQ(pe.read("CNTV_TVAL_EL0"), u64{u32(-100)});
  pe.write("CNTV_TVAL_EL0", 0xffff'ffff);
  EXPECT_EQ(pe.read("CNTV_CVAL_EL0"), 1599u);
}

TEST_F(Timer, TheOffsetMovesTheVirtualDeadline) {
  pe.now = 1000;
  pe.write("CNTVOFF_EL2", 600);
  pe.write("CNTV_CVAL_EL0", 500);
  pe.write("CNTV_CTL_EL0", 1);
  EXPECT_EQ(pe.deadlines[kTimerVirtual], 1100u);
  pe.write("CNTVOFF_EL2", u64(-400));  // the virtual count is ahead
  EXPECT_TRUE(lines.levels[27]);
}

TEST_F(Timer, HypervisorAndSecureTimers) {
  pe.now = 10;
  pe.write("CNTHP_CVAL_EL2", 5);
  pe.write("CNTHP_CTL_EL2", 1);
  EXPECT_TRUE(lines.levels[26]);
  pe.write("CNTPS_CVAL_EL1", 5);
  pe.write("CNTPS_CTL_EL1", 1);
  EXPECT_TRUE(lines.levels[29]);
}

}  // namespace
}  // namespace mimus::test
