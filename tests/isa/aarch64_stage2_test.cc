// Stage 2: tables that a hypervisor puts below those of its guest.
#include <gtest/gtest.h>

#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/maintenance.h"
#include "frontends/aarch64/mmu.h"
#include "tests/isa/aarch64_pe.h"

namespace mimus::test {
namespace {

using namespace aarch64;

constexpr GuestPa kRam = Aarch64Pe::kRam, kStage1 = kRam + 0x10'0000, kStage2 = kRam + 0x20'0000;
constexpr u64 kTableOrPage = 3, AF = 1 << 10, R = 1 << 6, W = 1 << 7, XN = u64{1} << 54, DBM = u64{1} << 51,
              kNormal = 0xf << 2;
// Intermediate addresses of 39 bits, from level 1; the guest's page and where it is.
constexpr u64 kVtcr = 25 | 1 << 6 | u64{5} << 16;
constexpr GuestPa kIpa = 0x8000'5000, kPa = kRam + 0x40'0000, kIpaTables = 0x8010'0000;
constexpr GuestVa kVa = 0x7000;

class Stage2 : public testing::Test {
 protected:
  Stage2() {
    pe.write("VTCR_EL2", kVtcr);
    pe.write("VTTBR_EL2", kStage2 | u64{3} << 48);
    pe.write("HCR_EL2", kHcrVm);
    set_level(s, 1, 1);
    map2(kIpa, kPa | R | W | AF);
  }
  // One page of stage 2; its tables are shared by all addresses with the same bits 38:21.
  void map2(GuestPa ipa, u64 leaf) {
    const GuestPa level2 = kStage2 + 0x1000, level3 = kStage2 + 0x2000 + (bits(ipa, 21, 2) << 12);
    pe.store(kStage2 + 8 * bits(ipa, 30, 9), level2 | kTableOrPage);
    pe.store(level2 + 8 * bits(ipa, 21, 9), level3 | kTableOrPage);
    pe.store(level3 + 8 * bits(ipa, 12, 9), leaf | kTableOrPage | kNormal);
  }
  GuestPa leaf_entry(GuestPa ipa) const { return kStage2 + 0x2000 + (bits(ipa, 21, 2) << 12) + 8 * bits(ipa, 12, 9); }
  // Stage 1 of the guest: one table of level 3 (T0SZ 43), itself at an intermediate address.
  void with_stage1(u64 leaf) {
    pe.store(kStage1 + 8 * bits(kVa, 12, 9), leaf);
    pe.write("TCR_EL1", u64{5} << 32 | 39);
    pe.write("TTBR0_EL1", kIpaTables - 0x1000);
    map2(kIpaTables - 0x1000, (kStage1 + 0x1000) | R | AF);
    map2(kIpaTables, kStage1 | R | AF);
    pe.store(kStage1 + 0x1000, kIpaTables | kTableOrPage);
    pe.write("SCTLR_EL1", 1);
  }
  // ISS, or 0.
  u32 refused(Access access, GuestVa va) {
    last = walk(s, pe.memory(), va, access, kRegimeEl1);
    const Fault* fault = std::get_if<Fault>(&last);
    return fault ? fault->cause & 0x1ff'ffff : 0;
  }
  Translation translation() { return std::get<Translation>(last); }

