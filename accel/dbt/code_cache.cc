#include "accel/dbt/code_cache.h"

#include <algorithm>

namespace mimus::dbt {

u32 hash_code(std::span<const u8> bytes) {  // FNV-1a; only ever compared with itself within one run
  u32 hash = 2166136261u;
  for (u8 byte : bytes) hash = (hash ^ byte) * 16777619u;
  return hash;
}

// What lies on one page of code shares one page of the table.
size_t CodeCache::bucket(const ir::BlockKey& key) {
  constexpr size_t kPerPage = kPageSize / sizeof(Table);
  const u64 page = (key.physical >> 12) * 0x9e3779b97f4a7c15ull ^ (key.pc >> 12) * 0xc2b2ae3d27d4eb4full ^
                   key.mode * 0x165667b19e3779f9ull;
  const u64 chunk = (page ^ page >> 29) >> 20 & (kBuckets / kPerPage - 1);
  return chunk * kPerPage + (key.pc >> 3 & (kPerPage - 1));
}

TranslatedBlock* CodeCache::find(const ir::BlockKey& key) const {
  // Chains are only prepended to and unlinked from; an unlinked node keeps its `next`, so a reader never gets lost.
  for (TranslatedBlock* t = table_[bucket(key)].load(std::memory_order_acquire); t;
       t = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE)) {
    if (t->key == key && t->valid.load(std::memory_order_acquire)) return t;
  }
  return nullptr;
}

u64 CodeCache::mark_page(GuestPa page) {
  std::unique_lock lock(mutex_);
  Page& entry = pages_[page];
  if (entry.watched || entry.checked) return entry.generation;
  if (flat_ && (entry.writes >= kWritesUntilChecked || memory_.aliased(page))) {
    entry.checked = true;
    checked_.push_back(page);
    has_checked_ = true;
    ++counters.pages_checked;
    return entry.generation;
  }
  const CodeMemory::Watch watch = memory_.watch(page);
  if (watch == CodeMemory::Watch::failed) return entry.generation;
  entry.watched = true;
  ++counters.pages_marked;
  if (watch == CodeMemory::Watch::racing && epochs_) {
    std::vector<u64> epochs = epochs_();
    if (epochs.size() > 1) {
      fresh_.push_back({page, std::move(epochs)});
      has_fresh_ = true;
    }
  }
  return entry.generation;
}

void CodeCache::unwatch(GuestPa page, Page& entry) {
  if (!entry.watched) return;
  memory_.unwatch(page);
  entry.watched = false;
  unwatched_.fetch_add(1, std::memory_order_release);
}

u64 CodeCache::generation(GuestPa page) {
  std::unique_lock lock(mutex_);
  return pages_[page].generation;
}

u32 CodeCache::next_id() { return next_id_.fetch_add(1); }

// block.code becomes what new entries use, and can be found by id and by host address.
void CodeCache::register_code(u32 id, TranslatedBlock& block) {
  Code* code = block.code.get();
  block.current = code;
  if (by_id_.size() <= id) by_id_.resize(std::max<size_t>(id + 1, by_id_.size() * 2));
  by_id_[id] = {&block, code};
  const auto host = code->host_bytes();
  if (host.empty()) return;
  host_index_.add(*code);
  const std::pair<u64, Code*> range{u64(host.data()), code};
  host_ranges_.insert(std::ranges::upper_bound(host_ranges_, range), range);  // nearly always at the end
}

TranslatedBlock* CodeCache::publish(std::unique_ptr<TranslatedBlock> made, u64 generation, u64 second_generation) {
  std::unique_lock lock(mutex_);
  const GuestPa page = align_down(made->key.physical, kPageSize);
  Page& first = pages_[page];
  if (first.generation != generation) return nullptr;
  if (made->straddles && pages_[made->second_page].generation != second_generation) return nullptr;
  if (TranslatedBlock* other = find(made->key))
    return other;  // another CPU was first: ours is dropped, its host code idle

  TranslatedBlock* t = made.get();
  all_.push_back(std::move(made));
  register_code(t->id, *t);
  pages_[page].translations.push_back(t);
  if (t->straddles) pages_[t->second_page].translations.push_back(t);
  auto& head = table_[bucket(t->key)];
  t->next = head.load(std::memory_order_relaxed);
  head.store(t, std::memory_order_release);
  ++counters.translations;
  return t;
}

