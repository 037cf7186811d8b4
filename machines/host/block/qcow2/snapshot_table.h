// The table of internal snapshots.
// Source: "The QCOW2 Disk Image Format" (docs/interop/qcow2.txt of QEMU 7.2), section "Snapshots".
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "machines/host/block/qcow2/header.h"

namespace mimus::qcow2 {

struct Snapshot {
  u64 l1_offset = 0;
  u32 l1_entries = 0;
  std::string id;  // a number, in all images that one meets
  std::string name;
  u32 date_seconds = 0;  // since 1970
  u32 date_nanoseconds = 0;
  u64 clock_nanoseconds = 0;  // of the guest, since it was started
  u64 vm_state_bytes = 0;     // beyond the end of the disk
  u64 disk_bytes = 0;
  std::vector<u8> extra;  // what follows the known part of the extra data
};

struct SnapshotTable {
  std::vector<Snapshot> list;
  u64 bytes = 0;  // in the file
};

Expected<SnapshotTable> read_snapshot_table(const Storage& file, const Header& header);
std::vector<u8> encode_snapshot_table(const std::vector<Snapshot>& snapshots);

}  // namespace mimus::qcow2
