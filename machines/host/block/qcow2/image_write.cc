// Writing guest data. A cluster that belongs to the active disk alone is overwritten in place. Everything else goes to
// new clusters, with what the request leaves out of them copied from where it was; the L2 entry points there when
// Metadata::commit() has made the data durable. So each sector has its old or its new contents after a power cut.
#include <algorithm>

#include "machines/host/block/qcow2/compress.h"
#include "machines/host/block/qcow2/image.h"

namespace mimus::qcow2 {

namespace {

constexpr u64 kMaxPiece = 2 << 20;  // bytes allocated at once

}  // namespace

BlockImage::Status Image::write(u64 offset, std::span<const iovec> buffers) {
  IovecSlicer data(buffers);
  for (u64 left = total_bytes(buffers); left != 0;) {
    const auto done = write_piece(offset, data, left);
    if (!done) return done.error();
    offset += *done;
    left -= *done;
  }
  return Status::ok;
}

Io<u64> Image::write_piece(u64 offset, IovecSlicer& data, u64 bytes) {
  if (metadata_->failed()) return io_error();
  MIMUS_CHECK(metadata_->relieve());
  const Extent extent = find(offset, bytes);
  if (extent.where == Where::damaged) return io_error();
  Span span = span_at(offset, std::min(extent.bytes, kMaxPiece));
  const bool own = metadata_->tables().l1()[span.l1_index] & kCopied;
  if (extent.where == Where::file && extent.copied && own) {
    MIMUS_CHECK(io_result(metadata_->file().write_at(extent.at, data.take(extent.bytes))));
    return extent.bytes;
  }
  // A cluster kept for zeroes is used again, each by itself.
  if (extent.where == Where::zero)
    span = span_at(offset, std::min(span.bytes, classify(0, offset & (header().cluster_bytes() - 1)).bytes));
  MIMUS_CHECK(write_new(span, data.take(span.bytes)));
  return span.bytes;
}

Image::Span Image::span_at(u64 offset, u64 bytes) const {
  const u64 first = offset >> header().cluster_bits;
  const u64 last = (offset + bytes - 1) >> header().cluster_bits;
  return {first >> header().l2_bits(), first & (header().l2_entries() - 1), last - first + 1, offset, bytes};
}

bool Image::reads_zero(u64 raw) const {
  const Entry entry = metadata_->parse(raw);
  return entry.kind == Entry::Kind::zero || (entry.kind == Entry::Kind::unallocated && !backing_);
}

// An entry that was replaced.
void Image::drop(u64 raw) {
  if (raw & kCompressed) plain_cache_.forget(raw);
  metadata_->free_entry_later(raw);
}

Io<void> Image::write_new(const Span& span, std::vector<iovec> data) {
  MIMUS_TRY(L2Table * table, metadata_->own_table(span.l1_index));
  const Entry before = metadata_->parse(table->entries[span.index]);
  const bool kept = before.kind == Entry::Kind::zero && before.offset != 0 && before.copied;
  u64 at = before.offset;
  bool beyond_end = false;
  if (!kept) {
    MIMUS_TRY(at, metadata_->allocate(span.clusters, false));
    beyond_end = metadata_->file().grows() && at >= metadata_->file().size();
  }
  if (auto written = write_padded(span, at, beyond_end, std::move(data)); !written) {
    if (!kept) metadata_->free_now(at, span.clusters << header().cluster_bits);
    return written;
  }
  for (u64 i = 0; i < span.clusters; ++i) {
    const u64 old = table->entries[span.index + i];
    metadata_->tables().set_entry(*table, span.index + i, (at + (i << header().cluster_bits)) | kCopied);
    if (!kept) drop(old);
  }
  return {};
}

// Fills the clusters at file offset `at`: the request's data, and around it what was there before.
Io<void> Image::write_padded(const Span& span, u64 at, bool reads_zero_there, std::vector<iovec> data) {
  const u64 cluster = header().cluster_bytes();
  const u64 head_bytes = span.offset & (cluster - 1);
  const u64 tail_bytes = (span.clusters << header().cluster_bits) - head_bytes - span.bytes;
  MIMUS_TRY(const L2Table* table, metadata_->table(span.l1_index));
  const auto needed = [&](u64 bytes, u64 index) {
    return bytes != 0 && !(reads_zero_there && reads_zero(table->entries[index]));
  };
  std::vector<u8> head(needed(head_bytes, span.index) ? head_bytes : 0);
  std::vector<u8> tail(needed(tail_bytes, span.index + span.clusters - 1) ? tail_bytes : 0);
  MIMUS_CHECK(read_span(span.offset - head.size(), head));
  MIMUS_CHECK(read_span(span.offset + span.bytes, tail));
  if (!head.empty()) data.insert(data.begin(), {head.data(), head.size()});
  if (!tail.empty()) data.push_back({tail.data(), tail.size()});
  Storage& file = metadata_->file();
  MIMUS_CHECK(io_result(file.write_at(at + head_bytes - head.size(), data)));
  const u64 end = at + (span.clusters << header().cluster_bits);
  return io_result(file.size() < end ? file.resize(end) : 0);
}

BlockImage::Status Image::write_compressed(u64 offset, std::span<const u8> data) {
  std::vector<u8> plain(data.begin(), data.end());
  plain.resize(header().cluster_bytes());
  const std::vector<u8> packed = compress_cluster(header().compression, plain);
  const iovec whole{plain.data(), data.size()};
  if (packed.empty()) return write(offset, {&whole, 1});
  const auto run = [&]() -> Io<void> {
    MIMUS_CHECK(metadata_->relieve());
    const Span span = span_at(offset, data.size());
    MIMUS_TRY(L2Table * table, metadata_->own_table(span.l1_index));
    MIMUS_TRY(const u64 at, metadata_->allocate_bytes(packed.size()));
    if (int error = metadata_->file().write_at(at, std::span<const u8>(packed))) {
      metadata_->free_now(at, packed.size());
      return io_result(error);
    }
    const unsigned offset_bits = 70 - header().cluster_bits;
    const u64 sectors = (at + packed.size() - 1) / 512 - at / 512;
    const u64 old = table->entries[span.index];
    metadata_->tables().set_entry(*table, span.index, kCompressed | sectors << offset_bits | at);
    drop(old);
    return {};
  };
  return status_of(run());
}

}  // namespace mimus::qcow2
