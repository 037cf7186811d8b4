// Control and status registers: what they can hold (WARL), who may use them, what a write sets off.
#include <gtest/gtest.h>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/state.h"
#include "tests/isa/rig.h"

namespace mimus::test {
namespace {

struct Warl {
  const char* csr;
  u64 written, read;
};
std::ostream& operator<<(std::ostream& out, const Warl& w) { return out << w.csr << " = " << std::hex << w.written; }

class WriteRead : public testing::TestWithParam<Warl> {};
TEST_P(WriteRead, GivesALegalValue) {
  Rig rig;
  std::string name = GetParam().csr;
  Program p = rig.load("csrrw zero, " + name + ", a0\ncsrrs a1, " + name + ", zero\nend: c.nop");
  rig.state().mstatus |= riscv::kStatusFs;
  rig.state().x[10] = GetParam().written;
  ASSERT_TRUE(rig.run_to(p.labels["end"]));
  EXPECT_EQ(rig.x("a1"), GetParam().read) << std::hex << rig.x("a1");
}

constexpr u64 kOnes = ~u64{0};
constexpr u64 kUxl = u64{10} << 32;  // UXL and SXL: 64 bits
INSTANTIATE_TEST_SUITE_P(
    Machine, WriteRead,
    testing::Values(Warl{"mstatus", kOnes, u64{1} << 63 | kUxl | 0x7e79aa}, Warl{"mstatus", 0, kUxl},
                    Warl{"mstatus", 0x1000, kUxl},  // MPP = 2 does not exist
                    Warl{"misa", 0, u64{2} << 62 | 0x14112d}, Warl{"medeleg", kOnes, 0xb3ff},
                    Warl{"mideleg", kOnes, 0x2222}, Warl{"mie", kOnes, 0x2aaa}, Warl{"mip", kOnes, 0x2222},
                    Warl{"mtvec", kOnes, kOnes & ~u64{3}}, Warl{"mtvec", 0x80000001, 0x80000001},
                    Warl{"mcounteren", kOnes, 0xffffffff}, Warl{"mcountinhibit", kOnes, 0x7fffd},
                    Warl{"menvcfg", kOnes, u64{7} << 61 | 0xf1}, Warl{"menvcfg", 0x20, 0},
                    Warl{"mscratch", kOnes, kOnes}, Warl{"mepc", kOnes, kOnes - 1}, Warl{"mcause", kOnes, kOnes},
                    Warl{"mhpmcounter18", kOnes, kOnes}, Warl{"mhpmcounter19", kOnes, 0}, Warl{"mhpmevent31", kOnes, 0},
                    Warl{"mhpmevent3", kOnes, u64{15} << 60}, Warl{"mhpmevent3", 0x10019, 0x10019},
                    Warl{"mseccfg", kOnes, 0x300}, Warl{"mstateen0", kOnes, u64{3} << 62 | u64{7} << 58},
                    Warl{"mstateen2", kOnes, u64{1} << 63}, Warl{"sstateen1", kOnes, 0}, Warl{"miselect", kOnes, 0xff},
                    Warl{"mvien", kOnes, 0}, Warl{"mvip", kOnes, 0x222}, Warl{"pmpaddr15", kOnes, kOnes >> 10},
                    Warl{"pmpcfg0", 0x7f6f5f1f, 0x1f0f1f1f}, Warl{"pmpcfg2", 0x1a, 0x18}));
INSTANTIATE_TEST_SUITE_P(Supervisor, WriteRead,
                         testing::Values(Warl{"sstatus", kOnes, u64{1} << 63 | u64{2} << 32 | 0xc6122},
                                         Warl{"sie", kOnes, 0}, Warl{"sip", kOnes, 0},
                                         Warl{"stvec", 0x80000003, 0x80000000}, Warl{"scounteren", kOnes, 0xffffffff},
                                         Warl{"senvcfg", kOnes, 0xf1}, Warl{"sepc", 0x1001, 0x1000},
                                         Warl{"satp", kOnes, 0}, Warl{"satp", 0x8a5a5fffffffffff, 0x8a5a5fffffffffff},
                                         Warl{"satp", u64{9} << 60 | 1, u64{9} << 60 | 1},
                                         Warl{"satp", u64{10} << 60 | 1, u64{10} << 60 | 1},
                                         Warl{"satp", u64{11} << 60 | 1, 0}, Warl{"stimecmp", kOnes, kOnes},
                                         Warl{"scause", kOnes, kOnes}, Warl{"stval", kOnes, kOnes}));
INSTANTIATE_TEST_SUITE_P(Float, WriteRead,
                         testing::Values(Warl{"fflags", kOnes, 31}, Warl{"frm", kOnes, 7}, Warl{"fcsr", kOnes, 255},
                                         Warl{"frm", 3, 3}));

TEST(Csr, DelegatedBitsOfSieAndSip) {
  Rig rig;
  ASSERT_TRUE(rig.run("li a0, -1; csrrw zero, mideleg, a0; csrrw zero, sie, a0; csrrw zero, sip, a0\nend: c.nop"));
  EXPECT_EQ(rig.csr("mie"), 0x2222u);
  EXPECT_EQ(rig.csr("sie"), 0x2222u);
  EXPECT_EQ(rig.csr("sip"), 0x2002u);  // SSIP and LCOFIP alone can be written
}

TEST(Csr, SetAndClear) {
  Rig rig;
  ASSERT_TRUE(
      rig.run("li a0, 0xf0; csrrw zero, mscratch, a0; csrrsi a1, mscratch, 3; csrrc a2, mscratch, a0\nend: c.nop"));
  EXPECT_EQ(rig.x("a1"), 0xf0u);
  EXPECT_EQ(rig.x("a2"), 0xf3u);
  EXPECT_EQ(rig.csr("mscratch"), 3u);
}

TEST(Csr, TheExternalInterruptInputStaysOutOfSetAndClear) {
  Rig rig;
  rig.state().irq_lines = riscv::kIrqSei;
  ASSERT_TRUE(rig.run("csrrsi a0, mip, 2\nend: c.nop"));
  EXPECT_EQ(rig.x("a0"), 0x200u);
  EXPECT_EQ(rig.state().mip, 2u);
}

// Runs `code` in the given mode with a handler at "handler"; the mcause that it ends with, or 0 if it gets to the end.
u64 outcome(Rig& rig, std::string_view code, u64 privilege) {
  Program p = rig.load(std::string(code) + "\nend: c.nop\n.align 4\nhandler: c.nop");
  rig.state().privilege = privilege;
  rig.state().mtvec = p.labels["handler"];
  for (unsigned i = 0; i < 16; ++i) riscv::poke_csr(rig.state(), 0x3B0 + i, ~u64{0});
  riscv::poke_csr(rig.state(), 0x3A0, 0x1f);
  for (int i = 0; i < 100; ++i) {
    if (rig.state().pc == p.labels["end"]) return 0;
    if (rig.state().pc == p.labels["handler"]) return rig.csr("mcause") ? rig.csr("mcause") : ~u64{0};
    rig.step();
  }
  return ~u64{0};
}

struct Gate {
  const char* code;
  u64 privilege;
  const char* csr;  // with this bit ...
  u64 value;        // ... it works, without it it is illegal
};
TEST(Csr, GatesDecideWhoMayUseWhat) {
  using namespace riscv;
  const Gate gates[] = {
      {"csrrs a0, cycle, zero", kSupervisor, "mcounteren", 1},
      {"csrrs a0, time, zero", kSupervisor, "mcounteren", 2},
      {"csrrs a0, instret, zero", kSupervisor, "mcounteren", 4},
      {"csrrs a0, hpmcounter7, zero", kSupervisor, "mcounteren", 0x80},
      {"cbo.zero (sp)", kSupervisor, "menvcfg", 0x80},
      {"cbo.clean (sp)", kSupervisor, "menvcfg", 0x40},
      {"cbo.flush (sp)", kSupervisor, "menvcfg", 0x40},
      {"cbo.inval (sp)", kSupervisor, "menvcfg", 0x10},
      {"fadd.d fa0, fa0, fa0", kMachine, "mstatus", 0x2000},
      {"fadd.d fa0, fa0, fa0", kSupervisor, "mstatus", 0x2000},
      {"fsd fa0, 0(sp)", kUser, "mstatus", 0x4000},
      {"csrrs a0, fcsr, zero", kUser, "mstatus", 0x4000},
      {"csrrw a0, seed, zero", kSupervisor, "mseccfg", 0x200},
      {"csrrw a0, seed, zero", kUser, "mseccfg", 0x100},
      {"csrrs a0, senvcfg, zero", kSupervisor, "mstateen0", u64{1} << 62},
      {"csrrs a0, sstateen0, zero", kSupervisor, "mstateen0", u64{1} << 63},
      {"csrrs a0, sstateen3, zero", kSupervisor, "mstateen3", u64{1} << 63},
      {"csrrs a0, siselect, zero", kSupervisor, "mstateen0", u64{1} << 60},
      {"csrrs a0, stopi, zero", kSupervisor, "mstateen0", u64{1} << 59},
  };
  for (const Gate& gate : gates) {
    for (bool open : {false, true}) {
      Rig rig;
      rig.state().x[2] = kRamBase + 0x1000;
      u32 number = 0;
      while (!find_csr(number) || find_csr(number)->name != gate.csr) ++number;
      poke_csr(rig.state(), number, open ? gate.value : 0);
      EXPECT_EQ(outcome(rig, gate.code, gate.privilege), open ? 0u : 2u) << gate.code << " " << open;
    }
  }
}

TEST(Csr, NoAccessFromBelowAndNoWritesToReadOnlyOnes) {
  struct Row {
    const char* code;
    u64 privilege;
  };
  for (Row row : {Row{"csrrs a0, mstatus, zero", 1},
                  {"csrrs a0, sstatus, zero", 0},
                  {"csrrw a0, mhartid, a1", 3},
                  {"csrrs a0, 0x7c0, zero", 3},
                  {"csrrs a0, pmpcfg2, zero", 1},
                  {"csrrs a0, 0x3a1, zero", 3},
                  {"csrrw zero, cycle, zero", 3},
                  {"csrrs a0, seed, zero", 3},    // its value is used up: only together with a write
                  {"csrrs a0, sireg, zero", 3},   // siselect names nothing
                  {"csrrs a0, stopei, zero", 3},  // no interrupt files here
                  {"csrrs a0, scountovf, zero", 0},
                  {"csrrs a0, cycle, zero", 0}}) {
    Rig rig;
    EXPECT_EQ(outcome(rig, row.code, row.privilege), 2u) << row.code;
    EXPECT_EQ(rig.csr("mtval"), rig.load64(kRamBase) & 0xffffffff) << row.code;
  }
}

TEST(Csr, LockedPmpEntriesStay) {
  Rig rig;
  ASSERT_TRUE(rig.run(R"(
    li a0, 0x20000000; csrrw zero, pmpaddr0, a0; csrrw zero, pmpaddr1, a0
    li a0, 0x8f00; csrrw zero, pmpcfg0, a0
    csrrw zero, pmpcfg0, zero; csrrw zero, pmpaddr0, zero; csrrw zero, pmpaddr1, zero
    csrrs a1, pmpcfg0, zero; csrrs a2, pmpaddr0, zero; csrrs a3, pmpaddr1, zero
    end: c.nop)"));
  EXPECT_EQ(rig.x("a1"), 0x8f00u);
  EXPECT_EQ(rig.x("a2"), 0x20000000u);  // entry 1 is TOR and locked: so is its lower bound
  EXPECT_EQ(rig.x("a3"), 0x20000000u);
}

TEST(Csr, TheSupervisorTimer) {
  Rig rig;
  ASSERT_TRUE(rig.run(
      "li a0, -1; csrrw zero, menvcfg, a0; li a0, 5000; csrrw zero, stimecmp, a0; csrrs a1, mip, zero\nend: c.nop"));
  EXPECT_EQ(rig.x("a1"), 0u);
  EXPECT_EQ(rig.deadline, 5000u);
  rig.now = 5000;
  rig.frontend().timer_fired(rig.state(), 0);
  EXPECT_EQ(rig.csr("mip"), riscv::kIrqSti);
  ASSERT_TRUE(riscv::poke_csr(rig.state(), 0x14D, 6000));
  EXPECT_EQ(rig.csr("mip"), 0u);
  EXPECT_EQ(rig.deadline, 6000u);
}

TEST(Csr, CountersCountWhenInstructionsAreCounted) {
  Rig rig;
  rig.state().insn_count = 100;  // as the run loop keeps it
  ASSERT_TRUE(rig.run(
      "c.nop; csrrs a0, instret, zero; c.nop; csrrs a1, instret, zero; csrrw zero, minstret, zero\nend: c.nop"));
  EXPECT_EQ(rig.x("a1") - rig.x("a0"), 2u);
}

TEST(Csr, RoundingModeReachesTheHost) {
  Rig rig;
  rig.state().mstatus |= riscv::kStatusFs;
  for (auto [frm, control] : {std::pair{0u, 0u}, {1u, 3u}, {2u, 1u}, {3u, 2u}, {4u, 0u}}) {
    riscv::write_frm(rig.state(), frm);
    EXPECT_EQ(rig.state().guest_mxcsr >> 13 & 3, control) << frm;
  }
}

TEST(State, SavesAndLoads) {
  Rig rig, other;
  ASSERT_TRUE(
      rig.run("li a0, 0x123456789; li sp, 77; csrrw zero, mscratch, a0; csrrwi zero, mstatus, 8; "
              "csrrw zero, pmpaddr3, a0; li a1, 0x1f000000; csrrw zero, pmpcfg0, a1\nend: c.nop"));
  auto visit = [](Rig& r) { return [&r](StateVisitor& v) { r.frontend().visit_state(r.state(), v); }; };
  ASSERT_TRUE(load_state(save_state(visit(rig)), visit(other)).has_value());
  EXPECT_EQ(describe_state(visit(other)), describe_state(visit(rig)));
  EXPECT_EQ(other.x("sp"), 77u);
  EXPECT_EQ(other.state().pmp_count, 1u);
}

}  // namespace
}  // namespace mimus::test
