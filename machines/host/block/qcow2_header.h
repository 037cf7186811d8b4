// The header of a qcow2 image, checked.
// Source: "The QCOW2 Disk Image Format" (docs/interop/qcow2.txt of QEMU 7.2), sections "Header", "Header extensions".
#pragma once

#include <string>

#include "core/base/error.h"
#include "core/base/types.h"
#include "machines/host/block/host_file.h"

namespace mimus {

enum class Qcow2Compression : u8 { zlib = 0, zstd = 1 };

struct Qcow2Header {
  u32 version = 0;       // 2 or 3
  u32 cluster_bits = 0;  // 9..21
  u64 disk_bytes = 0;
  u32 l1_entries = 0;  // as many as the disk needs
  u64 l1_offset = 0;   // the table lies inside the file
  Qcow2Compression compression = Qcow2Compression::zlib;
  std::string backing_file;    // empty: none
  std::string backing_format;  // empty: not recorded

  u64 cluster_bytes() const { return u64{1} << cluster_bits; }
  u32 l2_bits() const { return cluster_bits - 3; }  // entries of an L2 table
};

// Refuses, by name, what this reader does not know: encryption, external data files, extended L2 entries, damaged
// and truncated images.
Expected<Qcow2Header> read_qcow2_header(const HostFile& file);

}  // namespace mimus
