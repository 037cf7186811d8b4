// The translation system: tables of every granule, permissions, faults, hardware updates, stage 2, AT.
#include "frontends/aarch64/mmu.h"

#include <gtest/gtest.h>

#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/maintenance.h"
#include "tests/isa/aarch64_pe.h"

namespace mimus::test {
namespace {

using namespace aarch64;

constexpr GuestPa kRam = Aarch64Pe::kRam, kTables = kRam + 0x10'0000, kPage = kRam + 0x40'0000;

// Bits of descriptors.
constexpr u64 kBlock = 1, kTableOrPage = 3, RO = 1 << 7, EL0 = 1 << 6, AF = 1 << 10, NG = 1 << 11, DBM = u64{1} << 51,
              CONT = u64{1} << 52, PXN = u64{1} << 53, UXN = u64{1} << 54;
constexpr u64 kTablePxn = u64{1} << 59, kTableXn = u64{1} << 60, kTableNoEl0 = u64{1} << 61, kTableRo = u64{1} << 62;

constexpr u64 kMmuOn = 1, kWxn = 1 << 19;
constexpr u64 kTcr48 = u64{5} << 32 | 16 << 16 | 16 | u64{2} << 30;  // IPS 48 bits, both halves 48 bits of 4 KiB pages

class Walks : public testing::Test {
 protected:
  Walks() {
    pe.write("TCR_EL1", kTcr48);
    pe.write("TTBR0_EL1", kTables);
    pe.write("TTBR1_EL1", kTables);
    pe.write("SCTLR_EL1", kMmuOn);
    map(12, 16, kVa, kPage | kTableOrPage | AF);
  }
  // Tables of 2^granule bytes, one after the other from kTables on, that lead to `leaf` at level 3; their number.
  unsigned map(unsigned granule, unsigned tsz, GuestVa va, u64 leaf, u64 table_bits = 0, unsigned leaf_level = 3) {
    const unsigned stride = granule - 3, bits_in = 64 - tsz;
    const unsigned levels = (bits_in - granule + stride - 1) / stride;
    unsigned count = 0;
    for (unsigned level = 4 - levels; level <= leaf_level; ++level, ++count) {
      const GuestPa table = kTables + (u64{count} << granule);
      const unsigned shift = granule + stride * (3 - level);
      const unsigned width = level == 4 - levels ? bits_in - shift : stride;
      const u64 next = (kTables + (u64{count + 1} << granule)) | kTableOrPage | table_bits;
      pe.store(table + 8 * bits(va, shift, width), level == leaf_level ? leaf : next);
    }
    return count;
  }
  void leaf(u64 descriptor) { map(12, 16, kVa, descriptor); }

  // "ok", or the fault status code.
  std::string outcome(Access access, u32 regime = kRegimeEl1, GuestVa va = kVa) {
    last = walk(s, pe.memory(), va, access, regime);
    const Fault* fault = std::get_if<Fault>(&last);
    return fault ? fmt(fault->cause & 0x3f) : "ok";
  }
  static std::string fmt(u32 code) {
    static constexpr const char* kKinds[] = {"size", "translation", "access", "permission"};
    if (code < 16) return std::string(kKinds[code >> 2]) + " " + std::to_string(code & 3);
    return code == 0x10 ? "external" : "external on walk " + std::to_string(code & 3);
  }
  // For EL1 and EL0 a letter for each of read, write, execute that is allowed.
  std::string permissions() {
    std::string text;
    for (u32 regime : {kRegimeEl1, kRegimeEl0}) {
      const char letters[] = "rwx";
      for (Access access : {Access::read, Access::write, Access::execute})
        text += outcome(access, regime) == "ok" ? letters[unsigned(access)] : '-';
      if (regime == kRegimeEl1) text += ' ';
    }
    return text;
  }
  Translation translation() { return std::get<Translation>(last); }

