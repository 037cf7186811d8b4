#include "backends/baseline/saved_code.h"

#include <algorithm>

namespace mimus::baseline {

namespace {

// Takes tables off the front of the bytes; after a failure all are empty.
class Reader {
 public:
  explicit Reader(std::span<const u8> bytes) : rest_(bytes) {}
  bool failed() const { return failed_; }
  std::span<const u8> rest() const { return rest_; }

  template <class T>
  std::span<const T> take(u32 count) {
    const size_t bytes = sizeof(T) * size_t{count};
    failed_ |= bytes > rest_.size();
    if (failed_) return {};
    const std::span<const T> table{reinterpret_cast<const T*>(rest_.data()), count};
    rest_ = rest_.subspan(bytes);
    return table;
  }

 private:
  std::span<const u8> rest_;
  bool failed_ = false;
};

bool fits(u64 offset, u64 bytes, u64 size) { return offset <= size && bytes <= size - offset; }

}  // namespace

bool SavedCode::parse(std::span<const u8> bytes) {
  Reader reader(bytes);
  const auto heads = reader.take<SavedHead>(1);
  if (reader.failed()) return false;
  head = heads[0];
  pc_map = reader.take<PcMapEntry>(head.pc_map);
  ops = reader.take<OpKey>(head.ops);
  faults = reader.take<FaultEntry>(head.faults);
  edges = reader.take<SavedEdge>(head.edges);
  patches = reader.take<EdgePatch>(head.patches);
  internal = reader.take<EdgePatch>(head.internal);
  relocations = reader.take<u32>(head.relocations);
  code = reader.rest();
  const u32 size = head.code_bytes;
  if (reader.failed() || code.size() != size || size < 8 || head.leave >= size || head.patches != head.edges)
    return false;
  const auto patch_fits = [&](const EdgePatch& p) {
    return p.displacement == 0 || (fits(p.displacement, 4, size) && p.unlinked < size);
  };
  return std::ranges::all_of(patches, patch_fits) && std::ranges::all_of(internal, patch_fits) &&
         std::ranges::all_of(faults, [&](const FaultEntry& f) { return f.host_offset < size && f.landing < size; }) &&
         std::ranges::all_of(relocations, [&](u32 r) {
           return r >> 24 < u32(Reloc::count) && fits(r & kRelocOffset, field_bytes(Reloc(r >> 24)), size);
         });
}

}  // namespace mimus::baseline
