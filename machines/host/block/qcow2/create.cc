#include "machines/host/block/qcow2/create.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace mimus::qcow2 {

namespace {

std::unexpected<Error> failed(const Metadata& metadata, std::string_view what, BlockEndpoint::Status status) {
  return fail(fmt::format("{}: {}: {}", metadata.file().name(), what, describe(status)));
}

u64 most_bytes(const Header& header) { return kMaxL1Bytes / 8 << (header.cluster_bits + header.l2_bits()); }

// A longer L1 table in a new place, and the new size, by one write of the header.
Io<void> set_size(Metadata& metadata, u64 disk_bytes) {
  Header& header = metadata.header();
  const u64 needed = header.l1_needed(disk_bytes);
  if (needed > header.l1_entries) {
    std::vector<u64> l1 = metadata.tables().l1();
    const u64 old_offset = header.l1_offset, old_bytes = l1.size() * 8;
    l1.resize(needed);
    MIMUS_TRY(const u64 place, metadata.allocate(header.clusters(needed * 8), true));
    std::vector<u8> bytes = encode_table(l1);
    bytes.resize(align_up(bytes.size(), header.cluster_bytes()));
    MIMUS_CHECK(io_result(metadata.file().write_at(place, std::span<const u8>(bytes))));
    MIMUS_CHECK(metadata.commit());
    header.l1_offset = place;
    header.l1_entries = u32(needed);
    metadata.tables().replace_l1(std::move(l1));
    if (old_bytes != 0) metadata.free_later(old_offset, old_bytes);
  } else {
    MIMUS_CHECK(metadata.commit());
  }
  header.disk_bytes = disk_bytes;
  MIMUS_CHECK(metadata.write_header());
  return metadata.commit();
}

// What a larger backing file, or leftovers in the last cluster, would show in the new part.
Io<void> clear(Image& image, u64 begin, u64 end) {
  const Header& header = image.metadata().header();
  const u64 shown = image.backing() ? image.backing()->size_bytes() : 0;
  if (!image.backing() || header.version >= 3)
    end = std::min(end, std::max(align_up(begin, header.cluster_bytes()), shown));
  if (begin >= end) return {};
  const auto status = image.write_zeroes(begin, end - begin, true);
  if (status != BlockEndpoint::Status::ok) return std::unexpected(status);
  return {};
}

Io<void> do_resize(Image& image, u64 disk_bytes) {
  const u64 old = image.metadata().header().disk_bytes;
  if (disk_bytes < old) {
    const u64 cluster = image.metadata().header().cluster_bytes();
    const u64 begin = align_up(disk_bytes, cluster);
    if (begin < old)
      if (const auto status = image.discard(begin, align_up(old, 512) - begin); status != BlockEndpoint::Status::ok)
        return std::unexpected(status);
  }
  MIMUS_CHECK(set_size(image.metadata(), disk_bytes));
  if (disk_bytes > old && old != 0) MIMUS_CHECK(clear(image, old, disk_bytes));
  return image.metadata().commit();
}

}  // namespace

Expected<void> check_options(const CreateOptions& o) {
  if (!std::has_single_bit(o.cluster_bytes) || o.cluster_bytes < 512 || o.cluster_bytes > (2 << 20))
    return usage_error("the cluster size is a power of two from 512 to 2M");
  if (!std::has_single_bit(o.refcount_bits) || o.refcount_bits > 64)
    return usage_error("a reference count has 1, 2, 4, 8, 16, 32 or 64 bits");
  if (o.version < 3 && (o.refcount_bits != 16 || o.lazy_refcounts || o.compression != Compression::zlib))
    return usage_error("version 2 has reference counts of 16 bits, no lazy ones, and zlib compression only");
  if (o.disk_bytes == 0) return usage_error("a disk needs a size");
  return {};
}

Expected<std::unique_ptr<Image>> create(std::unique_ptr<Storage> file, const CreateOptions& options,
                                        std::unique_ptr<BlockImage> backing) {
  MIMUS_CHECK(check_options(options));
  Header header;
  header.version = options.version;
  header.cluster_bits = u32(std::countr_zero(options.cluster_bytes));
  header.refcount_order = u32(std::countr_zero(options.refcount_bits));
  if (options.lazy_refcounts) header.compatible = kLazyRefcountsBit;
  header.compression = options.compression;
  if (options.compression != Compression::zlib) header.incompatible = kCompressionBit;
  header.backing_file = options.backing_file;
  header.backing_format = options.backing_format;
  if (options.disk_bytes > most_bytes(header))
    return usage_error(
        fmt::format("a disk of {} bytes is too large for clusters of {}", options.disk_bytes, options.cluster_bytes));
  // Header, refcount table and one block; everything else is made as in any other image.
  const u64 cluster = header.cluster_bytes();
  header.refcount_table_offset = cluster;
  header.refcount_table_clusters = 1;
  MIMUS_CHECK(write_whole(*file, header));
  std::vector<u8> tables(2 * cluster);
  store_be(&tables[0], 2 * cluster);
  if (int error = file->write_at(cluster, std::span<const u8>(tables)))
    return fail(file->name() + ": cannot be written: " + describe(status_of(error)));
  MIMUS_TRY(auto metadata, Metadata::open(std::move(file), std::move(header)));
  MIMUS_CHECK(metadata->prepare_new());
  MIMUS_TRY(auto image, Image::over(std::move(metadata), std::move(backing)));
  MIMUS_CHECK(resize(*image, options.disk_bytes));
  return image;
}

Expected<void> resize(Image& image, u64 disk_bytes) {
  const Metadata& metadata = image.metadata();
  if (disk_bytes == 0) return usage_error("a disk needs a size");
  if (disk_bytes > most_bytes(metadata.header()))
    return fail(fmt::format("{}: a disk of {} bytes is too large for clusters of {}", metadata.file().name(),
                            disk_bytes, metadata.header().cluster_bytes()));
  if (metadata.header().snapshots != 0 && metadata.header().version < 3)
    return fail(metadata.file().name() +
                ": snapshots of version 2 have the size of the disk; delete them first, or convert the image");
  const auto result = do_resize(image, disk_bytes);
  if (!result) return failed(metadata, "cannot be resized", result.error());
  return {};
}

}  // namespace mimus::qcow2
