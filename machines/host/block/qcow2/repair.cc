#include "machines/host/block/qcow2/repair.h"

#include <algorithm>

namespace mimus::qcow2 {

namespace {

// After all that is in use, and after the old counts, which stay valid until the header names the new ones.
u64 first_beyond(const Metadata& metadata, const Census& census) {
  if (metadata.file().grows()) return census.counts.size();
  u64 end = census.counts.size();
  while (end > 1 && census.counts[end - 1] == 0) --end;
  return end;
}

Io<void> write_counts(Metadata& metadata, const Census& census) {
  Refcounts& refcounts = metadata.refcounts();
  refcounts.start_anew(first_beyond(metadata, census));
  for (u64 i = 0; i < census.counts.size(); ++i)
    if (census.counts[i] != 0) MIMUS_CHECK(refcounts.set(i, census.counts[i]));
  MIMUS_CHECK(refcounts.find_new_place());
  MIMUS_CHECK(refcounts.write_blocks());
  MIMUS_CHECK(metadata.sync());
  MIMUS_CHECK(refcounts.write_table());
  MIMUS_CHECK(metadata.sync());
  MIMUS_CHECK(metadata.write_header());
  MIMUS_CHECK(metadata.sync());
  refcounts.open_floor();
  return {};
}

Io<void> write_all(Metadata& metadata, const Census& census) {
  MIMUS_CHECK(metadata.set_dirty());
  MIMUS_CHECK(write_counts(metadata, census));
  MIMUS_CHECK(renew_copied_flags(metadata));
  MIMUS_CHECK(metadata.commit());
  metadata.header().incompatible &= ~u64{kDirtyBit | kCorruptBit};
  MIMUS_CHECK(metadata.write_header());
  return metadata.sync();
}

}  // namespace

Io<void> renew_copied_flags(Metadata& metadata) {
  Tables& tables = metadata.tables();
  const unsigned cluster_bits = metadata.header().cluster_bits;
  const auto renewed = [&](u64 raw, u64 offset) -> Io<u64> {
    MIMUS_TRY(const u64 count, metadata.refcounts().get(offset >> cluster_bits));
    return count == 1 ? raw | kCopied : raw & ~kCopied;
  };
  for (u64 i = 0; i < tables.l1().size(); ++i) {
    const u64 old = tables.l1()[i];
    if ((old & kOffsetMask) == 0) continue;
    MIMUS_TRY(L2Table * table, tables.get(old & kOffsetMask));
    MIMUS_TRY(const u64 entry, renewed(old, old & kOffsetMask));
    if (entry != old) tables.set_l1(i, entry);
    for (u64 j = 0; j < table->entries.size(); ++j) {
      const u64 raw = table->entries[j];
      const Entry parsed = metadata.parse(raw);
      if (parsed.kind == Entry::Kind::compressed || parsed.offset == 0) continue;
      MIMUS_TRY(const u64 fresh, renewed(raw, parsed.offset));
      if (fresh != raw) tables.set_entry(*table, j, fresh);
    }
    MIMUS_CHECK(metadata.relieve());
  }
  return {};
}

Expected<void> repair(Metadata& metadata, const Progress& progress) {
  Census census(metadata);
  MIMUS_CHECK(census.run(false, progress));
  const std::string& name = metadata.file().name();
  if (census.report.errors != 0)
    return fail(name + ": is damaged in a way that cannot be repaired (" + census.report.messages.front() +
                "); save what can be read: mimus img convert FILE NEW");
  if (metadata.header().refcount_order > 6)
    return fail(name + ": is not a valid qcow2 image: impossible width of the reference counts");
  if (u64 most = *std::ranges::max_element(census.counts); most > metadata.refcounts().max_count())
    return fail(name + ": a cluster has more users than its reference count can say");
  const auto written = write_all(metadata, census);
  if (!written) return fail(name + ": cannot be repaired: " + describe(written.error()));
  return {};
}

}  // namespace mimus::qcow2
