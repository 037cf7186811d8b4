#include "accel/dbt/tlb.h"

#include <algorithm>

namespace mimus::dbt {
namespace {

// Atomic, for drop_write_path() on another thread.
void drop(TlbEntry& e) {
  e.read_tag.store(TlbEntry::kInvalid, std::memory_order_relaxed);
  e.write_tag.store(TlbEntry::kInvalid, std::memory_order_relaxed);
  __atomic_store_n(&e.page, ~u64{0}, __ATOMIC_RELAXED);
}

}  // namespace

void DataTlb::allocate(size_t count) {
  entries_ = std::make_unique<TlbEntry[]>(count);
  count_ = count;
  evictions_ = 0;
}

bool DataTlb::note_fill(GuestVa va, u64 mapping_size) {
  if (mapping_size > kPageSize) {
    const GuestVa begin = align_down(va, mapping_size);
    large_begin_ = std::min(large_begin_, begin);
    large_end_ = std::max(large_end_, begin + (mapping_size - 1));
  }
  const TlbEntry& e = entry(va);
  const u64 page = align_down(va, kPageSize);
  auto holds_other = [&](u64 tag) { return tag != TlbEntry::kInvalid && tag != page; };
  if (holds_other(e.read_tag.load(std::memory_order_relaxed))) ++evictions_;
  if (evictions_ <= count_ || count_ == kMaxEntries) return false;
  allocate(count_ * 2);
  return true;
}

void DataTlb::flush() {
  for (size_t i = 0; i < count_; ++i) {
    drop(entries_[i]);
  }
  large_begin_ = ~GuestVa{0};
  large_end_ = 0;
}

void DataTlb::flush_page(GuestVa va) {
  if (va >= large_begin_ && va <= large_end_) return flush();  // a fence for any address drops the whole large mapping
  drop(entry(va));
}

void DataTlb::drop_write_path(GuestPa page) {
  for (size_t i = 0; i < count_; ++i) {
    // `page` may be changed by the owner meanwhile; it then looks at the page's marks itself after its store.
    if (__atomic_load_n(&entries_[i].page, __ATOMIC_RELAXED) == page) {
      entries_[i].write_tag.store(TlbEntry::kInvalid, std::memory_order_relaxed);
    }
  }
}

void JumpCache::flush() {
  entries.fill({});
  found.fill({});
}

// An instruction at the end of the page before may reach into this one, so that page's entries go too.
void JumpCache::flush_page(GuestVa va) {
  const u64 page = va >> kPageBits;
  auto touches = [page](GuestPc pc) { return page - (pc >> kPageBits) <= 1; };
  for (u32 i = 0; i < kJumpCacheEntries; ++i) {
    if (touches(entries[i].pc)) entries[i] = {};
    if (touches(found[i].pc)) found[i] = {};
  }
}

DataTlb& AddressSpace::tlb(unsigned regime) {
  if (!data[regime]) data[regime] = std::make_unique<DataTlb>();
  return *data[regime];
}

JumpCache& AddressSpace::jump_cache(u64 mode) {
  for (auto& cache : jumps) {
    if (cache->mode == mode) return *cache;
  }
  jumps.push_back(std::make_unique<JumpCache>());
  jumps.back()->mode = mode;
  return *jumps.back();
}

static size_t code_page_hash(GuestVa va) { return (va >> kPageBits ^ va >> 24) & 4095; }

void AddressSpace::note_fetch(GuestVa va, u64 mapping_size) {
  code_pages.set(code_page_hash(va));
  if (mapping_size <= kPageSize) return;
  const GuestVa begin = align_down(va, mapping_size);
  large_code_begin = std::min(large_code_begin, begin);
  large_code_end = std::max(large_code_end, begin + (mapping_size - 1));
}

void AddressSpace::note_global(GuestVa va, u64 mapping_size) {
  const GuestVa begin = align_down(va, mapping_size);
  global_begin = std::min(global_begin, begin);
  global_end = std::max(global_end, begin + (mapping_size - 1));
}

bool AddressSpace::concerned(const TlbFlush& flush) const {
  if (!flush.context || context == *flush.context) return true;
  if (!flush.global_too) return false;
  return !flush.address || ((*flush.address | kPageMask) >= global_begin && *flush.address <= global_end);
}

void AddressSpace::flush() {
  for (auto& tlb : data) {
    if (tlb) tlb->flush();
  }
  flush_code();
  global_begin = ~GuestVa{0};
  global_end = 0;
}

void AddressSpace::flush_code() {
  if (code_pages.none()) return;
  fetch.fill({});
  for (auto& cache : jumps) cache->flush();
  code_pages.reset();
  large_code_begin = ~GuestVa{0};
  large_code_end = 0;
}

void AddressSpace::flush_page(GuestVa va) {
  for (auto& tlb : data) {
    if (tlb) tlb->flush_page(va);
  }
  if (va >= large_code_begin && va <= large_code_end) return flush_code();
  if (!code_pages.test(code_page_hash(va)) && !code_pages.test(code_page_hash(va - kPageSize))) return;
  fetch_entry(va) = {};
  for (auto& cache : jumps) cache->flush_page(va);
}

TlbSet::TlbSet() { select(0); }

void TlbSet::select(u64 context) {
  if (current_ && current_->context == context) return;
  ++counters.switches;
  auto at = std::ranges::find(spaces_, context, [](const auto& s) { return s->context; });
  if (at == spaces_.end()) {
    std::lock_guard lock(shape_lock_);
    if (spaces_.size() >= kMaxSpaces) {
      at = std::ranges::min_element(spaces_, {}, [](const auto& s) { return s->last_used; });
      (*at)->flush();
    } else {
      spaces_.push_back(std::make_unique<AddressSpace>());
      at = std::prev(spaces_.end());
    }
    (*at)->context = context;
  }
  current_ = at->get();
  current_->last_used = ++tick_;
}

DataTlb& TlbSet::data_tlb(unsigned regime) {
  if (!current_->data[regime]) {
    std::lock_guard lock(shape_lock_);
    return current_->tlb(regime);
  }
  return *current_->data[regime];
}

void TlbSet::flush(const TlbFlush& flush) {
  ++(flush.address ? counters.page_flushes : counters.flushes);
  for (auto& space : spaces_) {
    if (!space->concerned(flush)) continue;
    if (flush.address) {
      space->flush_page(*flush.address);
    } else {
      space->flush();
    }
  }
}

void TlbSet::flush_jump_caches() {
  for (auto& space : spaces_) {
    for (auto& cache : space->jumps) cache->flush();
  }
}

void TlbSet::drop_write_paths(GuestPa page) {
  std::lock_guard lock(shape_lock_);
  for (auto& space : spaces_) {
    for (auto& tlb : space->data) {
      if (tlb) tlb->drop_write_path(page);
    }
  }
}

}  // namespace mimus::dbt
