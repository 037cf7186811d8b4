#include "machines/host/block/qcow2_image.h"

#include <algorithm>

#include "machines/host/block/decompress.h"

namespace mimus {

namespace {

constexpr u64 kCacheBytes = 4 << 20;  // of each cache
constexpr size_t kMaxCacheEntries = 64;
// Tables of up to this many bytes are all looked through when the image is opened, so that a truncated file is found
// there; larger ones would make the start slow.
constexpr u64 kMaxCheckedBytes = 16 << 20;

constexpr u64 kOffsetMask = bits(~u64{0}, 0, 56) & ~u64{0x1ff};  // bits 9..55 of L1 and L2 entries
constexpr u64 kEntryZero = 1;                                    // version 3
constexpr unsigned kEntryCompressed = 62;

size_t cache_entries(u64 cluster_bytes) { return std::clamp<u64>(kCacheBytes / cluster_bytes, 2, kMaxCacheEntries); }

u64 table_entry(const std::vector<u8>& table, u64 index) {
  u64 value;
  std::memcpy(&value, table.data() + 8 * index, sizeof value);
  return __builtin_bswap64(value);
}

}  // namespace

Qcow2Image::Qcow2Image(HostFile file, Qcow2Header header)
    : file_(std::move(file)),
      header_(std::move(header)),
      l2_cache_(cache_entries(header_.cluster_bytes())),
      plain_cache_(cache_entries(header_.cluster_bytes())) {}

Expected<std::unique_ptr<BlockImage>> Qcow2Image::open(HostFile file, const OpenBacking& open_backing) {
  MIMUS_TRY(Qcow2Header header, read_qcow2_header(file));
  std::unique_ptr<Qcow2Image> image(new Qcow2Image(std::move(file), std::move(header)));
  MIMUS_CHECK(image->load_l1());
  MIMUS_CHECK(image->check_extent_of_tables());
  if (!image->header_.backing_file.empty()) {
    auto backing = open_backing(image->header_.backing_file, image->header_.backing_format);
    if (!backing) return fail(backing.error().message + "\n  (backing file of " + image->file_.name() + ")");
    image->backing_ = std::move(*backing);
  }
  return image;
}

Expected<void> Qcow2Image::load_l1() {
  std::vector<u8> table(size_t{header_.l1_entries} * 8);
  if (!read_file(header_.l1_offset, table)) return fail(file_.name() + ": its L1 table cannot be read");
  l1_.resize(header_.l1_entries);
  for (size_t i = 0; i < l1_.size(); ++i) l1_[i] = table_entry(table, i) & kOffsetMask;
  return {};
}

Expected<void> Qcow2Image::check_extent_of_tables() {
  const u64 cluster = header_.cluster_bytes();
  const bool check_entries = l1_.size() * cluster <= kMaxCheckedBytes;
  const auto truncated = [&] {
    return fail(file_.name() + ": is truncated: it has " + std::to_string(file_.size()) +
                " bytes, and parts of the disk lie beyond; copy or download it again");
  };
  for (u64 i = 0; i < l1_.size(); ++i) {
    if (l1_[i] == 0) continue;
    if (l1_[i] % cluster) return fail(file_.name() + ": is not a valid qcow2 image: an L2 table is misplaced");
    if (l1_[i] > file_.size() || cluster > file_.size() - l1_[i]) return truncated();
    if (!check_entries) continue;
    const std::vector<u8>* table = l2_table(l1_[i]);
    if (!table) return fail(file_.name() + ": an L2 table cannot be read");
    if (!check_l2(i, *table)) return truncated();
  }
  return {};
}

// Does everything that L2 table number `index` points at begin inside the file?
bool Qcow2Image::check_l2(u64 index, const std::vector<u8>& table) const {
  const u64 entries = u64{1} << header_.l2_bits();
  for (u64 i = 0; i < entries; ++i) {
    const u64 guest = ((index << header_.l2_bits()) + i) << header_.cluster_bits;
    if (guest >= header_.disk_bytes) break;
    const Extent extent = classify(table_entry(table, i), 0);
    const u64 offset_bits = 70 - header_.cluster_bits;
    if (extent.where == Where::compressed && bits(extent.at, 0, offset_bits) >= file_.size()) return false;
    if (extent.where != Where::file) continue;
    const u64 needed = std::min(header_.cluster_bytes(), header_.disk_bytes - guest);
    if (extent.at > file_.size() || needed > file_.size() - extent.at) return false;
  }
  return true;
}

const std::vector<u8>* Qcow2Image::l2_table(u64 offset) {
  if (const auto* table = l2_cache_.find(offset)) return table;
  std::vector<u8>& table = l2_cache_.insert(offset);
  table.resize(header_.cluster_bytes());
  if (read_file(offset, table)) return &table;
  l2_cache_.forget(offset);
  return nullptr;
}

// What an L2 entry says of the byte `within` its cluster; `bytes` is the rest of the cluster.
Qcow2Image::Extent Qcow2Image::classify(u64 entry, u64 within) const {
  const u64 rest = header_.cluster_bytes() - within;
  if (bit(entry, kEntryCompressed)) return {Where::compressed, rest, bits(entry, 0, kEntryCompressed)};
  if (header_.version >= 3 && (entry & kEntryZero)) return {Where::zero, rest};
  const u64 at = entry & kOffsetMask;
  if (at == 0) return {Where::backing, rest};
  if (at % header_.cluster_bytes()) return {Where::damaged, rest};
  return {Where::file, rest, at + within};
}

// Clusters that lie one after the other in the file are joined, up to `limit` bytes and within one L2 table.
Qcow2Image::Extent Qcow2Image::find(u64 offset, u64 limit) {
  const u64 l2_entries = u64{1} << header_.l2_bits();
  const u64 cluster = offset >> header_.cluster_bits;
  const u64 l1_index = cluster >> header_.l2_bits();
  u64 index = cluster & (l2_entries - 1);
  const u64 within = offset & (header_.cluster_bytes() - 1);
  if (l1_index >= l1_.size()) return {Where::zero, limit};
  if (l1_[l1_index] == 0)
    return {Where::backing, std::min(limit, ((l2_entries - index) << header_.cluster_bits) - within)};
  const std::vector<u8>* table = l2_table(l1_[l1_index]);
  if (!table) return {Where::damaged, limit};
  Extent extent = classify(table_entry(*table, index), within);
  while (extent.where == Where::file && extent.bytes < limit && ++index < l2_entries) {
    const Extent next = classify(table_entry(*table, index), 0);
    if (next.where != Where::file || next.at != extent.at + extent.bytes) break;
    extent.bytes += next.bytes;
  }
  extent.bytes = std::min(extent.bytes, limit);
  return extent;
}

BlockImage::Status Qcow2Image::read(u64 offset, std::span<const iovec> buffers) {
  for (const iovec& buffer : buffers) {
    if (!read_span(offset, {static_cast<u8*>(buffer.iov_base), buffer.iov_len})) return Status::io_error;
    offset += buffer.iov_len;
  }
  return Status::ok;
}

bool Qcow2Image::read_span(u64 offset, std::span<u8> out) {
  while (!out.empty()) {
    const Extent extent = offset < header_.disk_bytes
                              ? find(offset, std::min<u64>(out.size(), header_.disk_bytes - offset))
                              : Extent{Where::zero, out.size()};  // a disk size that is not a multiple of 512
    if (!read_extent(extent, offset, out.first(extent.bytes))) return false;
    offset += extent.bytes;
    out = out.subspan(extent.bytes);
  }
  return true;
}

bool Qcow2Image::read_extent(const Extent& extent, u64 offset, std::span<u8> out) {
  switch (extent.where) {
    case Where::zero: std::ranges::fill(out, 0); return true;
    case Where::file: return read_file(extent.at, out);
    case Where::compressed: return read_compressed(extent.at, offset & (header_.cluster_bytes() - 1), out);
    case Where::backing: return read_backing(offset, out);
    case Where::damaged: return false;
  }
  return false;
}

// A backing image may be smaller than the disk; beyond its end there are zeroes.
bool Qcow2Image::read_backing(u64 offset, std::span<u8> out) {
  const u64 size = backing_ ? backing_->size_bytes() : 0;
  const u64 there = offset < size ? std::min<u64>(out.size(), size - offset) : 0;
  std::ranges::fill(out.subspan(there), 0);
  const iovec buffer{out.data(), there};
  return there == 0 || backing_->read(offset, {&buffer, 1}) == Status::ok;
}

// Descriptor: host offset in the low 70 - cluster_bits bits, above it the number of further 512-byte sectors that the
// data touches. The last of them may be cut short by the end of the file.
bool Qcow2Image::read_compressed(u64 descriptor, u64 within, std::span<u8> out) {
  const std::vector<u8>* plain = plain_cache_.find(descriptor);
  if (!plain) {
    const unsigned offset_bits = 70 - header_.cluster_bits;
    const u64 at = bits(descriptor, 0, offset_bits);
    const u64 sectors = bits(descriptor, offset_bits, kEntryCompressed - offset_bits) + 1;
    std::vector<u8> packed(sectors * 512 - (at & 511));
    const s64 got = file_.read_at(at, packed);
    if (got <= 0) return false;
    std::vector<u8>& target = plain_cache_.insert(descriptor);
    target.resize(header_.cluster_bytes());
    if (!decompress_cluster(header_.compression, std::span(packed).first(size_t(got)), target)) {
      plain_cache_.forget(descriptor);
      return false;
    }
    plain = &target;
  }
  std::ranges::copy(std::span(*plain).subspan(within, out.size()), out.begin());
  return true;
}

}  // namespace mimus
