#include "backends/baseline/code.h"

#include "backends/emit/disassemble.h"

namespace mimus::baseline {

namespace {

// One store, which other CPUs that run the code see whole: the bytes lie within a cache line.
template <class T>
void store_whole(u8* where, T value) {
  using Unaligned [[gnu::aligned(1), gnu::may_alias]] = T;
  *reinterpret_cast<volatile Unaligned*>(where) = value;
}

constexpr u8 kJmpRel32 = 0xe9;

}  // namespace

void BaselineCode::patch(u32 displacement, u64 target) {
  const u64 from = start_ + displacement + 4;
  store_whole<u32>(slab_.to_write(start_ + displacement), u32(target - from));
}

void BaselineCode::link(const CodeWriteToken&, u32 edge, u64 host_target) {
  const EdgePatch& p = artifact_.patches[edge];
  if (p.displacement) patch(p.displacement, host_target);
}

void BaselineCode::unlink(const CodeWriteToken&, u32 edge) {
  const EdgePatch& p = artifact_.patches[edge];
  if (p.displacement) patch(p.displacement, start_ + p.unlinked);
}

void BaselineCode::redirect(const CodeWriteToken& token, u64 host_target) {
  if (host_target == 0) {
    for (u32 edge = 0; edge < artifact_.patches.size(); ++edge) unlink(token, edge);
    for (const EdgePatch& inner : artifact_.internal) patch(inner.displacement, start_ + inner.unlinked);
    host_target = start_ + artifact_.leave;
  }
  // The entry begins with one instruction of at least five bytes, on a 16-byte boundary (Compiler::emit_entry).
  u8* entry = slab_.to_write(start_);
  u64 bytes;
  std::memcpy(&bytes, entry, sizeof bytes);
  const u64 jump = kJmpRel32 | u64(u32(host_target - (start_ + 5))) << 8;
  store_whole<u64>(entry, (bytes & ~((u64{1} << 40) - 1)) | jump);
}

bool BaselineCode::hot() const {
  return artifact_.counter && *static_cast<volatile const u32*>(artifact_.counter) > profile_limit_;
}

std::string BaselineCode::dump() const { return emit::disassemble(host_bytes(), start_, artifact_.pc_map); }

}  // namespace mimus::baseline
