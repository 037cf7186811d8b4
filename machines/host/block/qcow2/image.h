// A qcow2 image as a disk: versions 2 and 3, zlib and zstd compressed clusters, backing files.
// Source: "The QCOW2 Disk Image Format" (docs/interop/qcow2.txt of QEMU 7.2).
#pragma once

#include <functional>

#include "machines/host/block/cluster_cache.h"
#include "machines/host/block/image.h"
#include "machines/host/block/iovecs.h"
#include "machines/host/block/qcow2/layout.h"
#include "machines/host/block/qcow2/metadata.h"

namespace mimus::qcow2 {

class Image final : public BlockImage {
 public:
  // Opens the backing file of this name and format, as the header has them.
  using OpenBacking =
      std::function<Expected<std::unique_ptr<BlockImage>>(const std::string& name, const std::string& format)>;

  // For writing if the storage is. An image that was not closed is repaired before it is written to.
  static Expected<std::unique_ptr<Image>> open(std::unique_ptr<Storage> file, const OpenBacking& open_backing);
  static Expected<std::unique_ptr<Image>> over(std::unique_ptr<Metadata> metadata, std::unique_ptr<BlockImage> backing);
  // Writes what is still in memory; close() says whether that went well.
  ~Image() override;
  Status close();

  u64 size_bytes() const override { return align_up(header().disk_bytes, 512); }
  bool read_only() const override { return !metadata_->writable(); }
  Status read(u64 offset, std::span<const iovec> buffers) override;
  Status write(u64 offset, std::span<const iovec> buffers) override;
  Status flush() override { return status_of(metadata_->commit()); }
  Status discard(u64 offset, u64 bytes) override;
  Status write_zeroes(u64 offset, u64 bytes, bool may_unmap) override;
  bool map(u64 offset, u64 bytes, bool for_writing, std::vector<HostRange>& out) override;
  u64 next_data(u64 offset) override;

  // A whole cluster (or what the disk has of its last one), compressed if that makes it smaller. For clusters that
  // nothing was written to.
  Status write_compressed(u64 offset, std::span<const u8> data);
  // Is this image itself, not one below, where the byte comes from? `bytes`: for how long that holds.
  bool allocated(u64 offset, u64& bytes);

  Metadata& metadata() { return *metadata_; }
  bool has_backing() const { return backing_ != nullptr; }
  BlockImage* backing() { return backing_.get(); }
  std::unique_ptr<BlockImage> exchange_backing(std::unique_ptr<BlockImage> other) {
    return std::exchange(backing_, std::move(other));
  }

 private:
  enum class Where { zero, file, compressed, backing, damaged };
  // Where the guest bytes from some offset on come from.
  struct Extent {
    Where where;
    u64 bytes;   // how many, at most up to the end of the L2 table
    u64 at = 0;  // file: offset of the bytes; compressed: the entry
    bool copied = false;
  };
  // Guest clusters of one L2 table, and the part of them that a request covers.
  struct Span {
    u64 l1_index, index, clusters;
    u64 offset, bytes;  // of the guest
  };

  Image(std::unique_ptr<Metadata> metadata, std::unique_ptr<BlockImage> backing);
  const Header& header() const { return metadata_->header(); }
  Expected<void> check_extent_of_tables();
  bool check_l2(u64 index, const L2Table& table) const;
  Extent find(u64 offset, u64 limit);
  Extent classify(u64 entry, u64 within) const;
  Io<void> read_span(u64 offset, std::span<u8> out);
  Io<void> read_extent(const Extent& extent, u64 offset, std::span<u8> out);
  Io<void> read_backing(u64 offset, std::span<u8> out);
  Io<void> read_compressed(u64 entry, u64 within, std::span<u8> out);
  Io<void> read_file(u64 at, std::span<u8> out) const;
  bool map_entry(u64 raw, u64 offset, u64 bytes, bool for_writing, std::vector<HostRange>& out);

  // image_write.cc
  Io<u64> write_piece(u64 offset, IovecSlicer& data, u64 bytes);
  Io<void> write_new(const Span& span, std::vector<iovec> data);
  Io<void> write_padded(const Span& span, u64 at, bool reads_zero_there, std::vector<iovec> data);
  Io<void> zero_bytes(u64 offset, u64 bytes);
  Span span_at(u64 offset, u64 bytes) const;
  bool reads_zero(u64 raw) const;
  void drop(u64 raw);

  // image_zero.cc
  using Change = Io<void> (Image::*)(u64 l1_index, u64 index, bool may_unmap);
  Io<void> for_clusters(u64 begin, u64 end, bool may_unmap, Change change);
  Io<void> discard_cluster(u64 l1_index, u64 index, bool);
  Io<void> zero_cluster(u64 l1_index, u64 index, bool may_unmap);
  Io<void> zero_part(u64 offset, u64 bytes);

  std::unique_ptr<Metadata> metadata_;
  ClusterCache plain_cache_;  // decompressed clusters, by entry
  std::unique_ptr<BlockImage> backing_;
  bool closed_ = false;
};

}  // namespace mimus::qcow2
