#include "machines/host/block/qcow2/check.h"

#include <fmt/format.h>

#include <algorithm>

namespace mimus::qcow2 {

namespace {

constexpr size_t kMaxMessages = 20;
constexpr u32 kExtensionBitmaps = 0x23852875;

}  // namespace

Census::Census(Metadata& metadata) : metadata_(metadata), header_(metadata.header()) {
  counts.resize(header_.clusters(metadata.file().size()));
  kinds_.resize(counts.size());
  report.file_clusters = counts.size();
  report.disk_clusters = header_.clusters(header_.disk_bytes);
}

void Census::error(std::string message) {
  ++report.errors;
  if (report.messages.size() < kMaxMessages) report.messages.push_back(std::move(message));
}

// Counts each cluster of the range once. False, and an error, if it cannot be what it is said to be.
bool Census::use(u64 offset, u64 bytes, Kind kind, std::string_view what) {
  const u64 first = offset >> header_.cluster_bits;
  if (kind != Kind::data && offset % header_.cluster_bytes()) {
    error(fmt::format("{}{} is misplaced at {:#x}", whose_, what, offset));
    return false;
  }
  if (bytes > ~u64{0} - header_.cluster_bytes() - offset || header_.clusters(offset + bytes) > counts.size()) {
    error(fmt::format("{}{} at {:#x} lies beyond the end of the file", whose_, what, offset));
    return false;
  }
  const u64 end = header_.clusters(offset + bytes);
  for (u64 i = first; i < end; ++i) {
    const bool clash = kinds_[i] != Kind::none && (kinds_[i] != kind || kind == Kind::single);
    if (clash) error(fmt::format("{}{} at {:#x} lies in something else", whose_, what, offset));
    if (clash) return false;
  }
  for (u64 i = first; i < end; ++i) {
    kinds_[i] = kind;
    ++counts[i];
  }
  return true;
}

Expected<std::vector<u64>> Census::read_table(u64 offset, u64 entries) const {
  std::vector<u8> bytes(entries * 8);
  if (metadata_.file().read_at(offset, bytes) != s64(bytes.size()))
    return fail(metadata_.file().name() + ": a table cannot be read");
  return decode_table(bytes);
}

Expected<void> Census::run(bool with_refcounts, const Progress& progress) {
  const u64 cluster = header_.cluster_bytes();
  use(0, cluster, Kind::single, "the header");
  if (with_refcounts) refcounts();
  use(header_.l1_offset, u64{header_.l1_entries} * 8, Kind::single, "the L1 table");
  MIMUS_CHECK(tree(metadata_.tables().l1(), true, progress));
  MIMUS_TRY(const SnapshotTable snapshots, read_snapshot_table(metadata_.file(), header_));
  if (snapshots.bytes) use(header_.snapshots_offset, snapshots.bytes, Kind::single, "the snapshot table");
  for (const Snapshot& snapshot : snapshots.list) {
    whose_ = "snapshot " + snapshot.id + ": ";
    if (!use(snapshot.l1_offset, u64{snapshot.l1_entries} * 8, Kind::single, "its L1 table")) continue;
    MIMUS_TRY(const auto l1, read_table(snapshot.l1_offset, snapshot.l1_entries));
    MIMUS_CHECK(tree(l1, false, progress));
  }
  whose_.clear();
  if (header_.autoclear & kBitmapsBit) bitmaps();
  return {};
}

void Census::refcounts() {
  use(header_.refcount_table_offset, u64{header_.refcount_table_clusters} << header_.cluster_bits, Kind::single,
      "the refcount table");
  for (u64 block : metadata_.refcounts().table())
    if (block != 0) use(block, header_.cluster_bytes(), Kind::single, "a refcount block");
}

Expected<void> Census::tree(const std::vector<u64>& l1, bool active, const Progress& progress) {
  for (u64 i = 0; i < l1.size(); ++i) {
    if (progress) progress(i, l1.size());
    const u64 offset = l1[i] & kOffsetMask;
    if (offset == 0) continue;
    if (!use(offset, header_.cluster_bytes(), Kind::l2_table, "an L2 table")) continue;
    const auto found = metadata_.tables().get(offset);
    if (!found) {
      error(fmt::format("{}L2 table {} at {:#x} cannot be read", whose_, i, offset));
      continue;
    }
    table(**found, i, active);
  }
  return {};
}

void Census::table(const L2Table& table, u64 l1_index, bool active) {
  for (u64 i = 0; i < table.entries.size(); ++i) {
    const Entry entry = metadata_.parse(table.entries[i]);
    const u64 guest = (l1_index << header_.l2_bits()) + i;
    if (entry.kind == Entry::Kind::damaged)
      error(fmt::format("{}guest cluster {}: its entry {:#x} is misplaced", whose_, guest, table.entries[i]));
    if (!entry.points()) continue;
    const bool packed = entry.kind == Entry::Kind::compressed;
    // The end of the file may cut compressed bytes short within their last cluster. Not by more: who frees them would
    // free what has been put behind that end since.
    const u64 bytes = packed ? entry.bytes : header_.cluster_bytes();
    if (!use(entry.offset, bytes, Kind::data, "data") || !active) continue;
    ++report.data_clusters;
    report.compressed_clusters += packed;
  }
}

// A directory of entries that name tables, whose entries name clusters of bits.
void Census::bitmaps() {
  const auto found = std::ranges::find(header_.extensions, kExtensionBitmaps, &Header::Extension::type);
  if (found == header_.extensions.end() || found->bytes.size() < 24) return;
  const u32 count = load_be<u32>(&found->bytes[0]);
  const u64 bytes = load_be<u64>(&found->bytes[8]);
  const u64 offset = load_be<u64>(&found->bytes[16]);
  if (bytes > (16 << 20) || !use(offset, bytes, Kind::single, "the bitmap directory")) return;
  std::vector<u8> directory(bytes);
  if (metadata_.file().read_at(offset, directory) != s64(bytes)) return error("the bitmap directory cannot be read");
  u64 at = 0;
  for (u32 i = 0; i < count && at + 24 <= bytes; ++i) {
    const u64 table = load_be<u64>(&directory[at]);
    const u64 entries = load_be<u32>(&directory[at + 8]);
    if (use(table, entries * 8, Kind::single, "a bitmap table"))
      if (const auto list = read_table(table, entries))
        for (u64 entry : *list)
          if (entry & kOffsetMask) use(entry & kOffsetMask, header_.cluster_bytes(), Kind::single, "a bitmap");
    at += align_up(24 + load_be<u32>(&directory[at + 20]) + load_be<u16>(&directory[at + 18]), 8);
  }
}

namespace {

void compare_counts(Census& census, Metadata& metadata) {
  const u64 block_clusters = u64{1} << (metadata.header().cluster_bits + 3 - metadata.header().refcount_order);
  const auto& blocks = metadata.refcounts().table();
  const u64 end = std::max<u64>(census.counts.size(), blocks.size() * block_clusters);
  for (u64 i = 0; i < end; ++i) {
    const u64 range = i / block_clusters;
    if (i >= census.counts.size() && blocks[range] == 0) {
      i += block_clusters - i % block_clusters - 1;
      continue;
    }
    const auto count = metadata.refcounts().get(i);
    const u64 used = i < census.counts.size() ? census.counts[i] : 0;
    if (!count)
      census.error(fmt::format("cluster {}: its reference count cannot be read", i));
    else if (*count < used)
      census.error(fmt::format("cluster {} is counted {} times but used {} times", i, *count, used));
    else if (*count > used)
      ++census.report.leaks;
  }
}

// In the active disk: is kCopied there exactly where the count is 1?
void compare_flags(Census& census, Metadata& metadata) {
  const unsigned cluster_bits = metadata.header().cluster_bits;
  const auto compare = [&](u64 raw, u64 offset) {
    const bool copied = raw & kCopied;
    const u64 cluster = offset >> cluster_bits;
    if (offset == 0 || cluster >= census.counts.size()) return;
    const auto count = metadata.refcounts().get(cluster);
    if (copied && census.counts[cluster] > 1)
      census.error(fmt::format("cluster {} has several users but is marked as having one", cluster));
    else if (count && copied != (*count == 1))
      ++census.report.stale_flags;
  };
  for (u64 entry : metadata.tables().l1()) {
    const u64 offset = entry & kOffsetMask;
    if (offset == 0 || offset % metadata.header().cluster_bytes()) continue;
    compare(entry, offset);
    const auto table = metadata.tables().get(offset);
    if (!table) continue;
    for (u64 raw : (*table)->entries) {
      const Entry parsed = metadata.parse(raw);
      if (parsed.kind != Entry::Kind::compressed) compare(raw, parsed.offset);
    }
  }
}

}  // namespace

Expected<CheckReport> check(Metadata& metadata, const Progress& progress) {
  Census census(metadata);
  const auto loaded = metadata.refcounts().load();
  if (!loaded) census.error(loaded.error().message);
  MIMUS_CHECK(census.run(loaded.has_value(), progress));
  if (loaded) {
    compare_counts(census, metadata);
    compare_flags(census, metadata);
  }
  return std::move(census.report);
}

}  // namespace mimus::qcow2
