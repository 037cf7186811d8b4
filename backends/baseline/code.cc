#include "backends/baseline/code.h"

#include <memory>

#include "backends/emit/disassemble.h"

namespace mimus::baseline {

namespace {

// One store, which other CPUs that run the code see whole: the bytes lie within 16 aligned
// ones (Assembler::align_displacement).
template <class T>
void store_whole(u8* where, T value) {
  using Unaligned [[gnu::aligned(1), gnu::may_alias]] = T;
  *reinterpret_cast<volatile Unaligned*>(where) = value;
}

constexpr u8 kJmpRel32 = 0xe9;

}  // namespace

BaselineCode::BaselineCode(emit::CodeSlab& slab, const emit::HostRuntime& host, u64 start, u32 profile_limit,
                           const Artifact& artifact)
    : slab_(slab),
      host_(host),
      start_(start),
      bytes_(artifact.bytes),
      leave_(artifact.leave),
      profile_limit_(profile_limit),
      counter_(artifact.counter) {
  size_t bytes = 0;
  const auto reserve = [&](const auto& table) { bytes += std::span(table).size_bytes(); };
  reserve(artifact.pc_map), reserve(artifact.faults), reserve(artifact.edges), reserve(artifact.patches),
      reserve(artifact.internal);
  tables_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
  std::byte* next = tables_.get();
  const auto keep = [&]<class T>(const std::vector<T>& table) {  // in falling order of alignment
    T* copy = std::uninitialized_copy(table.begin(), table.end(), reinterpret_cast<T*>(next)) - table.size();
    next += table.size() * sizeof(T);
    return std::span<const T>(copy, table.size());
  };
  pc_map_ = keep(artifact.pc_map);
  faults_ = keep(artifact.faults);
  edges_ = keep(artifact.edges);
  patches_ = keep(artifact.patches);
  internal_ = keep(artifact.internal);
}

void BaselineCode::patch(u32 displacement, u64 target) {
  const u64 from = start_ + displacement + 4;
  store_whole<u32>(slab_.to_write(start_ + displacement), u32(target - from));
}

void BaselineCode::link(const CodeWriteToken&, u32 edge, u64 host_target) {
  const EdgePatch& p = patches_[edge];
  if (p.displacement) patch(p.displacement, host_target);
}

void BaselineCode::unlink(const CodeWriteToken&, u32 edge) {
  const EdgePatch& p = patches_[edge];
  if (p.displacement) patch(p.displacement, start_ + p.unlinked);
}

void BaselineCode::redirect(const CodeWriteToken& token, u64 host_target) {
  if (host_target == 0) {
    for (u32 edge = 0; edge < patches_.size(); ++edge) unlink(token, edge);
    for (const EdgePatch& inner : internal_) patch(inner.displacement, start_ + inner.unlinked);
    host_target = start_ + leave_;
  }
  // The entry begins with one instruction of at least five bytes, on a 16-byte boundary (Compiler::emit_entry).
  u8* entry = slab_.to_write(start_);
  u64 bytes;
  std::memcpy(&bytes, entry, sizeof bytes);
  const u64 jump = kJmpRel32 | u64(u32(host_target - (start_ + 5))) << 8;
  store_whole<u64>(entry, (bytes & ~((u64{1} << 40) - 1)) | jump);
}

// The counter counts down: from profile_limit_ - 1 to below zero, then from kFiredCounter.
u64 BaselineCode::runs() const {
  if (!counter_) return 0;
  const u32 left = *static_cast<volatile const u32*>(counter_);
  return left > profile_limit_ ? u64{profile_limit_} + (kFiredCounter - left) : u64{profile_limit_} - left;
}

bool BaselineCode::hot() const { return counter_ && *static_cast<volatile const u32*>(counter_) > profile_limit_; }

std::string BaselineCode::dump() const { return emit::disassemble(host_bytes(), start_, pc_map_); }

}  // namespace mimus::baseline
