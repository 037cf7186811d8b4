// A qcow2 image, for reading: versions 2 and 3, zlib and zstd compressed clusters, backing files.
// Source: "The QCOW2 Disk Image Format" (docs/interop/qcow2.txt of QEMU 7.2), sections "Cluster mapping", "L1 table
// entry", "Standard Cluster Descriptor", "Compressed Clusters Descriptor".
#pragma once

#include <functional>

#include "machines/host/block/cluster_cache.h"
#include "machines/host/block/host_file.h"
#include "machines/host/block/image.h"
#include "machines/host/block/qcow2_header.h"

namespace mimus {

class Qcow2Image final : public BlockImage {
 public:
  // Opens the backing file of this name and format, as the header has them.
  using OpenBacking =
      std::function<Expected<std::unique_ptr<BlockImage>>(const std::string& name, const std::string& format)>;

  static Expected<std::unique_ptr<BlockImage>> open(HostFile file, const OpenBacking& open_backing);

  u64 size_bytes() const override { return align_up(header_.disk_bytes, 512); }
  bool read_only() const override { return true; }
  Status read(u64 offset, std::span<const iovec> buffers) override;
  Status write(u64, std::span<const iovec>) override { return Status::read_only; }
  Status flush() override { return Status::ok; }
  Status discard(u64, u64) override { return Status::read_only; }
  Status write_zeroes(u64, u64, bool) override { return Status::read_only; }

 private:
  enum class Where { zero, file, compressed, backing, damaged };
  // Where the guest bytes from some offset on come from.
  struct Extent {
    Where where;
    u64 bytes;   // how many, at most up to the end of the L2 table
    u64 at = 0;  // file: offset of the bytes; compressed: the descriptor
  };

  Qcow2Image(HostFile file, Qcow2Header header);
  Expected<void> load_l1();
  Expected<void> check_extent_of_tables();
  bool check_l2(u64 index, const std::vector<u8>& table) const;
  const std::vector<u8>* l2_table(u64 offset);
  Extent find(u64 offset, u64 limit);
  Extent classify(u64 entry, u64 within) const;
  bool read_span(u64 offset, std::span<u8> out);
  bool read_extent(const Extent& extent, u64 offset, std::span<u8> out);
  bool read_backing(u64 offset, std::span<u8> out);
  bool read_compressed(u64 descriptor, u64 within, std::span<u8> out);
  bool read_file(u64 at, std::span<u8> out) const { return file_.read_at(at, out) == s64(out.size()); }

  HostFile file_;
  Qcow2Header header_;
  std::vector<u64> l1_;
  ClusterCache l2_cache_;     // by offset in the file
  ClusterCache plain_cache_;  // decompressed clusters, by descriptor
  std::unique_ptr<BlockImage> backing_;
};

}  // namespace mimus
