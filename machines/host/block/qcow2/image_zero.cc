// Discarding and zeroing: whole clusters by their L2 entries, the rest by writing.
#include <algorithm>

#include "machines/host/block/qcow2/image.h"

namespace mimus::qcow2 {

// All clusters of [begin, end), which must be whole ones except at the end of the disk.
Io<void> Image::for_clusters(u64 begin, u64 end, bool may_unmap, Change change) {
  for (u64 at = begin; at < end; at += header().cluster_bytes()) {
    if (metadata_->failed()) return io_error();
    MIMUS_CHECK(metadata_->relieve());
    const u64 cluster = at >> header().cluster_bits;
    MIMUS_CHECK((this->*change)(cluster >> header().l2_bits(), cluster & (header().l2_entries() - 1), may_unmap));
  }
  return {};
}

// What is not in this image stays as it is. In version 2 a cluster cannot hide the backing file's.
Io<void> Image::discard_cluster(u64 l1_index, u64 index, bool) {
  MIMUS_TRY(L2Table * table, metadata_->table(l1_index));
  if (!table) return {};
  const u64 old = table->entries[index];
  const u64 made = backing_ ? kZero : 0;
  const Entry entry = metadata_->parse(old);
  if (entry.kind == Entry::Kind::damaged) return io_error();
  if (entry.kind == Entry::Kind::unallocated || old == made || (backing_ && header().version < 3)) return {};
  MIMUS_TRY(table, metadata_->own_table(l1_index));
  metadata_->tables().set_entry(*table, index, made);
  drop(old);
  return {};
}

Io<void> Image::zero_cluster(u64 l1_index, u64 index, bool may_unmap) {
  MIMUS_TRY(L2Table * table, metadata_->table(l1_index));
  const u64 old = table ? table->entries[index] : 0;
  const Entry entry = metadata_->parse(old);
  const bool own = metadata_->tables().l1()[l1_index] & kCopied;
  const bool keep = !may_unmap && own && entry.copied && entry.kind != Entry::Kind::compressed;
  if (entry.kind == Entry::Kind::damaged) return io_error();
  if (reads_zero(old) && (keep || entry.offset == 0)) return {};
  if (header().version < 3) {
    if (may_unmap && !backing_) return discard_cluster(l1_index, index, true);
    const u64 begin = ((l1_index << header().l2_bits()) + index) << header().cluster_bits;
    return zero_bytes(begin, std::min(header().cluster_bytes(), size_bytes() - begin));
  }
  MIMUS_TRY(table, metadata_->own_table(l1_index));
  metadata_->tables().set_entry(*table, index, keep ? entry.offset | kCopied | kZero : kZero);
  if (!keep) drop(old);
  return {};
}

Io<void> Image::zero_bytes(u64 offset, u64 bytes) {
  std::vector<u8> zeroes(std::min(bytes, header().cluster_bytes()));
  while (bytes != 0) {
    const u64 step = std::min<u64>(bytes, zeroes.size());
    const iovec buffer{zeroes.data(), step};
    if (const Status status = write(offset, {&buffer, 1}); status != Status::ok) return std::unexpected(status);
    offset += step;
    bytes -= step;
  }
  return {};
}

// Less than a cluster.
Io<void> Image::zero_part(u64 offset, u64 bytes) {
  const Extent extent = find(offset, bytes);
  if (extent.where == Where::zero || (extent.where == Where::backing && !backing_)) return {};
  return zero_bytes(offset, bytes);
}

BlockImage::Status Image::discard(u64 offset, u64 bytes) {
  const u64 cluster = header().cluster_bytes();
  const u64 begin = align_up(offset, cluster);
  const u64 end = offset + bytes >= header().disk_bytes ? offset + bytes : align_down(offset + bytes, cluster);
  return status_of(for_clusters(begin, end, true, &Image::discard_cluster));
}

BlockImage::Status Image::write_zeroes(u64 offset, u64 bytes, bool may_unmap) {
  const u64 cluster = header().cluster_bytes();
  const auto run = [&]() -> Io<void> {
    const u64 stop = offset + bytes;
    const u64 head_end = std::min(stop, align_up(offset, cluster));
    const bool to_the_end = stop >= header().disk_bytes;
    if (head_end > offset && !(to_the_end && offset % cluster == 0)) MIMUS_CHECK(zero_part(offset, head_end - offset));
    const u64 tail_begin = to_the_end ? stop : std::max(head_end, align_down(stop, cluster));
    MIMUS_CHECK(for_clusters(head_end, tail_begin, may_unmap, &Image::zero_cluster));
    if (tail_begin < stop) MIMUS_CHECK(zero_part(tail_begin, stop - tail_begin));
    return {};
  };
  return status_of(run());
}

}  // namespace mimus::qcow2
