#include "accel/dbt/tlb.h"

#include <gtest/gtest.h>

namespace mimus::dbt {
namespace {

void put(DataTlb& tlb, GuestVa va, GuestPa page, u64 mapping = kPageSize) {
  tlb.note_fill(va, mapping);
  TlbEntry& e = tlb.entry(va);
  e.read_tag = e.write_tag = align_down(va, kPageSize);
  e.page = page;
}
bool holds(DataTlb& tlb, GuestVa va) { return tlb.entry(va).read_tag == align_down(va, kPageSize); }

TEST(DataTlb, PageFlushLeavesOthers) {
  DataTlb tlb;
  put(tlb, 0x5000, 1 << 12);
  put(tlb, 0x6000, 2 << 12);
  tlb.flush_page(0x5fff);
  EXPECT_FALSE(holds(tlb, 0x5000));
  EXPECT_TRUE(holds(tlb, 0x6000));
}

TEST(DataTlb, AnyAddressOfALargeMappingFlushesAllOfIt) {
  DataTlb tlb;
  put(tlb, 0x200000, 1 << 12, 2 << 20);
  put(tlb, 0x2ff000, 2 << 12, 2 << 20);
  tlb.flush_page(0x310000);
  EXPECT_FALSE(holds(tlb, 0x200000));
  EXPECT_FALSE(holds(tlb, 0x2ff000));
}

TEST(DataTlb, GrowsWhenItEvictsTooMuch) {
  DataTlb tlb;
  const u64 before = tlb.mask();
  for (u64 i = 0; i < 4 * DataTlb::kMinEntries; ++i) put(tlb, i * kPageSize, i * kPageSize);
  EXPECT_GT(tlb.mask(), before);
}

TEST(TlbSet, SwitchingSpacesKeepsEntries) {
  TlbSet set;
  set.select(1);
  put(set.data_tlb(1), 0x5000, 1 << 12);
  set.select(2);
  EXPECT_FALSE(holds(set.data_tlb(1), 0x5000));
  set.select(1);
  EXPECT_TRUE(holds(set.data_tlb(1), 0x5000));
}

TEST(TlbSet, FlushOfOneContext) {
  TlbSet set;
  for (u64 context : {1, 2}) {
    set.select(context);
    put(set.data_tlb(0), 0x5000, 1 << 12);
  }
  set.flush({.address = {}, .context = 1});
  EXPECT_TRUE(holds(set.data_tlb(0), 0x5000));
  set.select(1);
  EXPECT_FALSE(holds(set.data_tlb(0), 0x5000));
}

TEST(TlbSet, ManySpacesRecycleTheOldest) {
  TlbSet set;
  for (u64 context = 0; context < 3 * TlbSet::kMaxSpaces; ++context) {
    set.select(context);
    EXPECT_FALSE(holds(set.data_tlb(0), 0x5000)) << context;
    put(set.data_tlb(0), 0x5000, 1 << 12);
  }
}

TEST(TlbSet, WritePathsGoEverywhere) {
  TlbSet set;
  for (u64 context : {1, 2}) {
    set.select(context);
    put(set.data_tlb(3), 0x7000, 9 << 12);
  }
  set.drop_write_paths(9 << 12);
  for (u64 context : {1, 2}) {
    set.select(context);
    EXPECT_TRUE(holds(set.data_tlb(3), 0x7000));
    EXPECT_EQ(set.data_tlb(3).entry(0x7000).write_tag.load(), TlbEntry::kInvalid);
  }
}

TEST(JumpCache, PageFlushTakesThePageBeforeToo) {
  AddressSpace space;
  JumpCache& jumps = space.jump_cache(7);
  auto put_jump = [&](GuestPc pc) {
    jumps.entries[jump_cache_index(pc)] = {pc, 1};
    space.note_fetch(pc, kPageSize);
  };
  put_jump(0x1ffe), put_jump(0x2000), put_jump(0x3000);
  space.flush_page(0x2000);
  EXPECT_EQ(jumps.entries[jump_cache_index(0x1ffe)].code, 0u);
  EXPECT_EQ(jumps.entries[jump_cache_index(0x2000)].code, 0u);
  EXPECT_EQ(jumps.entries[jump_cache_index(0x3000)].code, 1u);
}

TEST(JumpCache, OnePerMode) {
  AddressSpace space;
  EXPECT_EQ(&space.jump_cache(1), &space.jump_cache(1));
  EXPECT_NE(&space.jump_cache(1), &space.jump_cache(2));
}

}  // namespace
}  // namespace mimus::dbt
