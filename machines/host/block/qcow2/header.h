// The header of a qcow2 image.
// Source: "The QCOW2 Disk Image Format" (docs/interop/qcow2.txt of QEMU 7.2), sections "Header", "Header extensions".
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "machines/host/block/status.h"
#include "machines/host/block/storage.h"

namespace mimus::qcow2 {

enum class Compression : u8 { zlib = 0, zstd = 1 };

enum Incompatible : u64 { kDirtyBit = 1 << 0, kCorruptBit = 1 << 1, kCompressionBit = 1 << 3 };
enum Compatible : u64 { kLazyRefcountsBit = 1 << 0 };
enum Autoclear : u64 { kBitmapsBit = 1 << 0 };

inline constexpr u64 kMaxL1Bytes = 32 << 20;
inline constexpr u64 kMaxRefcountTableBytes = 8 << 20;

struct Header {
  struct Extension {
    u32 type;
    std::vector<u8> bytes;
  };

  u32 version = 3;        // 2 or 3
  u32 cluster_bits = 16;  // 9..21
  u64 disk_bytes = 0;
  u32 l1_entries = 0;  // at least as many as the disk needs
  u64 l1_offset = 0;
  u64 refcount_table_offset = 0;
  u32 refcount_table_clusters = 0;
  u32 snapshots = 0;
  u64 snapshots_offset = 0;
  u64 incompatible = 0, compatible = 0, autoclear = 0;
  u32 refcount_order = 4;  // a count has 1 << refcount_order bits; 0..6
  Compression compression = Compression::zlib;
  u64 backing_offset = 0;
  std::string backing_file;           // empty: none
  std::string backing_format;         // empty: not recorded
  std::vector<Extension> extensions;  // others than the backing format

  u64 cluster_bytes() const { return u64{1} << cluster_bits; }
  u32 l2_bits() const { return cluster_bits - 3; }  // entries of an L2 table
  u64 l2_entries() const { return u64{1} << l2_bits(); }
  u64 l1_needed(u64 bytes) const { return bytes == 0 ? 0 : ((bytes - 1) >> (cluster_bits + l2_bits())) + 1; }
  u64 clusters(u64 bytes) const { return (bytes >> cluster_bits) + ((bytes & (cluster_bytes() - 1)) != 0); }
  bool lazy() const { return compatible & kLazyRefcountsBit; }
};

// Refuses, by name, what is not known here: encryption, external data files, extended L2 entries, damaged and truncated
// images. `accept_damaged`: images whose corrupt bit is set, too.
Expected<Header> read_header(const Storage& file, bool accept_damaged = false);

// The fields that change as an image is used (sizes, positions of the tables, feature bits), in one sector, so that a
// power cut leaves the old or the new ones.
Io<void> write_fields(Storage& file, const Header& header);
// All of the header with its extensions and the name of the backing file, whose place is chosen so that the old name
// stays intact until the header points to the new one, where there is room for both.
Expected<void> write_whole(Storage& file, Header& header);

}  // namespace mimus::qcow2
