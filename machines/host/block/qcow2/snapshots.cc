#include "machines/host/block/qcow2/snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "machines/host/block/qcow2/repair.h"

namespace mimus::qcow2 {

namespace {

constexpr u64 kNanoseconds = 1'000'000'000;

class SnapshotWork {
 public:
  SnapshotWork(Image& image, std::vector<Snapshot> list, u64 table_bytes)
      : image_(image),
        metadata_(image.metadata()),
        header_(metadata_.header()),
        list_(std::move(list)),
        table_bytes_(table_bytes) {}

  Io<void> create(Snapshot made);
  Io<void> apply(const Snapshot& snapshot);
  Io<void> remove(size_t index);

 private:
  Io<void> begin();
  Io<void> end();
  Io<std::vector<u64>> read_l1(const Snapshot& snapshot);
  Io<u64> write_new(std::span<const u8> bytes);
  // One user more or less for everything that an L1 table leads to.
  Io<void> count_tree(const std::vector<u64>& l1, bool more);
  Io<void> count_more(const std::vector<u64>& l1);
  // Makes `list` the image's snapshots; the old table is released.
  Io<void> switch_table(const std::vector<Snapshot>& list);

  Image& image_;
  Metadata& metadata_;
  Header& header_;
  const std::vector<Snapshot> list_;
  const u64 table_bytes_;
};

Io<void> SnapshotWork::begin() {
  MIMUS_CHECK(metadata_.commit());
  return metadata_.set_dirty();
}

// Counts that went down come before the flags that follow from them.
Io<void> SnapshotWork::end() {
  MIMUS_CHECK(metadata_.commit());
  MIMUS_CHECK(renew_copied_flags(metadata_));
  return metadata_.close();
}

Io<std::vector<u64>> SnapshotWork::read_l1(const Snapshot& snapshot) {
  std::vector<u8> bytes(u64{snapshot.l1_entries} * 8);
  if (metadata_.file().read_at(snapshot.l1_offset, bytes) != s64(bytes.size())) return io_error();
  return decode_table(bytes);
}

Io<u64> SnapshotWork::write_new(std::span<const u8> bytes) {
  std::vector<u8> whole(bytes.begin(), bytes.end());
  whole.resize(std::max(align_up(whole.size(), header_.cluster_bytes()), header_.cluster_bytes()));
  MIMUS_TRY(const u64 place, metadata_.allocate(whole.size() >> header_.cluster_bits, true));
  MIMUS_CHECK(io_result(metadata_.file().write_at(place, std::span<const u8>(whole))));
  return place;
}

Io<void> SnapshotWork::count_tree(const std::vector<u64>& l1, bool more) {
  for (u64 entry : l1) {
    const u64 offset = entry & kOffsetMask;
    if (offset == 0) continue;
    // The flags must not claim a single user when there are two, so they go first.
    MIMUS_TRY(L2Table * table, metadata_.tables().get(offset));
    if (more) metadata_.mark_table(offset, header_.cluster_bytes(), true);
    for (u64 i = 0; i < table->entries.size(); ++i) {
      const u64 raw = table->entries[i];
      const Entry parsed = metadata_.parse(raw);
      if (more && parsed.copied) metadata_.tables().set_entry(*table, i, raw & ~kCopied);
      if (!more) {
        metadata_.free_entry_later(raw);
      } else if (parsed.points()) {
        const u64 bytes = parsed.kind == Entry::Kind::compressed ? parsed.bytes : header_.cluster_bytes();
        const u64 end = header_.clusters(parsed.offset + bytes);
        for (u64 c = parsed.offset >> header_.cluster_bits; c < end; ++c) MIMUS_CHECK(metadata_.refcounts().add(c, 1));
      }
    }
    if (more) {
      MIMUS_CHECK(metadata_.refcounts().add(offset >> header_.cluster_bits, 1));
    } else {
      metadata_.free_later(offset, header_.cluster_bytes());
    }
    MIMUS_CHECK(metadata_.relieve());
  }
  return {};
}

Io<void> SnapshotWork::switch_table(const std::vector<Snapshot>& list) {
  u64 place = 0;
  if (!list.empty()) {
    MIMUS_TRY(place, write_new(encode_snapshot_table(list)));
  }
  MIMUS_CHECK(metadata_.commit());
  const u64 old = header_.snapshots_offset;
  header_.snapshots = u32(list.size());
  header_.snapshots_offset = place;
  MIMUS_CHECK(metadata_.write_header());
  MIMUS_CHECK(metadata_.sync());
  if (table_bytes_ != 0) metadata_.free_later(old, table_bytes_);
  return {};
}

// Counts up and flags off, then the new table.
Io<void> SnapshotWork::create(Snapshot made) {
  MIMUS_CHECK(begin());
  MIMUS_CHECK(count_tree(metadata_.tables().l1(), true));
  for (u64 i = 0; i < metadata_.tables().l1().size(); ++i)
    if (const u64 entry = metadata_.tables().l1()[i]; entry & kCopied) metadata_.tables().set_l1(i, entry & ~kCopied);
  MIMUS_TRY(made.l1_offset, write_new(encode_table(metadata_.tables().l1())));
  made.l1_entries = u32(metadata_.tables().l1().size());
  std::vector<Snapshot> list = list_;
  list.push_back(std::move(made));
  MIMUS_CHECK(switch_table(list));
  return end();
}

// The snapshot's tree gets a user more, and the disk another L1 table; then the old tree loses one.
Io<void> SnapshotWork::apply(const Snapshot& snapshot) {
  MIMUS_CHECK(begin());
  MIMUS_TRY(std::vector<u64> l1, read_l1(snapshot));
  for (u64& entry : l1) entry &= ~kCopied;
  MIMUS_CHECK(count_tree(l1, true));
  MIMUS_TRY(const u64 place, write_new(encode_table(l1)));
  MIMUS_CHECK(metadata_.commit());
  const std::vector<u64> old = metadata_.tables().l1();
  const u64 old_offset = header_.l1_offset;
  header_.l1_offset = place;
  header_.l1_entries = u32(l1.size());
  header_.disk_bytes = snapshot.disk_bytes;
  metadata_.tables().replace_l1(std::move(l1));
  MIMUS_CHECK(metadata_.write_header());
  MIMUS_CHECK(metadata_.sync());
  MIMUS_CHECK(count_tree(old, false));
  metadata_.free_later(old_offset, old.size() * 8);
  MIMUS_CHECK(metadata_.commit());
  return end();
}

// First the table without it, then the counts.
Io<void> SnapshotWork::remove(size_t index) {
  MIMUS_CHECK(begin());
  const Snapshot gone = list_[index];
  MIMUS_TRY(const std::vector<u64> l1, read_l1(gone));
  std::vector<Snapshot> list = list_;
  list.erase(list.begin() + s64(index));
  MIMUS_CHECK(switch_table(list));
  MIMUS_CHECK(count_tree(l1, false));
  if (!l1.empty()) metadata_.free_later(gone.l1_offset, l1.size() * 8);
  MIMUS_CHECK(metadata_.commit());
  return end();
}

size_t find(const std::vector<Snapshot>& list, const std::string& which) {
  for (auto field : {&Snapshot::name, &Snapshot::id})
    if (const auto found = std::ranges::find(list, which, field); found != list.end())
      return size_t(found - list.begin());
  return list.size();
}

std::string new_id(const std::vector<Snapshot>& list) {
  u64 most = 0;
  for (const Snapshot& snapshot : list) {
    u64 id = 0;
    std::from_chars(snapshot.id.data(), snapshot.id.data() + snapshot.id.size(), id);
    most = std::max(most, id);
  }
  return std::to_string(most + 1);
}

Expected<void> finish(const Metadata& metadata, const std::string& what, const Io<void>& result) {
  if (result) return {};
  return fail(metadata.file().name() + ": " + what + ": " + describe(result.error()));
}

Expected<size_t> find_or_explain(const Metadata& metadata, const std::vector<Snapshot>& list,
                                 const std::string& which) {
  const size_t index = find(list, which);
  if (index != list.size()) return index;
  std::string names;
  for (const Snapshot& snapshot : list) names += (names.empty() ? "" : ", ") + snapshot.name;
  return fail(metadata.file().name() + ": has no snapshot '" + which + "'; there " +
              (names.empty() ? "are none" : "are: " + names));
}

}  // namespace

Expected<std::vector<Snapshot>> list_snapshots(const Metadata& metadata) {
  MIMUS_TRY(SnapshotTable table, read_snapshot_table(metadata.file(), metadata.header()));
  return std::move(table.list);
}

Expected<void> create_snapshot(Image& image, const std::string& name, u64 now) {
  Metadata& metadata = image.metadata();
  MIMUS_TRY(SnapshotTable table, read_snapshot_table(metadata.file(), metadata.header()));
  if (name.empty() || name.size() > 1023) return usage_error("a snapshot needs a name of at most 1023 bytes");
  if (std::ranges::find(table.list, name, &Snapshot::name) != table.list.end())
    return fail(metadata.file().name() + ": has a snapshot '" + name + "' already");
  if (metadata.refcounts().max_count() < table.list.size() + 2)
    return fail(metadata.file().name() + ": its reference counts are too narrow for another snapshot; convert it");
  Snapshot made;
  made.id = new_id(table.list);
  made.name = name;
  made.date_seconds = u32(now / kNanoseconds);
  made.date_nanoseconds = u32(now % kNanoseconds);
  made.disk_bytes = metadata.header().disk_bytes;
  return finish(metadata, "the snapshot cannot be made",
                SnapshotWork(image, std::move(table.list), table.bytes).create(std::move(made)));
}

Expected<void> apply_snapshot(Image& image, const std::string& which) {
  Metadata& metadata = image.metadata();
  MIMUS_TRY(SnapshotTable table, read_snapshot_table(metadata.file(), metadata.header()));
  MIMUS_TRY(const size_t index, find_or_explain(metadata, table.list, which));
  const Snapshot snapshot = table.list[index];
  return finish(metadata, "the snapshot cannot be applied",
                SnapshotWork(image, std::move(table.list), table.bytes).apply(snapshot));
}

Expected<void> delete_snapshot(Image& image, const std::string& which) {
  Metadata& metadata = image.metadata();
  MIMUS_TRY(SnapshotTable table, read_snapshot_table(metadata.file(), metadata.header()));
  MIMUS_TRY(const size_t index, find_or_explain(metadata, table.list, which));
  return finish(metadata, "the snapshot cannot be deleted",
                SnapshotWork(image, std::move(table.list), table.bytes).remove(index));
}

}  // namespace mimus::qcow2
