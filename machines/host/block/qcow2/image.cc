#include "machines/host/block/qcow2/image.h"

#include <algorithm>

#include "machines/host/block/qcow2/check.h"
#include "machines/host/block/qcow2/compress.h"
#include "machines/host/block/qcow2/repair.h"

namespace mimus::qcow2 {

namespace {

constexpr u64 kCacheBytes = 4 << 20;
constexpr size_t kMaxCacheEntries = 64;
// Tables of up to this many bytes are all looked through when the image is opened, so that a truncated file or damage
// is found there; larger ones would make the start slow.
constexpr u64 kMaxCheckedBytes = 16 << 20;

size_t cache_entries(u64 cluster_bytes) { return std::clamp<u64>(kCacheBytes / cluster_bytes, 2, kMaxCacheEntries); }

bool is_small(const Metadata& metadata) {
  return metadata.header().l1_entries * metadata.header().cluster_bytes() <= kMaxCheckedBytes;
}

// Counts that are too low, or tables in one another, would let a write destroy something else.
Expected<void> make_writable(Metadata& metadata) {
  if (metadata.header().incompatible & kDirtyBit) {
    MIMUS_CHECK(repair(metadata, {}));
  } else if (is_small(metadata)) {
    MIMUS_TRY(const CheckReport report, check(metadata, {}));
    if (report.errors != 0)
      return fail(metadata.file().name() + ": is damaged (" + report.messages.front() +
                  "); repair it: mimus img check --repair FILE");
  }
  return metadata.prepare_writing();
}

}  // namespace

Image::Image(std::unique_ptr<Metadata> metadata, std::unique_ptr<BlockImage> backing)
    : metadata_(std::move(metadata)),
      plain_cache_(cache_entries(header().cluster_bytes())),
      backing_(std::move(backing)) {}

Image::~Image() { close(); }

BlockImage::Status Image::close() {
  if (std::exchange(closed_, true)) return Status::ok;
  return status_of(metadata_->close());
}

Expected<std::unique_ptr<Image>> Image::open(std::unique_ptr<Storage> file, const OpenBacking& open_backing) {
  MIMUS_TRY(Header header, read_header(*file));
  MIMUS_TRY(auto metadata, Metadata::open(std::move(file), std::move(header)));
  const std::string name = metadata->file().name();
  std::unique_ptr<BlockImage> backing;
  if (!metadata->header().backing_file.empty()) {
    auto opened = open_backing(metadata->header().backing_file, metadata->header().backing_format);
    if (!opened) return fail(opened.error().message + "\n  (backing file of " + name + ")");
    backing = std::move(*opened);
  }
  const bool writable = metadata->file().writable();
  std::unique_ptr<Image> image(new Image(std::move(metadata), std::move(backing)));
  MIMUS_CHECK(image->check_extent_of_tables());
  if (writable) MIMUS_CHECK(make_writable(*image->metadata_));
  return image;
}

Expected<std::unique_ptr<Image>> Image::over(std::unique_ptr<Metadata> metadata, std::unique_ptr<BlockImage> backing) {
  return std::unique_ptr<Image>(new Image(std::move(metadata), std::move(backing)));
}

Expected<void> Image::check_extent_of_tables() {
  const u64 cluster = header().cluster_bytes();
  const Storage& file = metadata_->file();
  const u64 entries = header().l1_needed(header().disk_bytes);
  const auto truncated = [&] {
    return fail(file.name() + ": is truncated: it has " + std::to_string(file.size()) +
                " bytes, and parts of the disk lie beyond; copy or download it again");
  };
  for (u64 i = 0; i < entries; ++i) {
    const u64 offset = metadata_->tables().l1()[i] & kOffsetMask;
    if (offset == 0) continue;
    if (offset % cluster) return fail(file.name() + ": is not a valid qcow2 image: an L2 table is misplaced");
    if (offset > file.size() || cluster > file.size() - offset) return truncated();
    if (entries * cluster > kMaxCheckedBytes) continue;
    const auto table = metadata_->table(i);
    if (!table) return fail(file.name() + ": an L2 table cannot be read");
    if (!check_l2(i, **table)) return truncated();
  }
  return {};
}

// Does everything that L2 table number `index` points at begin inside the file?
bool Image::check_l2(u64 index, const L2Table& table) const {
  const u64 file_bytes = metadata_->file().size();
  for (u64 i = 0; i < table.entries.size(); ++i) {
    const u64 guest = ((index << header().l2_bits()) + i) << header().cluster_bits;
    if (guest >= header().disk_bytes) break;
    const Entry entry = metadata_->parse(table.entries[i]);
    if (entry.kind == Entry::Kind::compressed && entry.offset >= file_bytes) return false;
    if (entry.kind != Entry::Kind::data) continue;
    const u64 needed = std::min(header().cluster_bytes(), header().disk_bytes - guest);
    if (entry.offset > file_bytes || needed > file_bytes - entry.offset) return false;
  }
  return true;
}

// What an L2 entry says of the byte `within` its cluster; `bytes` is the rest of the cluster.
Image::Extent Image::classify(u64 raw, u64 within) const {
  const u64 rest = header().cluster_bytes() - within;
  const Entry entry = metadata_->parse(raw);
  switch (entry.kind) {
    case Entry::Kind::unallocated: return {Where::backing, rest};
    case Entry::Kind::zero: return {Where::zero, rest};
    case Entry::Kind::data: return {Where::file, rest, entry.offset + within, entry.copied};
    case Entry::Kind::compressed: return {Where::compressed, rest, raw};
    case Entry::Kind::damaged: break;
  }
  return {Where::damaged, rest};
}

// Clusters that lie one after the other in the file are joined, up to `limit` bytes and within one L2 table. They are
// `copied` only if all are.
Image::Extent Image::find(u64 offset, u64 limit) {
  const u64 cluster = offset >> header().cluster_bits;
  const u64 l1_index = cluster >> header().l2_bits();
  u64 index = cluster & (header().l2_entries() - 1);
  const u64 within = offset & (header().cluster_bytes() - 1);
  const u64 left = ((header().l2_entries() - index) << header().cluster_bits) - within;
  const auto found = metadata_->table(l1_index);
  if (!found) return {Where::damaged, limit};
  if (!*found) return {Where::backing, std::min(limit, left)};
  const std::vector<u64>& entries = (*found)->entries;
  Extent extent = classify(entries[index], within);
  while (extent.bytes < limit && ++index < entries.size()) {
    const Extent next = classify(entries[index], 0);
    if (next.where != extent.where || extent.where == Where::compressed || extent.where == Where::damaged) break;
    if (extent.where == Where::file && (next.at != extent.at + extent.bytes || next.copied != extent.copied)) break;
    extent.bytes += next.bytes;
  }
  extent.bytes = std::min(extent.bytes, limit);
  return extent;
}

BlockImage::Status Image::read(u64 offset, std::span<const iovec> buffers) {
  for (const iovec& buffer : buffers) {
    const auto result = read_span(offset, {static_cast<u8*>(buffer.iov_base), buffer.iov_len});
    if (!result) return result.error();
    offset += buffer.iov_len;
  }
  return Status::ok;
}

Io<void> Image::read_span(u64 offset, std::span<u8> out) {
  const u64 end = header().disk_bytes;
  while (!out.empty()) {
    const Extent extent =
        offset < end ? find(offset, std::min<u64>(out.size(), end - offset))
                     : Extent{Where::zero, out.size()};  // a disk size that is not a multiple of 512, or of a cluster
    MIMUS_CHECK(read_extent(extent, offset, out.first(extent.bytes)));
    offset += extent.bytes;
    out = out.subspan(extent.bytes);
  }
  return {};
}

Io<void> Image::read_extent(const Extent& extent, u64 offset, std::span<u8> out) {
  switch (extent.where) {
    case Where::zero: std::ranges::fill(out, 0); return {};
    case Where::file: return read_file(extent.at, out);
    case Where::compressed: return read_compressed(extent.at, offset & (header().cluster_bytes() - 1), out);
    case Where::backing: return read_backing(offset, out);
    case Where::damaged: break;
  }
  return io_error();
}

Io<void> Image::read_file(u64 at, std::span<u8> out) const {
  if (metadata_->file().read_at(at, out) != s64(out.size())) return io_error();
  return {};
}

// A backing image may be smaller than the disk; beyond its end there are zeroes.
Io<void> Image::read_backing(u64 offset, std::span<u8> out) {
  const u64 size = backing_ ? backing_->size_bytes() : 0;
  const u64 there = offset < size ? std::min<u64>(out.size(), size - offset) : 0;
  std::ranges::fill(out.subspan(there), 0);
  const iovec buffer{out.data(), there};
  const Status status = there == 0 ? Status::ok : backing_->read(offset, {&buffer, 1});
  if (status != Status::ok) return std::unexpected(status);
  return {};
}

// The last sector of the compressed bytes may be cut short by the end of the file.
Io<void> Image::read_compressed(u64 raw, u64 within, std::span<u8> out) {
  const std::vector<u8>* plain = plain_cache_.find(raw);
  if (!plain) {
    const Entry entry = metadata_->parse(raw);
    std::vector<u8> packed(entry.bytes);
    const s64 got = metadata_->file().read_at(entry.offset, packed);
    if (got <= 0) return io_error();
    std::vector<u8>& target = plain_cache_.insert(raw);
    target.resize(header().cluster_bytes());
    if (!decompress_cluster(header().compression, std::span(packed).first(size_t(got)), target)) {
      plain_cache_.forget(raw);
      return io_error();
    }
    plain = &target;
  }
  std::ranges::copy(std::span(*plain).subspan(within, out.size()), out.begin());
  return {};
}

bool Image::map(u64 offset, u64 bytes, bool for_writing, std::vector<HostRange>& out) {
  if (metadata_->file().fd() < 0 || offset + bytes > header().disk_bytes || bytes == 0) return false;
  const u64 first = offset >> header().cluster_bits;
  const u64 last = (offset + bytes - 1) >> header().cluster_bits;
  std::vector<u64> entries(last - first + 1);
  if (!metadata_->tables().peek(first, entries)) return false;
  for (u64 raw : entries) {
    const u64 step = std::min(bytes, header().cluster_bytes() - (offset & (header().cluster_bytes() - 1)));
    if (!map_entry(raw, offset, step, for_writing, out)) return false;
    offset += step;
    bytes -= step;
  }
  return true;
}

bool Image::map_entry(u64 raw, u64 offset, u64 bytes, bool for_writing, std::vector<HostRange>& out) {
  const Extent extent = classify(raw, offset & (header().cluster_bytes() - 1));
  if (for_writing && (extent.where != Where::file || !extent.copied || metadata_->failed())) return false;
  const int fd = metadata_->file().fd();
  HostRange range{extent.where == Where::file ? fd : -1, extent.at, bytes};
  if (extent.where == Where::compressed || extent.where == Where::damaged) return false;
  if (extent.where == Where::backing && backing_) {
    const u64 size = backing_->size_bytes();
    if (offset + bytes <= size) return backing_->map(offset, bytes, false, out);
    if (offset < size) return false;
  }
  if (!out.empty()) {
    HostRange& before = out.back();
    if (before.fd == range.fd && (range.fd < 0 || before.offset + before.bytes == range.offset)) {
      before.bytes += bytes;
      return true;
    }
  }
  out.push_back(range);
  return true;
}

u64 Image::next_data(u64 offset) {
  const u64 end = header().disk_bytes;
  while (offset < end) {
    const Extent extent = find(offset, end - offset);
    if (extent.where == Where::backing) {
      const u64 size = backing_ ? backing_->size_bytes() : 0;
      const u64 data = offset < size ? backing_->next_data(offset) : end;
      if (data < std::min(offset + extent.bytes, size)) return data;
    } else if (extent.where != Where::zero) {
      return offset;
    }
    offset += extent.bytes;
  }
  return size_bytes();
}

bool Image::allocated(u64 offset, u64& bytes) {
  const Extent extent = find(offset, std::min(bytes, header().disk_bytes - offset));
  bytes = extent.bytes;
  return extent.where != Where::backing;
}

}  // namespace mimus::qcow2
