// Page-table walks, protection, PMP.
#include <gtest/gtest.h>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/mmu.h"
#include "frontends/riscv/pmp.h"
#include "tests/isa/rig.h"

namespace mimus::test {
namespace {

using namespace riscv;

constexpr u64 V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128;
constexpr GuestPa kRoot = kRamBase + 0x100000, kLevel1 = kRoot + 0x1000, kLevel0 = kRoot + 0x2000,
                  kTop = kRoot + 0x3000;
constexpr GuestPa kPage = kRamBase + 0x200000;  // 2 MiB aligned
constexpr GuestVa kVa = 0x40201000;             // Sv39: entries 1, 1, 1

constexpr u64 pte(GuestPa pa, u64 flags) { return pa >> 12 << 10 | flags; }

class Walks : public testing::Test {
 protected:
  Walks() {
    s.privilege = kSupervisor;
    poke_csr(s, 0x3B0, ~u64{0});
    poke_csr(s, 0x3A0, 0x1f);
    sv39();
    leaf(V | R | W | X | A | D);
  }
  void sv39() {
    s.satp = u64{8} << 60 | kRoot >> 12;
    rig.store64(kRoot + 8, pte(kLevel1, V));
    rig.store64(kLevel1 + 8, pte(kLevel0, V));
  }
  void leaf(u64 flags, GuestPa pa = kPage) { rig.store64(kLevel0 + 8, pte(pa, flags)); }

  // 0, or the cause of the fault.
  u32 cause(Access access, u32 regime = kRegimeSupervisor, GuestVa va = kVa) {
    last = walk(s, rig.memory(), va, access, regime);
    return std::holds_alternative<Fault>(last) ? std::get<Fault>(last).cause : 0;
  }
  Translation translation(Access access, u32 regime = kRegimeSupervisor, GuestVa va = kVa) {
    EXPECT_EQ(cause(access, regime, va), 0u);
    return std::holds_alternative<Translation>(last) ? std::get<Translation>(last) : Translation{};
  }