  Aarch64Pe pe{"max,+el2"};
  Aarch64State& s = pe.state();
  WalkResult last;
};

TEST_F(Stage2, AloneWhileStage1IsOff) {
  EXPECT_EQ(refused(Access::write, kIpa + 8), 0u);
  EXPECT_EQ(translation().page, kPa);
  EXPECT_EQ(refused(Access::read, kIpa + 0x1000), kIssStage2 | 0x07);
  EXPECT_EQ(s.fault_ipa, kIpa + 0x1000);
}

TEST_F(Stage2, Permissions) {
  map2(kIpa, kPa | R | AF);
  EXPECT_EQ(refused(Access::write, kIpa), kIssStage2 | kIssWnr | 0x0f);
  EXPECT_EQ(refused(Access::execute, kIpa), 0u);
  map2(kIpa, kPa | R | W | AF | XN);
  EXPECT_EQ(refused(Access::execute, kIpa), kIssStage2 | 0x0f);
  map2(kIpa, kPa | W | AF);
  EXPECT_EQ(refused(Access::read, kIpa), kIssStage2 | 0x0f);
  map2(kIpa, kPa | R | W);
  EXPECT_EQ(refused(Access::read, kIpa), kIssStage2 | 0x0b);
}

TEST_F(Stage2, UpdatesByHardware) {
  pe.write("VTCR_EL2", kVtcr | 3 << 21);  // HA, HD
  map2(kIpa, kPa | R | DBM);
  EXPECT_EQ(refused(Access::read, kIpa), 0u);
  EXPECT_FALSE(translation().writable);
  EXPECT_TRUE(pe.load(leaf_entry(kIpa)) & AF);
  EXPECT_EQ(refused(Access::write, kIpa), 0u);
  EXPECT_TRUE(pe.load(leaf_entry(kIpa)) & W);
}

TEST_F(Stage2, BothStages) {
  with_stage1(kIpa | kTableOrPage | AF);
  EXPECT_EQ(refused(Access::write, kVa), 0u);
  EXPECT_EQ(translation().page, kPa);
  map2(kIpa, kPa | R | AF);
  EXPECT_EQ(refused(Access::write, kVa), kIssStage2 | kIssWnr | 0x0f);
  with_stage1(0);
  EXPECT_EQ(refused(Access::read, kVa), 0x07u);  // stage 1's own
}

TEST_F(Stage2, TablesOfStage1AreTranslatedToo) {
  with_stage1(kIpa | kTableOrPage | AF);
  map2(kIpaTables, 0);
  pe.store(leaf_entry(kIpaTables), 0);
  EXPECT_EQ(refused(Access::read, kVa), kIssStage2 | kIssS1ptw | 0x07);
  EXPECT_EQ(s.fault_ipa & ~kPageMask, kIpaTables);
  s.vbar[2] = 0x2'0000;
  pe.frontend().raise(s, std::get<Fault>(last));
  EXPECT_EQ(s.current_el, 2u);
  EXPECT_EQ(s.esr[2], 0x9200'0087u);
  EXPECT_EQ(s.hpfar_el2, kIpaTables >> 12 << 4);
  EXPECT_EQ(s.far[2], kVa);
}

TEST_F(Stage2, ConcatenatedTables) {
  pe.write("VTCR_EL2", 24 | 1 << 6 | u64{5} << 16);  // 40 bits from level 1: two tables in a row
  const GuestPa ipa = u64{1} << 39 | kIpa;
  pe.store(kStage2 + 8 * bits(ipa, 30, 10), (kStage2 + 0x3000) | kTableOrPage);
  pe.store(kStage2 + 0x3000 + 8 * bits(ipa, 21, 9), (kRam & ~u64{0x1f'ffff}) | 1 | R | W | AF | kNormal);
  EXPECT_EQ(refused(Access::read, ipa), 0u);
  EXPECT_EQ(translation().page, kRam + 0x5000);
  EXPECT_EQ(refused(Access::read, u64{1} << 40), kIssStage2 | 0x04);
}

TEST_F(Stage2, AddressTranslationInstructions) {
  with_stage1(kIpa | kTableOrPage | AF);
  translate_for_software(s, AtKind::s12e1r, kVa);
  EXPECT_EQ(s.par_el1 & ~kPageMask & 0xffff'ffff'ffff, kPa);
  translate_for_software(s, AtKind::s1e1r, kVa);
  EXPECT_EQ(s.par_el1 & ~kPageMask & 0xffff'ffff'ffff, kIpa);
  map2(kIpa, 0);
  pe.store(leaf_entry(kIpa), 0);
  translate_for_software(s, AtKind::s12e1r, kVa);
  EXPECT_EQ(s.par_el1, u64{1} << 11 | 1 << 9 | 0x07 << 1 | 1);
}

TEST_F(Stage2, GuestsHaveSpacesOfTheirOwn) {
  const u64 three = pe.frontend().context(s);
  pe.write("VTTBR_EL2", kStage2 | u64{4} << 48);
  EXPECT_NE(pe.frontend().context(s), three);
  set_level(s, 2, 1);
  const u64 hypervisor = pe.frontend().context(s);
  pe.write("VTTBR_EL2", kStage2 | u64{3} << 48);
  EXPECT_EQ(pe.frontend().context(s), hypervisor);
}

}  // namespace
}  // namespace mimus::test