  static constexpr GuestVa kVa = 0x1234'5678'9000 & 0x7fff'ffff'f000;
  Aarch64Pe pe;
  Aarch64State& s = pe.state();
  WalkResult last;
};

TEST_F(Walks, Off) {
  pe.write("SCTLR_EL1", 0);
  EXPECT_EQ(outcome(Access::write, kRegimeEl0, 0x9000'1234), "ok");
  EXPECT_EQ(translation().page, 0x9000'1000u);
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, u64{1} << 48), "size 0");
}

struct Granule {
  unsigned bits, tsz;
  u64 tg0;
  const char* name;
};
class Granules : public Walks, public testing::WithParamInterface<Granule> {};
TEST_P(Granules, Pages) {
  const Granule g = GetParam();
  pe.write("TCR_EL1", u64{5} << 32 | g.tsz | g.tg0 << 14);
  const GuestVa va = kVa & ((u64{1} << (64 - g.tsz)) - 1);
  const u64 mask = (u64{1} << g.bits) - 1;
  map(g.bits, g.tsz, va, kPage | kTableOrPage | AF);
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, va), "ok");
  EXPECT_EQ(translation().page, kPage | (va & mask & ~kPageMask));
  EXPECT_EQ(translation().mapping_size, mask + 1);
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, va ^ (mask + 1)), "translation 3");
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, va | u64{1} << (64 - g.tsz)), "translation 0");
}
TEST_P(Granules, Blocks) {
  const Granule g = GetParam();
  pe.write("TCR_EL1", u64{5} << 32 | g.tsz | g.tg0 << 14);
  const GuestVa va = kVa & ((u64{1} << (64 - g.tsz)) - 1);
  const u64 size = u64{1} << (2 * g.bits - 3);
  map(g.bits, g.tsz, va, align_down(kPage, size) | kBlock | AF, 0, 2);
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, va), "ok");
  EXPECT_EQ(translation().page, align_down(kPage, size) | (va & (size - 1) & ~kPageMask));
  EXPECT_EQ(translation().mapping_size, size);
}
INSTANTIATE_TEST_SUITE_P(All, Granules,
                         testing::Values(Granule{12, 16, 0, "4K48"}, Granule{12, 25, 0, "4K39"},
                                         Granule{12, 34, 0, "4K30"}, Granule{14, 16, 2, "16K48"},
                                         Granule{14, 28, 2, "16K36"}, Granule{16, 16, 1, "64K48"},
                                         Granule{16, 22, 1, "64K42"}),
                         [](const auto& info) { return info.param.name; });

struct Rights {
  u64 leaf, table;
  u64 sctlr;
  const char* expected;  // EL1, EL0
};
TEST_F(Walks, Permissions) {
  const Rights kRows[] = {
      {0, 0, 0, "rwx --x"},
      {RO, 0, 0, "r-x --x"},
      {EL0, 0, 0, "rw- rwx"},  // what EL0 may write EL1 does not execute
      {EL0 | RO, 0, 0, "r-x r-x"},
      {PXN, 0, 0, "rw- --x"},
      {UXN, 0, 0, "rwx ---"},
      {EL0 | RO | PXN | UXN, 0, 0, "r-- r--"},
      {0, kTableRo, 0, "r-x --x"},
      {EL0, kTableRo, 0, "r-x r-x"},
      {EL0, kTableNoEl0, 0, "rwx --x"},
      {0, kTablePxn, 0, "rw- --x"},
      {0, kTableXn, 0, "rwx ---"},
      {0, 0, kWxn, "rw- --x"},
      {EL0, 0, kWxn, "rw- rw-"},
      {EL0 | RO, 0, kWxn, "r-x r-x"},
  };
  for (const Rights& row : kRows) {
    pe.write("SCTLR_EL1", kMmuOn | row.sctlr);
    map(12, 16, kVa, kPage | kTableOrPage | AF | row.leaf, row.table);
    EXPECT_EQ(permissions(), row.expected) << &row - kRows;
  }
}

TEST_F(Walks, HierarchyCanBeSwitchedOff) {
  map(12, 16, kVa, kPage | kTableOrPage | AF, kTableRo | kTableXn);
  pe.write("TCR_EL1", kTcr48 | u64{1} << 41);
  EXPECT_EQ(permissions(), "rwx --x");
}

TEST_F(Walks, PanForbidsPagesOfEl0) {
  leaf(kPage | kTableOrPage | AF | EL0 | RO);
  EXPECT_EQ(outcome(Access::read, kRegimeEl1Pan), "permission 3");
  EXPECT_EQ(outcome(Access::execute, kRegimeEl1Pan), "ok");
  leaf(kPage | kTableOrPage | AF);
  EXPECT_EQ(outcome(Access::read, kRegimeEl1Pan), "ok");
}

