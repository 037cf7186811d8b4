#include "machines/host/block/qcow2/snapshot_table.h"

#include <algorithm>
#include <array>

#include "machines/host/block/qcow2/layout.h"

namespace mimus::qcow2 {

namespace {

// Byte offsets in an entry.
constexpr size_t kL1Offset = 0, kL1Entries = 8, kIdBytes = 12, kNameBytes = 14, kDateSeconds = 16,
                 kDateNanoseconds = 20, kClock = 24, kVmState = 32, kExtraBytes = 36, kFixedBytes = 40;
// In the extra data.
constexpr size_t kVmStateLarge = 0, kDiskBytes = 8, kKnownExtra = 16;

constexpr u32 kMaxSnapshots = 65536;
constexpr u64 kMaxTableBytes = 16 << 20;
constexpr u32 kMaxExtra = 1024;

u64 entry_bytes(const Snapshot& s) {
  return align_up(kFixedBytes + kKnownExtra + s.extra.size() + s.id.size() + s.name.size(), 8);
}

}  // namespace

Expected<SnapshotTable> read_snapshot_table(const Storage& file, const Header& header) {
  const auto damaged = [&] {
    return fail(file.name() + ": is not a valid qcow2 image: its snapshot table is damaged");
  };
  SnapshotTable table;
  if (header.snapshots > kMaxSnapshots || (header.snapshots && header.snapshots_offset % header.cluster_bytes()))
    return damaged();
  u64 at = header.snapshots_offset;
  for (u32 i = 0; i < header.snapshots; ++i) {
    std::array<u8, kFixedBytes> fixed;
    if (file.read_at(at, fixed) != s64(fixed.size())) return damaged();
    const u32 extra = load_be<u32>(&fixed[kExtraBytes]);
    const u32 id = load_be<u16>(&fixed[kIdBytes]);
    const u32 name = load_be<u16>(&fixed[kNameBytes]);
    if (extra > kMaxExtra) return damaged();
    std::vector<u8> rest(extra + id + name);
    if (file.read_at(at + kFixedBytes, rest) != s64(rest.size())) return damaged();
    Snapshot s;
    s.l1_offset = load_be<u64>(&fixed[kL1Offset]);
    s.l1_entries = load_be<u32>(&fixed[kL1Entries]);
    s.date_seconds = load_be<u32>(&fixed[kDateSeconds]);
    s.date_nanoseconds = load_be<u32>(&fixed[kDateNanoseconds]);
    s.clock_nanoseconds = load_be<u64>(&fixed[kClock]);
    s.vm_state_bytes = extra >= 8 ? load_be<u64>(&rest[kVmStateLarge]) : load_be<u32>(&fixed[kVmState]);
    s.disk_bytes = extra >= 16 ? load_be<u64>(&rest[kDiskBytes]) : header.disk_bytes;
    if (extra > kKnownExtra) s.extra.assign(rest.begin() + kKnownExtra, rest.begin() + extra);
    s.id.assign(rest.begin() + extra, rest.begin() + extra + id);
    s.name.assign(rest.begin() + extra + id, rest.end());
    if (s.l1_offset % header.cluster_bytes() || s.l1_entries > kMaxL1Bytes / 8 || s.l1_offset > file.size() ||
        u64{s.l1_entries} * 8 > file.size() - s.l1_offset || header.l1_needed(s.disk_bytes) > s.l1_entries)
      return damaged();
    table.list.push_back(std::move(s));
    at = align_up(at + kFixedBytes + extra + id + name, 8);
    table.bytes = at - header.snapshots_offset;
    if (table.bytes > kMaxTableBytes) return damaged();
  }
  return table;
}

std::vector<u8> encode_snapshot_table(const std::vector<Snapshot>& snapshots) {
  std::vector<u8> out;
  for (const Snapshot& s : snapshots) {
    const size_t at = out.size();
    out.resize(at + entry_bytes(s));
    u8* entry = &out[at];
    store_be(entry + kL1Offset, s.l1_offset);
    store_be(entry + kL1Entries, s.l1_entries);
    store_be(entry + kIdBytes, u16(s.id.size()));
    store_be(entry + kNameBytes, u16(s.name.size()));
    store_be(entry + kDateSeconds, s.date_seconds);
    store_be(entry + kDateNanoseconds, s.date_nanoseconds);
    store_be(entry + kClock, s.clock_nanoseconds);
    store_be(entry + kVmState, u32(s.vm_state_bytes));
    store_be(entry + kExtraBytes, u32(kKnownExtra + s.extra.size()));
    u8* extra = entry + kFixedBytes;
    store_be(extra + kVmStateLarge, s.vm_state_bytes);
    store_be(extra + kDiskBytes, s.disk_bytes);
    u8* rest = std::ranges::copy(s.extra, extra + kKnownExtra).out;
    rest = std::ranges::copy(s.id, rest).out;
    std::ranges::copy(s.name, rest);
  }
  return out;
}

}  // namespace mimus::qcow2