bool CodeCache::replace(TranslatedBlock& t, std::unique_ptr<Code> code, u32 code_id, u64 generation) {
  std::unique_lock lock(mutex_);
  if (!t.valid || t.replaced || pages_[align_down(t.key.physical, kPageSize)].generation != generation) return false;
  const CodeWriteToken write(lock);
  t.replaced = std::move(t.code);
  t.code = std::move(code);
  register_code(code_id, t);
  const u64 entry = t.code->host_entry();
  if (entry) {
    for (auto& in : t.incoming) in.code->link(write, in.edge, entry);
    t.replaced->redirect(write, entry);
  }
  ++counters.replaced;
  return true;
}

// In a machine, other pages and what reaches into them may be mapped to something else by the next run.
static bool in_same_page(const TranslatedBlock& from, const TranslatedBlock& to) {
  return !to.straddles && align_down(from.key.pc, kPageSize) == align_down(to.key.pc, kPageSize) &&
         align_down(from.key.physical, kPageSize) == align_down(to.key.physical, kPageSize);
}

void CodeCache::link(u32 from_id, u32 edge, TranslatedBlock& to) {
  std::unique_lock lock(mutex_);
  if (from_id >= by_id_.size() || !by_id_[from_id].block) return;
  TranslatedBlock& from = *by_id_[from_id].block;
  Code* code = by_id_[from_id].code;
  if (!from.valid || !to.valid || from.key.mode != to.key.mode) return;
  if (!flat_ && !in_same_page(from, to)) return;
  const u64 entry = to.code->host_entry();
  if (!entry || edge >= code->edges().size() || !code->edges()[edge].linkable) return;
  code->link(CodeWriteToken(lock), edge, entry);
  to.incoming.push_back({&from, code, edge});
  ++counters.links;
}

GuestPc CodeCache::guest_pc(u64 site) {
  std::unique_lock lock(mutex_);
  auto at = std::ranges::upper_bound(host_ranges_, site, {}, &std::pair<u64, Code*>::first);
  if (at == host_ranges_.begin()) return 0;
  const Code& code = *std::prev(at)->second;
  // The return address lies after the call: the site belongs to the byte before it.
  const u32 offset = u32(site - 1 - u64(code.host_bytes().data()));
  const auto map = code.pc_map();
  auto entry = std::ranges::upper_bound(map, offset, {}, &PcMapEntry::host_offset);
  return entry == map.begin() ? 0 : std::prev(entry)->guest_pc;
}

void CodeCache::unchain(TranslatedBlock& t) {
  auto& head = table_[bucket(t.key)];
  if (head.load(std::memory_order_relaxed) == &t) {
    head.store(t.next, std::memory_order_release);
    return;
  }
  for (TranslatedBlock* p = head.load(std::memory_order_relaxed); p; p = p->next) {
    if (p->next != &t) continue;
    __atomic_store_n(&p->next, t.next, __ATOMIC_RELEASE);
    return;
  }
}

void CodeCache::invalidate(const CodeWriteToken& write, TranslatedBlock& t) {
  if (!t.valid) return;
  t.valid = false;
  unchain(t);
  for (auto& in : t.incoming) in.code->unlink(write, in.edge);
  t.incoming.clear();
  t.code->redirect(write, 0);
  if (t.replaced) t.replaced->redirect(write, 0);
  ++counters.invalidated;
}

void CodeCache::drop_page(const CodeWriteToken& write, GuestPa page, Page& entry) {
  ++entry.generation;
  for (TranslatedBlock* t : entry.translations) invalidate(write, *t);
  entry.translations.clear();
  unwatch(page, entry);
}

void CodeCache::code_page_written(GuestPa page) {
  std::unique_lock lock(mutex_);
  drop_page(CodeWriteToken(lock), page, pages_[page]);
}

bool CodeCache::watched_page_written(GuestPa page) {
  std::unique_lock lock(mutex_);
  const auto at = pages_.find(page);
  if (at == pages_.end() || !at->second.watched) return false;
  ++at->second.writes;
  drop_page(CodeWriteToken(lock), page, at->second);
  return true;
}

