// Smaia and Ssaia: identities of interrupts, and the way to the interrupt files of an IMSIC.
#include <gtest/gtest.h>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/trap.h"
#include "hw/intc/riscv_imsic.h"
#include "tests/isa/rig.h"

namespace mimus::test {
namespace {

using namespace riscv;

// The hart's inputs, as a run loop keeps them.
struct Lines final : IrqSink {
  explicit Lines(RiscvState& s) : state(s) {}
  void set_irq(unsigned input, bool level) override {
    const u64 mask = u64{1} << input;
    state.irq_lines = level ? state.irq_lines | mask : state.irq_lines & ~mask;
  }
  RiscvState& state;
};

struct Aia : testing::Test {
  Aia() { rig.state().interrupt_port = &imsic.port(0); }
  void message(unsigned level, u32 identity) { imsic.write(level, 0, 4, identity); }

  Rig rig;
  Lines lines{rig.state()};
  IrqSink* sinks[1] = {&lines};
  RiscvImsic imsic{sinks};
};

TEST_F(Aia, MessagesAreClaimedInTheOrderOfTheirNumbers) {
  ASSERT_TRUE(rig.run(R"(
    li a0, 0x70; csrrw zero, siselect, a0; li a1, 1; csrrw zero, sireg, a1      # eidelivery
    li a0, 0xc0; csrrw zero, siselect, a0; li a1, 0x30; csrrw zero, sireg, a1   # eie: 4 and 5
    end: c.nop)"));
  message(1, 5);
  message(1, 6);  // not enabled
  message(1, 4);
  EXPECT_TRUE(rig.csr("mip") & kIrqSei);
  ASSERT_TRUE(rig.run(
      "csrrs a0, stopei, zero; csrrw a1, stopei, zero; csrrw a2, stopei, zero; csrrw a3, stopei, zero\nend: c.nop"));
  EXPECT_EQ(rig.x("a0"), 0x40004u);  // a read alone claims nothing
  EXPECT_EQ(rig.x("a1"), 0x40004u);
  EXPECT_EQ(rig.x("a2"), 0x50005u);
  EXPECT_EQ(rig.x("a3"), 0u);
  EXPECT_FALSE(rig.csr("mip") & kIrqSei);
}

TEST_F(Aia, FilesOfBothLevelsAreApart) {
  ASSERT_TRUE(rig.run(R"(
    li a0, 0x70; csrrw zero, miselect, a0; li a1, 1; csrrw zero, mireg, a1
    li a0, 0xc6; csrrw zero, miselect, a0; li a1, -1; csrrw zero, mireg, a1   # eie6: 192 to 255
    li a0, 0xc0; csrrw zero, siselect, a0; csrrw zero, sireg, a1
    csrrs a2, sireg, zero
    li a0, 0xc8; csrrw zero, siselect, a0; csrrw zero, sireg, a1; csrrs a3, sireg, zero  # beyond the last: reads 0
    end: c.nop)"));
  EXPECT_EQ(rig.x("a2"), ~u64{1});
  EXPECT_EQ(rig.x("a3"), 0u);
  message(0, 255);
  message(0, 300);
  message(1, 1);  // eidelivery is off
  EXPECT_EQ(rig.csr("mip"), kIrqMei);
  EXPECT_EQ(rig.csr("mtopei"), 0xff00ffu);
}

TEST_F(Aia, TheThresholdHoldsBack) {
  ASSERT_TRUE(rig.run(R"(
    li a0, 0x70; csrrw zero, siselect, a0; li a1, 1; csrrw zero, sireg, a1
    li a0, 0xc0; csrrw zero, siselect, a0; li a1, -1; csrrw zero, sireg, a1
    li a0, 0x72; csrrw zero, siselect, a0; li a1, 8; csrrw zero, sireg, a1
    end: c.nop)"));
  message(1, 8);
  EXPECT_EQ(rig.csr("stopei"), 0u);
  EXPECT_FALSE(rig.csr("mip") & kIrqSei);
  message(1, 7);
  EXPECT_EQ(rig.csr("stopei"), 0x70007u);
}

TEST_F(Aia, TopInterrupts) {
  rig.state().mie = kIrqSsi | kIrqSti | kIrqSei | kIrqMti;
  rig.state().mideleg = kIrqSsi | kIrqSei;
  EXPECT_EQ(rig.csr("mtopi"), 0u);
  rig.state().mip = kIrqSsi | kIrqSti;
  EXPECT_EQ(rig.csr("stopi"), 1u << 16 | 1);
  EXPECT_EQ(rig.csr("mtopi"), 5u << 16 | 1);
  rig.state().irq_lines = kIrqSei | kIrqMti;
  EXPECT_EQ(rig.csr("stopi"), 9u << 16 | 1);
  EXPECT_EQ(rig.csr("mtopi"), 7u << 16 | 1);
}

TEST_F(Aia, NumbersThatSelectNothing) {
  const auto allowed = [&](u64 select) {
    rig.state().siselect = select;
    const CsrDesc* row = find_csr(0x151);
    return csr_accessible(rig.state(), *row, 0x151);
  };
  for (u64 number : {0x30, 0x3e, 0x70, 0x72, 0x80, 0xbe, 0xc0, 0xfe}) EXPECT_TRUE(allowed(number)) << number;
  for (u64 number : {0x0, 0x2f, 0x31, 0x40, 0x6f, 0x71, 0x73, 0x7f, 0x81, 0xc1, 0xff})
    EXPECT_FALSE(allowed(number)) << number;
}

}  // namespace
}  // namespace mimus::test
