#include "machines/host/block/qcow2/metadata.h"

#include <algorithm>

#include "machines/host/block/qcow2/layout.h"
#include "machines/host/block/qcow2/snapshot_table.h"

namespace mimus::qcow2 {

namespace {

constexpr size_t kManyFreed = 4096;  // runs of clusters

}  // namespace

Metadata::Metadata(std::unique_ptr<Storage> file, Header header)
    : file_(std::move(file)), header_(std::move(header)), refcounts_(*file_, header_), tables_(*file_, header_) {}

Metadata::~Metadata() = default;

Expected<std::unique_ptr<Metadata>> Metadata::open(std::unique_ptr<Storage> file, Header header) {
  std::unique_ptr<Metadata> metadata(new Metadata(std::move(file), std::move(header)));
  MIMUS_CHECK(metadata->tables_.load_l1());
  return metadata;
}

Expected<void> Metadata::prepare_writing() {
  MIMUS_CHECK(refcounts_.load());
  MIMUS_CHECK(mark_all_tables());
  tables_.set_validate([this](L2Table& table) { return valid_for_writing(table); });
  writable_ = true;
  if (header_.autoclear != 0) {  // what they vouch for is not kept up here
    header_.autoclear = 0;
    if (!write_header() || !sync()) return fail(file_->name() + ": its header cannot be written");
  }
  return {};
}

Expected<void> Metadata::prepare_new() {
  MIMUS_CHECK(refcounts_.load());
  for (u64 i = 0; i < 3; ++i)
    if (!refcounts_.set(i, 1)) return fail(file_->name() + ": cannot be read back");
  mark_table(0, 3 * header_.cluster_bytes(), true);
  tables_.set_validate([this](L2Table& table) { return valid_for_writing(table); });
  writable_ = true;
  return {};
}

Expected<void> Metadata::mark_all_tables() {
  is_table_.assign(header_.clusters(file_->size()), false);
  const auto take = [&](u64 offset, u64 bytes) {
    if (offset % header_.cluster_bytes() || offset + bytes > align_up(file_->size(), header_.cluster_bytes()) ||
        is_table(offset, bytes))
      return false;
    mark_table(offset, bytes, true);
    return true;
  };
  const u64 cluster = header_.cluster_bytes();
  bool fine = take(0, cluster) && take(header_.l1_offset, u64{header_.l1_entries} * 8) &&
              take(header_.refcount_table_offset, header_.refcount_table_clusters * cluster);
  for (u64 block : refcounts_.table()) fine = fine && (block == 0 || take(block, cluster));
  for (u64 entry : tables_.l1()) fine = fine && ((entry & kOffsetMask) == 0 || take(entry & kOffsetMask, cluster));
  MIMUS_TRY(const auto snapshots, read_snapshot_table(*file_, header_));
  fine = fine && (snapshots.bytes == 0 || take(header_.snapshots_offset, snapshots.bytes));
  for (const Snapshot& snapshot : snapshots.list)
    fine = fine && (snapshot.l1_entries == 0 || take(snapshot.l1_offset, u64{snapshot.l1_entries} * 8));
  if (!fine)
    return fail(file_->name() +
                ": is damaged: one of its tables lies in another one or is misplaced; save what can be read: "
                "mimus img convert FILE NEW");
  return {};
}

bool Metadata::is_table(u64 offset, u64 bytes) const {
  const u64 end = header_.clusters(offset + bytes);
  for (u64 at = offset >> header_.cluster_bits; at < end; ++at)
    if (at < is_table_.size() && is_table_[at]) return true;
  return false;
}

void Metadata::mark_table(u64 offset, u64 bytes, bool is) {
  const u64 end = header_.clusters(offset + bytes);
  if (end > is_table_.size()) is_table_.resize(end);
  for (u64 at = offset >> header_.cluster_bits; at < end; ++at) is_table_[at] = is;
}

// A guest must not reach a table through an entry that points there, and what has several users must not be written in
// place, whatever the flag says.
bool Metadata::valid_for_writing(L2Table& table) {
  const u64 end = align_up(file_->size(), header_.cluster_bytes());
  for (u64& raw : table.entries) {
    const Entry entry = parse(raw);
    if (entry.kind == Entry::Kind::damaged) return false;
    if (!entry.points()) continue;
    const u64 bytes = entry.kind == Entry::Kind::compressed ? 1 : header_.cluster_bytes();
    if (entry.offset > end || bytes > end - entry.offset || is_table(entry.offset, bytes)) return false;
    const auto count = refcounts_.get(entry.offset >> header_.cluster_bits);
    if (!count || *count == 0) return false;
    if (entry.copied && *count != 1) raw &= ~kCopied;
  }
  return true;
}

Io<void> Metadata::sync() {
  if (!failed_ && file_->sync() != 0) failed_ = true;
  if (failed_) return io_error();
  return {};
}

Io<void> Metadata::write_header() {
  const auto written = write_fields(*file_, header_);
  if (!written) failed_ = true;  // old or new?
  return written;
}

Io<void> Metadata::set_dirty() {
  if (header_.version < 3 || (header_.incompatible & kDirtyBit)) return {};
  header_.incompatible |= kDirtyBit;
  MIMUS_CHECK(write_header());
  return sync();
}

Io<void> Metadata::commit_counts() {
  MIMUS_CHECK(refcounts_.find_new_place());
  const bool table = refcounts_.table_changed();
  MIMUS_CHECK(refcounts_.write_blocks());
  if (!table) return {};
  MIMUS_CHECK(sync());
  MIMUS_TRY(const Refcounts::Run old, refcounts_.write_table());
  if (old.count == 0) return {};
  freed_.push_back(old);
  mark_table(header_.refcount_table_offset, u64{header_.refcount_table_clusters} << header_.cluster_bits, true);
  MIMUS_CHECK(sync());
  return write_header();
}

Io<void> Metadata::commit() {
  if (failed_) return io_error();
  if (!header_.lazy()) {
    MIMUS_CHECK(commit_counts());
  } else if (refcounts_.dirty() || tables_.dirty()) {
    MIMUS_CHECK(set_dirty());
  }
  MIMUS_CHECK(tables_.write_unlinked());
  MIMUS_CHECK(sync());
  if (tables_.anything_linked()) {
    MIMUS_CHECK(tables_.write_linked());
    MIMUS_CHECK(sync());
  }
  return release_freed(std::exchange(freed_, {}));
}

Io<void> Metadata::relieve() {
  if (!tables_.crowded() && freed_.size() < kManyFreed) return {};
  return commit();
}

Io<void> Metadata::close() {
  if (!writable_) return {};
  MIMUS_CHECK(commit());
  // Counts that went down; with lazy refcounts, all of them.
  if (refcounts_.dirty()) {
    MIMUS_CHECK(commit_counts());
    MIMUS_CHECK(sync());
    MIMUS_CHECK(release_freed(std::exchange(freed_, {})));
    if (refcounts_.dirty()) {  // the old place of the table itself
      MIMUS_CHECK(refcounts_.write_blocks());
      MIMUS_CHECK(sync());
    }
  }
  if (!(header_.incompatible & kDirtyBit)) return {};
  header_.incompatible &= ~u64{kDirtyBit};
  MIMUS_CHECK(write_header());
  return sync();
}

Io<void> Metadata::release_freed(const std::vector<Refcounts::Run>& freed) {
  for (const auto& [first, count] : freed) {
    u64 empty = 0;  // clusters in a row, up to the current one, that are free now
    for (u64 i = 0; i <= count; ++i) {
      bool free = false;
      if (i < count) {
        MIMUS_TRY(const u64 left, refcounts_.add(first + i, -1));
        free = left == 0;
      }
      if (free) {
        ++empty;
      } else if (empty != 0) {
        const u64 offset = (first + i - empty) << header_.cluster_bits;
        mark_table(offset, empty << header_.cluster_bits, false);
        file_->discard(offset, empty << header_.cluster_bits);  // a favour to the host
        empty = 0;
      }
    }
  }
  return {};
}

Io<u64> Metadata::allocate(u64 clusters, bool for_table) {
  MIMUS_TRY(const u64 first, refcounts_.allocate(clusters));
  const u64 offset = first << header_.cluster_bits;
  const u64 bytes = clusters << header_.cluster_bits;
  if (is_table(offset, bytes)) {  // a count was 0 that must not be: the image is damaged
    failed_ = true;
    return io_error();
  }
  if (for_table) mark_table(offset, bytes, true);
  return offset;
}

// Compressed clusters lie one after the other, several in a cluster of the file; each counts once in every cluster that
// it touches.
Io<u64> Metadata::allocate_bytes(u64 bytes) {
  const u64 cluster = header_.cluster_bytes();
  const u64 left = align_up(packed_at_, cluster) - packed_at_;
  if (packed_at_ != 0 && left != 0) {
    const u64 last = packed_at_ >> header_.cluster_bits;
    MIMUS_TRY(const u64 count, refcounts_.get(last));
    if (count != 0 && count < refcounts_.max_count() && bytes <= left) {
      MIMUS_CHECK(refcounts_.add(last, 1));
      packed_at_ += bytes;
      return packed_at_ - bytes;
    }
  }
  MIMUS_TRY(const u64 offset, allocate(header_.clusters(bytes), false));
  packed_at_ = offset + bytes;
  return offset;
}

void Metadata::free_later(u64 offset, u64 bytes) {
  const u64 first = offset >> header_.cluster_bits;
  const u64 count = header_.clusters(offset + bytes) - first;
  if (!freed_.empty() && freed_.back().first + freed_.back().count == first)
    freed_.back().count += count;
  else
    freed_.push_back({first, count});
}

void Metadata::free_entry_later(u64 raw) {
  const Entry entry = parse(raw);
  if (entry.kind == Entry::Kind::compressed)
    free_later(entry.offset, entry.bytes);
  else if (entry.offset != 0)
    free_later(entry.offset, header_.cluster_bytes());
}

void Metadata::free_now(u64 offset, u64 bytes) {
  const u64 first = offset >> header_.cluster_bits;
  const u64 count = header_.clusters(offset + bytes) - first;
  for (u64 i = 0; i < count; ++i)
    if (const auto left = refcounts_.add(first + i, -1); left && *left == 0)
      mark_table((first + i) << header_.cluster_bits, header_.cluster_bytes(), false);
}

Io<L2Table*> Metadata::table(u64 l1_index) {
  const u64 offset = tables_.l1()[l1_index] & kOffsetMask;
  if (offset == 0) return nullptr;
  return tables_.get(offset);
}

Io<L2Table*> Metadata::own_table(u64 l1_index) {
  const u64 entry = tables_.l1()[l1_index];
  const u64 old = entry & kOffsetMask;
  if (old != 0 && (entry & kCopied)) return tables_.get(old);
  std::vector<u64> entries(header_.l2_entries());
  if (old != 0) {
    MIMUS_TRY(const L2Table* shared, tables_.get(old));
    MIMUS_TRY(const u64 count, refcounts_.get(old >> header_.cluster_bits));
    entries = shared->entries;
    if (count != 1)
      for (u64& one : entries)
        if (!(one & kCompressed)) one &= ~kCopied;
  }
  MIMUS_TRY(const u64 made, allocate(1, true));
  tables_.set_l1(l1_index, made | kCopied);
  L2Table& table = tables_.add(made, std::move(entries));
  if (old != 0) free_later(old, header_.cluster_bytes());
  return &table;
}

}  // namespace mimus::qcow2