  Rig rig;
  RiscvState& s = rig.state();
  WalkResult last;
};

TEST_F(Walks, Sv39) {
  Translation t = translation(Access::read, kRegimeSupervisor, kVa + 0x123);
  EXPECT_EQ(t.page, kPage);
  EXPECT_TRUE(t.readable && t.writable && t.executable && t.cacheable && !t.global);
  EXPECT_EQ(t.mapping_size, kPageSize);
  EXPECT_EQ(cause(Access::read, kRegimeSupervisor, kVa + 0x1000), 13u);
  EXPECT_EQ(std::get<Fault>(last).tval, kVa + 0x1000);
  EXPECT_EQ(cause(Access::write, kRegimeSupervisor, 0), 15u);
  EXPECT_EQ(cause(Access::execute, kRegimeSupervisor, u64{1} << 39), 12u);  // not sign-extended
  EXPECT_EQ(cause(Access::execute, kRegimeSupervisor, kVa | u64{1} << 38), 12u);
}

TEST_F(Walks, Sv48AddsALevel) {
  s.satp = u64{9} << 60 | kTop >> 12;
  rig.store64(kTop + 8, pte(kRoot, V));
  EXPECT_EQ(translation(Access::read, kRegimeSupervisor, kVa | u64{1} << 39).page, kPage);
  EXPECT_EQ(cause(Access::read, kRegimeSupervisor, kVa), 13u);
}

TEST_F(Walks, Sv57AddsAnother) {
  s.satp = u64{10} << 60 | kTop >> 12;
  rig.store64(kTop + 8, pte(kRoot - 0x1000, V));
  rig.store64(kRoot - 0x1000, pte(kRoot, V));
  EXPECT_EQ(translation(Access::read, kRegimeSupervisor, kVa | u64{1} << 48).page, kPage);
  EXPECT_EQ(cause(Access::read, kRegimeSupervisor, kVa), 13u);
  EXPECT_EQ(cause(Access::read, kRegimeSupervisor, kVa | u64{1} << 57), 13u);  // not sign-extended
}

TEST_F(Walks, BareAndMachineMode) {
  EXPECT_EQ(translation(Access::write, kRegimeMachine, kPage).page, kPage);
  s.satp = 0;
  EXPECT_EQ(translation(Access::write, kRegimeUser, kPage).page, kPage);
}

struct Permission {
  u64 flags;
  u32 regime;
  u32 read, write, execute;  // causes
};
TEST_F(Walks, Permissions) {
  const Permission rows[] = {
      {V | R | A | D, kRegimeSupervisor, 0, 15, 12},
      {V | R | W | A | D, kRegimeSupervisor, 0, 0, 12},
      {V | X | A | D, kRegimeSupervisor, 13, 15, 0},
      {V | R | W | X | U | A | D, kRegimeSupervisor, 13, 15, 12},
      {V | R | W | X | U | A | D, kRegimeSupervisorSum, 0, 0, 12},
      {V | R | W | X | U | A | D, kRegimeUser, 0, 0, 0},
      {V | R | W | X | A | D, kRegimeUser, 13, 15, 12},
      {R | W | X | A | D, kRegimeSupervisor, 13, 15, 12},
      {V | W | A | D, kRegimeSupervisor, 13, 15, 12},
      {V | W | X | A | D, kRegimeSupervisor, 13, 15, 12},
      {V | R | W | A | D | u64{1} << 54, kRegimeSupervisor, 13, 15, 12},
  };
  for (const Permission& row : rows) {
    leaf(row.flags);
    EXPECT_EQ(cause(Access::read, row.regime), row.read) << std::hex << row.flags;
    EXPECT_EQ(cause(Access::write, row.regime), row.write) << std::hex << row.flags;
    EXPECT_EQ(cause(Access::execute, row.regime), row.execute) << std::hex << row.flags;
  }
}

TEST_F(Walks, MakeExecutableReadable) {
  leaf(V | X | A | D);
  s.mstatus |= kStatusMxr;
  EXPECT_TRUE(translation(Access::read).readable);
}

TEST_F(Walks, HardwareUpdatesOfAAndD) {
  leaf(V | R | W);
  EXPECT_FALSE(translation(Access::read).writable);  // the first write has to walk
  EXPECT_EQ(rig.load64(kLevel0 + 8), pte(kPage, V | R | W | A));
  EXPECT_TRUE(translation(Access::write).writable);
  EXPECT_EQ(rig.load64(kLevel0 + 8), pte(kPage, V | R | W | A | D));
}

TEST_F(Walks, SvadeFaultsInstead) {
  s.menvcfg &= ~kEnvAdue;
  leaf(V | R | W);
  EXPECT_EQ(cause(Access::read), 13u);
  leaf(V | R | W | A);
  EXPECT_EQ(cause(Access::read), 0u);
  EXPECT_EQ(cause(Access::write), 15u);
  EXPECT_EQ(rig.load64(kLevel0 + 8), pte(kPage, V | R | W | A));
}

TEST_F(Walks, Superpages) {
  rig.store64(kLevel1 + 8, pte(kPage, V | R | W | A | D | G));
  Translation t = translation(Access::read);
  EXPECT_EQ(t.page, kPage + 0x1000);
  EXPECT_EQ(t.mapping_size, u64{2} << 20);
  EXPECT_TRUE(t.global);
  rig.store64(kLevel1 + 8, pte(kPage + 0x1000, V | R | W | A | D));  // misaligned
  EXPECT_EQ(cause(Access::read), 13u);
}

TEST_F(Walks, GlobalIsInherited) {
  rig.store64(kRoot + 8, pte(kLevel1, V | G));
  EXPECT_TRUE(translation(Access::read).global);
}

TEST_F(Walks, Svnapot) {
  constexpr u64 N = u64{1} << 63;
  leaf(N | V | R | A | D, kPage + 0x8000);
  Translation t = translation(Access::read);
  EXPECT_EQ(t.page, kPage + 0x1000);
  EXPECT_EQ(t.mapping_size, 65536u);
  leaf(N | V | R | A | D, kPage + 0x4000);  // a reserved size
  EXPECT_EQ(cause(Access::read), 13u);
}

TEST_F(Walks, Svpbmt) {
  leaf(u64{1} << 61 | V | R | A | D);
  EXPECT_EQ(cause(Access::read), 13u);
  s.menvcfg |= kEnvPbmte;
  EXPECT_EQ(cause(Access::read), 0u);
  leaf(u64{3} << 61 | V | R | A | D);
  EXPECT_EQ(cause(Access::read), 13u);
  leaf(V | R | A | D);
  rig.store64(kLevel1 + 8, pte(kLevel0, V | u64{1} << 61));  // not in pointers to tables
  EXPECT_EQ(cause(Access::read), 13u);
}

TEST_F(Walks, TablesOutsideMemory) {
  rig.store64(kLevel1 + 8, pte(0x1000, V));
  EXPECT_EQ(cause(Access::read), 5u);
  EXPECT_EQ(cause(Access::write), 7u);
  EXPECT_EQ(cause(Access::execute), 1u);
}

// -- PMP --

TEST_F(Walks, PmpDeniesWhatNoEntryAllows) {
  poke_csr(s, 0x3A0, 0);
  EXPECT_EQ(cause(Access::read), 5u);  // already the table
  EXPECT_EQ(cause(Access::read, kRegimeMachine, kPage), 0u);
}

TEST_F(Walks, PmpProtectsTables) {
  // Entry 0: the tables, no access. Entry 1: everything.
  poke_csr(s, 0x3B0, kLevel0 >> 2 | 0x1ff);  // NAPOT, 4 KiB
  poke_csr(s, 0x3B1, ~u64{0});
  poke_csr(s, 0x3A0, 0x1f18);
  EXPECT_EQ(cause(Access::read), 5u);
  poke_csr(s, 0x3A0, 0x1f19);  // readable, not writable: no update of A and D
  EXPECT_EQ(cause(Access::read), 0u);
  leaf(V | R | W);
  EXPECT_EQ(cause(Access::write), 7u);
}

TEST_F(Walks, PmpWithinAPage) {
  poke_csr(s, 0x3B0, (kPage + 0x10) >> 2);  // NA4, nothing
  poke_csr(s, 0x3B1, ~u64{0});
  poke_csr(s, 0x3A0, 0x1f10);
  EXPECT_FALSE(translation(Access::read).cacheable);
  EXPECT_EQ(cause(Access::read, kRegimeSupervisor, kVa + 0x10), 5u);
  EXPECT_EQ(cause(Access::read, kRegimeSupervisor, kVa + 0x14), 0u);
  EXPECT_EQ(translation(Access::read).rule_first, kPage);  // of the first byte of the page
  EXPECT_EQ(translation(Access::read).rule_last, kPage + 0xf);
  EXPECT_EQ(cause(Access::read, kRegimeMachine, kPage + 0x10), 0u);  // not locked
  poke_csr(s, 0x3A0, 0x1f90);
  EXPECT_EQ(cause(Access::read, kRegimeMachine, kPage + 0x10), 5u);
}

TEST_F(Walks, PmpTopOfRange) {
  poke_csr(s, 0x3B0, kPage >> 2);
  poke_csr(s, 0x3B1, (kPage + 0x1000) >> 2);
  poke_csr(s, 0x3B2, ~u64{0});
  poke_csr(s, 0x3A0, 0x1f0900);  // entry 1: TOR, read only
  Translation t = translation(Access::read);
  EXPECT_TRUE(t.cacheable && t.readable && !t.writable && !t.executable);
  EXPECT_EQ(cause(Access::write), 7u);
}

// -- through translated code --

TEST_F(Walks, DataAndFetchGoThroughTheTables) {
  rig.load("ld a0, 0(a1); sd a0, 8(a1); ecall", kPage);
  rig.store64(kPage + 0x100, 42);
  s.pc = kVa;
  s.x[11] = kVa + 0x100;
  s.mtvec = kRamBase;
  rig.step();
  EXPECT_EQ(s.mcause, 9u);
  EXPECT_EQ(rig.load64(kPage + 0x108), 42u);
}

TEST_F(Walks, AnInstructionAcrossAMissingPageFaultsThere) {
  u8 half[] = {0x13, 0x05};  // the first half of an addi
  rig.load_bytes(half, kPage + 0xffe);
  s.pc = kVa + 0xffe;
  s.mtvec = kRamBase;
  rig.step();
  EXPECT_EQ(s.mcause, 12u);
  EXPECT_EQ(s.mepc, kVa + 0xffe);
  EXPECT_EQ(s.mtval, kVa + 0x1000);
}

TEST_F(Walks, SumSwitchesTheRegimeWithoutEndingTheBlock) {
  leaf(V | R | W | U | A | D);
  rig.load("lui a2, 0x40; csrrs zero, sstatus, a2; ld a0, 0(a1); csrrc zero, sstatus, a2; ld a0, 0(a1)", kRamBase);
  rig.store64(kRoot + 16, pte(kRamBase, V | R | X | A | D));  // the code, as a gigapage at its own address
  rig.store64(kPage, 7);
  s.pc = kRamBase;
  s.x[11] = kVa;
  s.mtvec = kRamBase;
  rig.step();
  EXPECT_EQ(s.x[10], 7u);
  EXPECT_EQ(s.mcause, 13u);
  EXPECT_EQ(s.mepc, kRamBase + 16);
}

TEST_F(Walks, MprvUsesThePreviousMode) {
  leaf(V | R | W | U | A | D);
  rig.store64(kPage, 7);
  rig.load("li a2, 0x20000; csrrs zero, mstatus, a2; ld a0, 0(a1); csrrc zero, mstatus, a2\nend: c.nop", kRamBase);
  s.privilege = kMachine;
  s.mstatus &= ~kStatusMpp;
  s.x[11] = kVa;
  s.regime = data_regime(s);
  ASSERT_TRUE(rig.run_to(kRamBase + 4 * 4));
  EXPECT_EQ(s.x[10], 7u);
  EXPECT_EQ(s.regime, kRegimeMachine);
}

TEST_F(Walks, CacheBlockOperationsCountAsStores) {
  rig.load("cbo.flush (a1)", kRamBase);
  s.privilege = kMachine;
  s.mstatus |= kStatusMprv | u64{kSupervisor} << 11;
  s.regime = data_regime(s);
  s.mtvec = kRamBase;
  s.x[11] = kVa + 0x1000;
  rig.step();
  EXPECT_EQ(s.mcause, 15u);
  EXPECT_EQ(s.mtval, kVa + 0x1000);
}

}  // namespace
}  // namespace mimus::test
