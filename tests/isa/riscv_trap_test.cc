// Exceptions, interrupts, delegation, returns.
#include <gtest/gtest.h>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/trap.h"
#include "tests/isa/rig.h"

namespace mimus::test {
namespace {

using namespace riscv;

// A rig with everything allowed by PMP, in `privilege`, with handlers far away from the code.
class Traps : public testing::Test {
 protected:
  static constexpr GuestPc kMachineHandler = kRamBase + 0x10000, kSupervisorHandler = kRamBase + 0x20000;

  void start(std::string_view code, u64 privilege) {
    program = rig.load(code);
    s.privilege = privilege;
    s.mtvec = kMachineHandler;
    s.stvec = kSupervisorHandler;
    s.mstatus |= kStatusFs;
    poke_csr(s, 0x3B0, ~u64{0});
    poke_csr(s, 0x3A0, 0x1f);
  }

  Rig rig;
  RiscvState& s = rig.state();
  Program program;
};

TEST_F(Traps, IllegalInstruction) {
  start("c.nop\n.word 0xffffffff", kUser);
  rig.step();
  EXPECT_EQ(s.pc, kMachineHandler);
  EXPECT_EQ(s.mcause, 2u);
  EXPECT_EQ(s.mtval, 0xffffffffu);
  EXPECT_EQ(s.mepc, kRamBase + 2);
  EXPECT_EQ(s.privilege, kMachine);
  EXPECT_EQ(bits(s.mstatus, 11, 2), kUser);
}

TEST_F(Traps, CallsAreNumberedByMode) {
  for (u64 mode : {kUser, kSupervisor, kMachine}) {
    start("ecall", mode);
    rig.step();
    EXPECT_EQ(s.mcause, 8 + mode);
    EXPECT_EQ(s.mtval, 0u);
  }
}

TEST_F(Traps, DelegatedExceptions) {
  start("ebreak", kUser);
  s.medeleg = 1 << kCauseBreakpoint;
  s.mstatus |= kStatusSie;
  rig.step();
  EXPECT_EQ(s.pc, kSupervisorHandler);
  EXPECT_EQ(s.scause, 3u);
  EXPECT_EQ(s.stval, kRamBase);
  EXPECT_EQ(s.sepc, kRamBase);
  EXPECT_EQ(s.privilege, kSupervisor);
  EXPECT_EQ(s.mstatus & (kStatusSie | kStatusSpie | kStatusSpp), kStatusSpie);
  // From M mode nothing is delegated.
  start("ebreak", kMachine);
  rig.step();
  EXPECT_EQ(s.pc, kMachineHandler);
}

TEST_F(Traps, MachineReturn) {
  start("mret", kMachine);
  s.mepc = kRamBase + 0x100;
  s.mstatus |= kStatusMpie | kStatusMprv | u64{kSupervisor} << 11;
  rig.step();
  EXPECT_EQ(s.pc, kRamBase + 0x100);
  EXPECT_EQ(s.privilege, kSupervisor);
  EXPECT_EQ(s.mstatus & (kStatusMie | kStatusMpie | kStatusMpp | kStatusMprv), kStatusMie | kStatusMpie);
  EXPECT_EQ(s.regime, kRegimeSupervisor);
}

TEST_F(Traps, SupervisorReturn) {
  start("sret", kSupervisor);
  s.sepc = kRamBase + 0x100;
  s.mstatus |= kStatusSpie;
  s.reservation_size = 8;
  rig.step();
  EXPECT_EQ(s.pc, kRamBase + 0x100);
  EXPECT_EQ(s.privilege, kUser);
  EXPECT_EQ(s.reservation_size, 0u);
  EXPECT_EQ(s.regime, kRegimeUser);
}

struct Trapped {
  const char* code;
  u64 privilege;
  u64 status;  // with this bit of mstatus it is illegal
};
TEST_F(Traps, VirtualisationTraps) {
  for (Trapped row : {Trapped{"sret", kSupervisor, kStatusTsr},
                      {"wfi", kSupervisor, kStatusTw},
                      {"sfence.vma zero, zero", kSupervisor, kStatusTvm},
                      {"sinval.vma zero, zero", kSupervisor, kStatusTvm},
                      {"csrrs a0, satp, zero", kSupervisor, kStatusTvm}}) {
    for (bool set : {false, true}) {
      s.mcause = 0;
      start(row.code, row.privilege);
      s.mstatus = (s.mstatus & ~row.status) | (set ? row.status : 0);
      rig.step();
      EXPECT_EQ(s.mcause, set ? 2u : 0u) << row.code;
    }
  }
  for (const char* code : {"sret", "mret", "wfi", "sfence.vma zero, zero", "sfence.w.inval"}) {
    start(code, kUser);
    rig.step();
    EXPECT_EQ(s.mcause, 2u) << code;
    EXPECT_EQ(s.mtval, rig.load64(kRamBase) & 0xffffffff) << code;
  }
}

TEST_F(Traps, InterruptPriorityAndVectors) {
  start("c.nop", kMachine);
  s.mtvec = kMachineHandler | 1;
  s.mie = kIrqMachine | kIrqSupervisor;
  s.mstatus |= kStatusMie;
  s.irq_lines = kIrqMti | kIrqMsi | kIrqSei;
  rig.step();
  EXPECT_EQ(s.pc, kMachineHandler + 4 * 3);
  EXPECT_EQ(s.mcause, u64{1} << 63 | 3);
  EXPECT_EQ(s.mstatus & kStatusMie, 0u);
  EXPECT_EQ(deliverable_interrupt(s), -1);
  // Exceptions are not vectored.
  start("ecall", kUser);
  s.mtvec = kMachineHandler | 1;
  s.mie = 0;
  rig.step();
  EXPECT_EQ(s.pc, kMachineHandler);
}

TEST_F(Traps, DelegatedInterruptsWaitForSie) {
  start("csrrsi zero, sstatus, 2\nc.nop", kSupervisor);
  s.mideleg = kIrqSupervisor;
  s.mie = kIrqSei;
  s.irq_lines = kIrqSei;
  EXPECT_EQ(deliverable_interrupt(s), -1);
  EXPECT_TRUE(rig.frontend().wakes(s));
  rig.step();  // the CSR instruction ends the block because an interrupt has become deliverable
  EXPECT_EQ(s.pc, kRamBase + 4);
  rig.step();
  EXPECT_EQ(s.pc, kSupervisorHandler);
  EXPECT_EQ(s.sepc, kRamBase + 4);
  EXPECT_EQ(s.scause, u64{1} << 63 | 9);
  // In M mode a delegated interrupt waits.
  s.privilege = kMachine;
  s.mstatus |= kStatusSie | kStatusMie;
  EXPECT_EQ(deliverable_interrupt(s), -1);
  s.privilege = kUser;
  s.mstatus &= ~kStatusSie;
  EXPECT_EQ(deliverable_interrupt(s), 9);
}

TEST_F(Traps, WaitForInterruptSleepsOnlyWhenNothingIsPending) {
  start("wfi", kSupervisor);
  rig.step();
  EXPECT_EQ(rig.waits, 1u);
  EXPECT_EQ(s.pc, kRamBase + 4);
  start("wfi", kSupervisor);
  s.mie = kIrqMti;
  s.irq_lines = kIrqMti;
  s.privilege = kMachine;
  rig.step();
  EXPECT_EQ(rig.waits, 1u);
}

TEST_F(Traps, MisalignedAtomicsFault) {
  for (auto [code, cause] :
       {std::pair{"lr.d a0, (sp)", 4u}, {"sc.d a0, a1, (sp)", 6u}, {"amoadd.w a0, a1, (sp)", 6u}}) {
    start(code, kUser);
    s.x[2] = kRamBase + 0x1002;
    rig.step();
    EXPECT_EQ(s.mcause, cause) << code;
    EXPECT_EQ(s.mtval, kRamBase + 0x1002);
  }
}

TEST_F(Traps, HolesInPhysicalMemory) {
  start("addi a0, a0, 1\nld a1, 8(zero)", kMachine);
  rig.step();
  EXPECT_EQ(s.mcause, 5u);
  EXPECT_EQ(s.mtval, 8u);
  EXPECT_EQ(s.mepc, kRamBase + 4);
  EXPECT_EQ(s.x[10], 1u);  // what came before has happened
  start("jalr zero, 0(zero)", kMachine);
  rig.step();
  rig.step();
  EXPECT_EQ(s.mcause, 1u);
  EXPECT_EQ(s.mepc, 0u);
}

TEST_F(Traps, ReservedRoundingModesAreIllegal) {
  for (const char* code : {"csrrwi zero, frm, 5\nfadd.d fa0, fa0, fa0", ".word 0x02b55553"}) {  // rm = 5
    s.mcause = 0;
    start(code, kUser);
    while (s.pc != kMachineHandler) rig.step();
    EXPECT_EQ(s.mcause, 2u) << code;
  }
  s.mcause = 0;
  start("csrrwi zero, frm, 5\nfadd.d fa0, fa0, fa0, rne\nend: c.nop", kUser);
  EXPECT_TRUE(rig.run_to(program.labels["end"]));
}

TEST_F(Traps, FloatingPointStateBecomesDirty) {
  for (u64 mode : {kUser, kSupervisor, kMachine}) {
    start("fsd fa0, 0(sp); fmv.x.d a0, fa0\nmiddle: c.nop; fmv.d.x fa0, a0\nend: c.nop", mode);
    s.x[2] = kRamBase + 0x1000;
    s.mstatus = (s.mstatus & ~kStatusFs) | 1 << 13;
    rig.translate(kRamBase);
    // Reading instructions leave it alone.
    Program reading = program;
    rig.load("fsd fa0, 0(sp); fmv.x.d a0, fa0; jal zero, 0x80000100", kRamBase);
    ASSERT_TRUE(rig.run_to(kRamBase + 0x100));
    EXPECT_EQ(bits(s.mstatus, 13, 2), 1u) << mode;
    rig.load("fmv.d.x fa0, a0; jal zero, 0x80000100", kRamBase);
    ASSERT_TRUE(rig.run_to(kRamBase + 0x100));
    EXPECT_EQ(bits(s.mstatus, 13, 2), 3u) << mode;
  }
}

TEST_F(Traps, FenceIShowsNewCode) {
  start(R"(
      la a0, target; lw a1, 0(a0)
      la a2, patch; lw a3, 0(a2)
      jal ra, target
      sw a3, 0(a0); fence.i
      jal ra, target
      j end
    target: addi a5, a5, 1
      jalr zero, 0(ra)
    patch: addi a5, a5, 16
    end: c.nop)",
        kMachine);
  ASSERT_TRUE(rig.run_to(program.labels["end"]));
  EXPECT_EQ(s.x[15], 17u);
  EXPECT_EQ(rig.code_fences, 1u);
}

TEST_F(Traps, SfenceNamesAddressAndSpace) {
  start("sfence.vma a0, a1", kSupervisor);
  s.satp = u64{8} << 60 | u64{3} << 44;
  s.x[10] = 0x5000;
  s.x[11] = 0x10007;
  // Page tables are not needed: fetching is done before.
  ir::Block block;
  s.satp = 0;
  rig.step();
  EXPECT_EQ(rig.last_flush.address, 0x5000u);
  EXPECT_EQ(rig.last_flush.context, 7u);
  start("sfence.vma zero, zero", kSupervisor);
  rig.step();
  EXPECT_FALSE(rig.last_flush.address.has_value());
  EXPECT_FALSE(rig.last_flush.context.has_value());
}

}  // namespace
}  // namespace mimus::test
