#include "machines/host/block/qcow2/tables.h"

#include <algorithm>

#include "machines/host/block/qcow2/layout.h"

namespace mimus::qcow2 {

namespace {

constexpr u64 kCacheBytes = 32 << 20;
constexpr u64 kEntriesOfPart = 512 / 8;

size_t cache_capacity(u64 cluster_bytes) { return std::clamp<u64>(kCacheBytes / cluster_bytes, 16, 2048); }

}  // namespace

Tables::Tables(Storage& file, const Header& header)
    : file_(file), header_(header), capacity_(cache_capacity(header.cluster_bytes())) {}

Expected<void> Tables::load_l1() {
  std::vector<u8> bytes(size_t{header_.l1_entries} * 8);
  if (file_.read_at(header_.l1_offset, bytes) != s64(bytes.size()))
    return fail(file_.name() + ": its L1 table cannot be read");
  l1_ = decode_table(bytes);
  return {};
}

void Tables::set_l1(u64 index, u64 entry) {
  std::scoped_lock guard(lock_);
  l1_[index] = entry;
  const u64 part = index / kEntriesOfPart;
  if (std::ranges::find(dirty_l1_, part) == dirty_l1_.end()) dirty_l1_.push_back(part);
}

void Tables::replace_l1(std::vector<u64> entries) {
  std::scoped_lock guard(lock_);
  l1_ = std::move(entries);
  dirty_l1_.clear();
}

// The least recently used table that has nothing to be written gives way.
void Tables::make_room() {
  if (tables_.size() < capacity_) return;
  std::scoped_lock guard(lock_);
  auto oldest = tables_.end();
  for (auto at = tables_.begin(); at != tables_.end(); ++at) {
    const L2Table& table = *at->second;
    if (table.dirty_end != 0 || table.unlinked) continue;
    if (oldest == tables_.end() || table.used < oldest->second->used) oldest = at;
  }
  if (oldest != tables_.end()) tables_.erase(oldest);
}

Io<L2Table*> Tables::get(u64 offset) {
  const auto found = tables_.find(offset);
  if (found != tables_.end()) {
    std::scoped_lock guard(lock_);
    found->second->used = ++now_;
    return found->second.get();
  }
  std::vector<u8> bytes(header_.cluster_bytes());
  if (file_.read_at(offset, bytes) != s64(bytes.size())) return io_error();
  auto table = std::make_unique<L2Table>(offset, decode_table(bytes));
  if (validate_ && !validate_(*table)) return io_error();
  make_room();
  std::scoped_lock guard(lock_);
  table->used = ++now_;
  return (tables_[offset] = std::move(table)).get();
}

L2Table& Tables::add(u64 offset, std::vector<u64> entries) {
  make_room();
  auto table = std::make_unique<L2Table>(offset, std::move(entries));
  table->unlinked = true;
  mark(*table, 0, header_.l2_entries());
  std::scoped_lock guard(lock_);
  table->used = ++now_;
  return *(tables_[offset] = std::move(table));
}

void Tables::mark(L2Table& table, u64 begin, u64 end) {
  if (table.dirty_end == 0) {
    ++dirty_tables_;
    table.dirty_begin = begin;
  }
  table.dirty_begin = std::min(table.dirty_begin, begin);
  table.dirty_end = std::max(table.dirty_end, end);
}

void Tables::set_entry(L2Table& table, u64 index, u64 entry) {
  mark(table, index, index + 1);
  std::scoped_lock guard(lock_);
  table.entries[index] = entry;
}

void Tables::forget(u64 offset) {
  const auto found = tables_.find(offset);
  if (found == tables_.end()) return;
  if (found->second->dirty_end != 0) --dirty_tables_;
  std::scoped_lock guard(lock_);
  tables_.erase(found);
}

Io<void> Tables::write_unlinked() {
  for (auto& [offset, table] : tables_) {
    if (!table->unlinked || table->dirty_end == 0) continue;
    const std::vector<u8> bytes = encode_table(table->entries);
    MIMUS_CHECK(io_result(file_.write_at(offset, std::span<const u8>(bytes))));
    table->dirty_begin = table->dirty_end = 0;
    --dirty_tables_;
  }
  return {};
}

bool Tables::anything_linked() const {
  return !dirty_l1_.empty() ||
         std::ranges::any_of(tables_, [](const auto& one) { return one.second->dirty_end && !one.second->unlinked; });
}

Io<void> Tables::write_linked() {
  for (u64 part : dirty_l1_) {
    const u64 first = part * kEntriesOfPart;
    const u64 count = std::min<u64>(kEntriesOfPart, l1_.size() - first);
    const std::vector<u8> bytes = encode_table(std::span(l1_).subspan(first, count));
    // Whether it reaches the disk or not, its tables are no longer sure to be out of use.
    for (u64 entry : std::span(l1_).subspan(first, count))
      if (auto table = tables_.find(entry & kOffsetMask); table != tables_.end()) table->second->unlinked = false;
    MIMUS_CHECK(io_result(file_.write_at(header_.l1_offset + first * 8, std::span<const u8>(bytes))));
  }
  dirty_l1_.clear();
  for (auto& [offset, table] : tables_) {
    if (table->dirty_end == 0) continue;
    const u64 begin = align_down(table->dirty_begin, kEntriesOfPart);
    const u64 end = align_up(table->dirty_end, kEntriesOfPart);
    const std::vector<u8> bytes = encode_table(std::span(table->entries).subspan(begin, end - begin));
    MIMUS_CHECK(io_result(file_.write_at(offset + begin * 8, std::span<const u8>(bytes))));
    table->dirty_begin = table->dirty_end = 0;
    --dirty_tables_;
  }
  return {};
}

bool Tables::peek(u64 cluster, std::span<u64> out) {
  const std::unique_lock guard(lock_, std::try_to_lock);
  if (!guard) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const u64 index = (cluster + i) >> header_.l2_bits();
    const u64 l1_entry = index < l1_.size() ? l1_[index] : 0;
    out[i] = 0;
    if ((l1_entry & kOffsetMask) == 0) continue;
    const auto table = tables_.find(l1_entry & kOffsetMask);
    if (table == tables_.end()) return false;
    table->second->used = now_;
    out[i] = table->second->entries[(cluster + i) & (header_.l2_entries() - 1)];
    if (!(l1_entry & kCopied)) out[i] &= ~(out[i] & kCompressed ? u64{0} : kCopied);
  }
  return true;
}

}  // namespace mimus::qcow2