void CodeCache::forget(GuestPa start, u64 bytes) {
  std::unique_lock lock(mutex_);
  const CodeWriteToken write(lock);
  const GuestPa first = align_down(start, kPageSize), last = align_down(start + (bytes - 1), kPageSize);
  if (bytes == 0) return;
  const auto drop = [&](GuestPa page, Page& entry) {
    drop_page(write, page, entry);
    entry.checked = false;
    entry.writes = 0;
  };
  if ((last - first) / kPageSize < pages_.size()) {
    for (GuestPa page = first;; page += kPageSize) {
      if (const auto at = pages_.find(page); at != pages_.end()) drop(page, at->second);
      if (page == last) return;
    }
  }
  for (auto& [page, entry] : pages_) {
    if (page >= first && page <= last) drop(page, entry);
  }
}

bool CodeCache::bytes_changed(const TranslatedBlock& t) const {
  u8 copy[kPageSize];
  const auto code = memory_.read(t.key.physical, t.guest_bytes, copy);
  return !code.empty() && hash_code(code) != t.bytes_hash;
}

// RISC-V Unprivileged ISA, Zifencei: after a FENCE.I the hart sees all stores that were visible to it before. The
// store that raced with mark_page() was issued before any signal that made this hart execute the FENCE.I, so it is in
// memory now. A page leaves the list once every other CPU has left generated code at least once since it was marked:
// soon, or each of the many IC IVAU of firmware would look at all pages.
void CodeCache::check_fresh(const CodeWriteToken& write) {
  const std::vector<u64> now = epochs_ ? epochs_() : std::vector<u64>{};
  std::erase_if(fresh_, [&](const FreshPage& fresh) {
    Page& entry = pages_[fresh.page];
    auto stale = [&](const TranslatedBlock* t) { return !t->straddles && bytes_changed(*t); };
    if (std::ranges::any_of(entry.translations, stale)) drop_page(write, fresh.page, entry);
    return std::ranges::equal(now, fresh.epochs,
                              [](u64 current, u64 then) { return current == kAsleep || current != then; });
  });
  has_fresh_ = !fresh_.empty();
}

// The generation changes in any case: what is being translated now may have been read before.
void CodeCache::check_pages(const CodeWriteToken& write, GuestPa first, GuestPa last) {
  std::erase_if(checked_, [&](GuestPa page) {
    Page& entry = pages_[page];
    if (!entry.checked) return true;
    if (page < first || page > last) return false;
    ++entry.generation;
    std::erase_if(entry.translations, [&](TranslatedBlock* t) {
      if (t->valid && !bytes_changed(*t)) return false;
      invalidate(write, *t);
      return true;
    });
    return false;
  });
  has_checked_ = !checked_.empty();
}

void CodeCache::fence_check(GuestPa start, u64 bytes) {
  const bool fresh = has_fresh_.load(std::memory_order_acquire), checked = has_checked_.load(std::memory_order_acquire);
  if ((!fresh && !checked) || !bytes) return;
  std::unique_lock lock(mutex_);
  const CodeWriteToken write(lock);
  if (fresh) check_fresh(write);
  const GuestPa end = bytes - 1 > ~start ? ~GuestPa{0} : start + (bytes - 1);
  if (checked) check_pages(write, align_down(start, kPageSize), align_down(end, kPageSize));
}

void CodeCache::for_each_savable(const std::function<void(const TranslatedBlock&)>& f) {
  std::unique_lock lock(mutex_);
  for (const auto& t : all_) {
    if (!t->valid || t->saved) continue;
    const Page& page = pages_[align_down(t->key.physical, kPageSize)];
    if (page.watched && page.writes == 0) f(*t);
  }
}

void CodeCache::clear(const std::function<void(const CodeWriteToken&)>& also) {
  std::unique_lock lock(mutex_);
  for (auto& [page, entry] : pages_) {
    ++entry.generation;
    unwatch(page, entry);
    entry.translations.clear();
  }
  for (size_t i = 0; i < kBuckets; ++i) table_[i].store(nullptr, std::memory_order_relaxed);
  host_ranges_.clear();
  host_index_.clear();
  by_id_.clear();
  all_.clear();
  ++counters.clears;
  also(CodeWriteToken(lock));
}

}  // namespace mimus::dbt