TEST_F(Walks, Halves) {
  const GuestVa high = ~u64{0} << 48 | kVa;
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, high), "ok");
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, high ^ u64{1} << 60), "translation 0");
  pe.write("TCR_EL1", kTcr48 | u64{1} << 38);  // TBI1
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, high ^ u64{1} << 60), "ok");
  pe.write("TCR_EL1", kTcr48 | 1 << 23);  // EPD1
  EXPECT_EQ(outcome(Access::read, kRegimeEl1, high), "translation 0");
  EXPECT_EQ(outcome(Access::read), "ok");
  pe.write("TCR_EL1", kTcr48 | 1 << 7);  // EPD0
  EXPECT_EQ(outcome(Access::read), "translation 0");
}

TEST_F(Walks, BrokenTables) {
  leaf(0);
  EXPECT_EQ(outcome(Access::read), "translation 3");
  leaf(kPage | kBlock | AF);  // reserved at level 3
  EXPECT_EQ(outcome(Access::read), "translation 3");
  map(12, 16, kVa, kPage | kBlock | AF, 0, 0);  // no blocks of 512 GiB
  EXPECT_EQ(outcome(Access::read), "translation 0");
  map(12, 16, kVa, 0x1'0000'0000 | kTableOrPage, 0, 1);  // a table where there is no memory
  EXPECT_EQ(outcome(Access::read), "external on walk 2");
  pe.write("TTBR0_EL1", 0x2000'0000);
  EXPECT_EQ(outcome(Access::read), "external on walk 0");
}

TEST_F(Walks, AddressesThatAreTooLarge) {
  pe.write("TCR_EL1", (kTcr48 & ~(u64{7} << 32)) | u64{0} << 32);  // IPS: 32 bits
  EXPECT_EQ(outcome(Access::read), "ok");
  leaf(u64{1} << 32 | kTableOrPage | AF);
  EXPECT_EQ(outcome(Access::read), "size 3");
  map(12, 16, kVa, u64{1} << 32 | kTableOrPage, 0, 1);
  EXPECT_EQ(outcome(Access::read), "size 1");
  pe.write("TTBR0_EL1", u64{1} << 32);
  EXPECT_EQ(outcome(Access::read), "size 0");
}

TEST_F(Walks, ContiguousPages) {
  leaf(kPage | kTableOrPage | AF | CONT);
  EXPECT_EQ(outcome(Access::read), "ok");
  EXPECT_EQ(translation().mapping_size, 16 * kPageSize);
}

TEST_F(Walks, GlobalAndNot) {
  outcome(Access::read);
  EXPECT_TRUE(translation().global);
  leaf(kPage | kTableOrPage | AF | NG);
  outcome(Access::read);
  EXPECT_FALSE(translation().global);
}

TEST_F(Walks, AccessFlag) {
  leaf(kPage | kTableOrPage);
  EXPECT_EQ(outcome(Access::read), "access 3");
  pe.write("TCR_EL1", kTcr48 | u64{1} << 39);  // HA
  EXPECT_EQ(outcome(Access::read), "ok");
  EXPECT_EQ(pe.load(kTables + 0x3000 + 8 * bits(kVa, 12, 9)), kPage | kTableOrPage | AF);
}

TEST_F(Walks, DirtyState) {
  const u64 clean = kPage | kTableOrPage | AF | RO | DBM;
  const GuestPa entry = kTables + 0x3000 + 8 * bits(kVa, 12, 9);
  leaf(clean);
  EXPECT_EQ(outcome(Access::write), "permission 3");
  pe.write("TCR_EL1", kTcr48 | u64{3} << 39);  // HA, HD
  EXPECT_EQ(outcome(Access::read), "ok");
  EXPECT_FALSE(translation().writable);  // so that the first write is seen
  EXPECT_EQ(pe.load(entry), clean);
  EXPECT_EQ(outcome(Access::write), "ok");
  EXPECT_TRUE(translation().writable);
  EXPECT_EQ(pe.load(entry), clean & ~RO);
}

TEST_F(Walks, ModelsWithoutTheFeatureDoNotUpdate) {
  Aarch64Pe a72("cortex-a72");
  a72.write("TCR_EL1", u64{4} << 32 | 25 | u64{3} << 39);
  a72.write("TTBR0_EL1", kTables);
  a72.store(kTables, (kTables + 0x1000) | kTableOrPage);
  a72.store(kTables + 0x1000, kRam | kBlock);
  a72.write("SCTLR_EL1", kMmuOn);
  const auto refused = walk(a72.state(), a72.memory(), 0, Access::read, kRegimeEl1);
  ASSERT_TRUE(std::holds_alternative<Fault>(refused));
  EXPECT_EQ(std::get<Fault>(refused).cause & 0x3f, 0x0au);
}

TEST_F(Walks, Syndromes) {
  leaf(kPage | kTableOrPage | AF | RO);
  outcome(Access::write, kRegimeEl0);
  EXPECT_EQ(std::get<Fault>(last).cause, 0x9200'004fu);  // data abort, write, permission at level 3
  EXPECT_EQ(std::get<Fault>(last).tval, kVa);
  outcome(Access::execute, kRegimeEl1, kVa + 0x1000);
  EXPECT_EQ(std::get<Fault>(last).cause, 0x8200'0007u);  // instruction abort
}

TEST_F(Walks, AddressTranslationInstructions) {
  pe.write("MAIR_EL1", 0x00ff);
  leaf(kPage | kTableOrPage | AF | RO | 3 << 8);  // inner shareable, attribute 0
  translate_for_software(s, AtKind::s1e1r, kVa + 0x123);
  EXPECT_EQ(s.par_el1, u64{0xff} << 56 | kPage | 1 << 11 | 3 << 7);
  translate_for_software(s, AtKind::s1e1w, kVa);
  EXPECT_EQ(s.par_el1, 1u << 11 | 0x0f << 1 | 1);
  translate_for_software(s, AtKind::s1e0r, kVa);
  EXPECT_EQ(s.par_el1, 1u << 11 | 0x0f << 1 | 1);
  leaf(kPage | kTableOrPage);
  pe.write("TCR_EL1", kTcr48 | u64{1} << 39);
  translate_for_software(s, AtKind::s1e1r, kVa);
  EXPECT_EQ(pe.load(kTables + 0x3000 + 8 * bits(kVa, 12, 9)), kPage | kTableOrPage);  // changes nothing
}

TEST_F(Walks, Contexts) {
  auto context = [&] { return pe.frontend().context(s); };
  pe.write("TTBR0_EL1", kTables | u64{5} << 48);
  const u64 five = context();
  pe.write("TTBR0_EL1", (kTables + 0x1000) | u64{5} << 48);
  EXPECT_EQ(context(), five);
  pe.write("TTBR0_EL1", kTables | u64{0x105} << 48);
  EXPECT_EQ(context(), five);  // TCR_EL1.AS: 8 bits
  pe.write("TCR_EL1", kTcr48 | kTcrAs);
  EXPECT_NE(context(), five);
  pe.write("TCR_EL1", kTcr48 | kTcrA1);
  pe.write("TTBR1_EL1", kTables | u64{5} << 48);
  EXPECT_EQ(context(), five);
  pe.write("SCTLR_EL1", 0);
  EXPECT_NE(context(), five);
}

TEST_F(Walks, Maintenance) {
  pe.write("TTBR0_EL1", kTables | u64{7} << 48);
  pe.flushes.clear();
  invalidate_tlb(s, TlbiKind::address, true, u64{7} << 48 | (kVa >> 12));
  ASSERT_EQ(pe.flushes.size(), 1u);
  EXPECT_EQ(pe.flushes[0].address, kVa);
  EXPECT_EQ(pe.flushes[0].context, pe.frontend().context(s));
  EXPECT_TRUE(pe.flushes[0].global_too);
  EXPECT_EQ(pe.broadcasts, 1u);
  invalidate_tlb(s, TlbiKind::asid, false, u64{9} << 48);
  EXPECT_FALSE(pe.flushes[1].address);
  EXPECT_NE(pe.flushes[1].context, pe.frontend().context(s));
  EXPECT_FALSE(pe.flushes[1].global_too);
  const GuestVa high = ~u64{0} << 48 | kVa;
  invalidate_tlb(s, TlbiKind::address_all, false, bits(high, 12, 44));
  EXPECT_EQ(pe.flushes[2].address, high);
  EXPECT_FALSE(pe.flushes[2].context);
}

}  // namespace
}  // namespace mimus::test
