// The translation caches of one vCPU: for each address space (ASID) a data TLB per regime, a fetch TLB, and a jump
// cache per mode key. Switching address spaces swaps pointers; nothing is emptied.
//
// Owned by the vCPU's thread. The one foreign access is drop_write_paths(), which stores kInvalid into write tags.
#pragma once

#include <array>
#include <bitset>
#include <memory>
#include <mutex>
#include <vector>

#include "core/engine/port.h"
#include "core/state/cpu.h"

namespace mimus::dbt {

struct TranslatedBlock;

// Direct-mapped data TLB that doubles when it evicts too much.
class DataTlb {
 public:
  static constexpr size_t kMinEntries = 256, kMaxEntries = 8192;

  DataTlb() { allocate(kMinEntries); }
  TlbEntry& entry(GuestVa va) { return entries_[(va >> kPageBits) & (count_ - 1)]; }
  TlbEntry* data() { return entries_.get(); }
  u64 mask() const { return (count_ - 1) << kTlbEntryShift; }

  bool about_to_grow() const { return evictions_ >= count_ && count_ < kMaxEntries; }
  // Call before an entry is replaced, under the shape lock when about_to_grow(); true if the table was grown (entries
  // are gone, pointers have changed).
  bool note_fill(GuestVa va, u64 mapping_size);
  void flush();
  void flush_page(GuestVa va);
  void drop_write_path(GuestPa page);

 private:
  void allocate(size_t count);
  std::unique_ptr<TlbEntry[]> entries_;
  size_t count_ = 0;
  size_t evictions_ = 0;
  GuestVa large_begin_ = ~GuestVa{0}, large_end_ = 0;  // hull of the mappings larger than a page
};

struct JumpCache {
  u64 mode = 0;
  std::array<JumpEntry, kJumpCacheEntries> entries;  // what generated code probes
  struct Found {
    GuestPc pc = ~GuestPc{0};
    TranslatedBlock* translation = nullptr;
  };
  std::array<Found, kJumpCacheEntries> found;  // what the run loop probes
  void flush();
  void flush_page(GuestVa va);
};

struct FetchEntry {
  GuestVa page = ~GuestVa{0};  // virtual; with the regime in its low bits
  GuestPa physical = 0;
};

struct AddressSpace {
  static constexpr size_t kFetchEntries = 256;
  u64 context = 0;
  u64 last_used = 0;
  std::array<std::unique_ptr<DataTlb>, kMaxRegimes> data;
  std::array<FetchEntry, kFetchEntries> fetch;
  std::vector<std::unique_ptr<JumpCache>> jumps;  // few: one per mode key seen
  std::bitset<4096> code_pages;                   // hash filter: pages that the fetch and jump caches may know
  GuestVa large_code_begin = ~GuestVa{0}, large_code_end = 0;  // hull of fetched mappings larger than a page
  GuestVa global_begin = ~GuestVa{0}, global_end = 0;          // hull of the global mappings

  DataTlb& tlb(unsigned regime);
  JumpCache& jump_cache(u64 mode);
  void note_fetch(GuestVa va, u64 mapping_size);
  void note_global(GuestVa va, u64 mapping_size);
  bool concerned(const TlbFlush& flush) const;
  FetchEntry& fetch_entry(GuestVa va) { return fetch[(va >> kPageBits) & (kFetchEntries - 1)]; }
  void flush();
  void flush_code();
  void flush_page(GuestVa va);
};

class TlbSet {
 public:
  static constexpr size_t kMaxSpaces = 16;

  TlbSet();
  AddressSpace& current() { return *current_; }
  void select(u64 context);  // the least recently used space makes room
  void flush(const TlbFlush& flush);
  void flush_jump_caches();  // all of them: translations are going away

  // Any thread: no fast path of this vCPU writes to the physical page any more (other than an access under way).
  void drop_write_paths(GuestPa page);

  // Guards the set of tables (not their entries) against drop_write_paths() while they are made, grown or dropped.
  std::mutex& shape_lock() { return shape_lock_; }
  DataTlb& data_tlb(unsigned regime);

  struct Counters {
    u64 fills = 0, flushes = 0, page_flushes = 0, switches = 0;
  } counters;

 private:
  std::vector<std::unique_ptr<AddressSpace>> spaces_;
  AddressSpace* current_ = nullptr;
  u64 tick_ = 0;
  std::mutex shape_lock_;
};

}  // namespace mimus::dbt
