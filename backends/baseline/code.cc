#include "backends/baseline/code.h"

#include <algorithm>
#include <functional>
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

// Copies tables into one allocation, in falling order of alignment.
class TableCopy {
 public:
  template <class... Tables>
  explicit TableCopy(std::unique_ptr<std::byte[]>& memory, const Tables&... tables) {
    memory = std::make_unique_for_overwrite<std::byte[]>((std::span(tables).size_bytes() + ...));
    next_ = memory.get();
  }
  template <class Table, class Convert = std::identity>
  auto keep(const Table& table, Convert convert = {}) {
    using T = std::remove_cvref_t<decltype(convert(*std::begin(table)))>;
    T* const copy = reinterpret_cast<T*>(next_);
    T* end = copy;
    for (const auto& entry : table) new (end++) T(convert(entry));
    next_ = reinterpret_cast<std::byte*>(end);
    return std::span<const T>(copy, end);
  }

 private:
  std::byte* next_;
};

template <class T>
T field(std::span<const u8> code, u32 at) {
  T value;
  std::memcpy(&value, code.data() + at, sizeof value);
  return value;
}
template <class T>
void set_field(std::span<u8> code, u32 at, T value) {
  std::memcpy(code.data() + at, &value, sizeof value);
}

}  // namespace

BaselineCode::BaselineCode(const Owner& owner, u64 start, const PrepareOptions& options, const Artifact& artifact)
    : owner_(owner),
      start_(start),
      bytes_(artifact.bytes),
      leave_(artifact.leave),
      profile_limit_(options.profile_limit),
      counter_(artifact.counter),
      savable_(options.savable && artifact.movable) {
  TableCopy tables(tables_, artifact.pc_map, artifact.faults, artifact.edges, artifact.patches, artifact.internal,
                   artifact.relocations);
  pc_map_ = tables.keep(artifact.pc_map);
  faults_ = tables.keep(artifact.faults);
  edges_ = tables.keep(artifact.edges);
  patches_ = tables.keep(artifact.patches);
  internal_ = tables.keep(artifact.internal);
  relocations_ = tables.keep(artifact.relocations);
}

BaselineCode::BaselineCode(const Owner& owner, u64 start, const PrepareOptions& options, const SavedCode& saved,
                           const u32* counter)
    : owner_(owner),
      start_(start),
      bytes_(saved.head.code_bytes),
      leave_(saved.head.leave),
      profile_limit_(options.profile_limit),
      counter_(counter) {
  TableCopy tables(tables_, saved.pc_map, saved.faults, saved.edges, saved.patches, saved.internal);
  pc_map_ = tables.keep(saved.pc_map);
  faults_ = tables.keep(saved.faults);
  edges_ = tables.keep(saved.edges, [](const SavedEdge& e) {
    return CodeEdge{e.block, e.exit, (e.flags & 1) != 0, (e.flags & 2) != 0};
  });
  patches_ = tables.keep(saved.patches);
  internal_ = tables.keep(saved.internal);
}

void BaselineCode::patch(u32 displacement, u64 target) {
  const u64 from = start_ + displacement + 4;
  store_whole<u32>(owner_.slab.to_write(start_ + displacement), u32(target - from));
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
  u8* entry = owner_.slab.to_write(start_);
  u64 bytes;
  std::memcpy(&bytes, entry, sizeof bytes);
  if (!first_bytes_) first_bytes_ = bytes;
  const u64 jump = kJmpRel32 | u64(u32(host_target - (start_ + 5))) << 8;
  store_whole<u64>(entry, (bytes & ~((u64{1} << 40) - 1)) | jump);
}

// ---- saving ----

// As it was when it had just been made.
void BaselineCode::restore(std::span<u8> code) const {
  if (first_bytes_) set_field(code, 0, first_bytes_);
  for (const EdgePatch& p : patches_) {
    if (p.displacement) set_field(code, p.displacement, p.unlinked - (p.displacement + 4));
  }
}

// Replaces what depends on this process by what saved_code.h says.
bool BaselineCode::detach(std::span<u8> code, std::vector<OpKey>& ops) const {
  for (const u32 relocation : relocations_) {
    const u32 at = relocation & kRelocOffset;
    if (Reloc(relocation >> 24) == Reloc::helper) {
      const auto& helpers = owner_.layout.helpers;
      const auto found = std::ranges::find(helpers, field<u64>(code, at),
                                           [](const HelperDesc& h) { return reinterpret_cast<u64>(h.function); });
      if (found == helpers.end()) return false;
      set_field(code, at, u64(found - helpers.begin()));
    } else if (Reloc(relocation >> 24) == Reloc::single) {
      OpKey key;
      if (!owner_.assists.find_key(reinterpret_cast<const interp::SingleOp*>(field<u64>(code, at)), key)) return false;
      set_field(code, at, u64(ops.size()));
      ops.push_back(key);
    } else if (field_bytes(Reloc(relocation >> 24)) == 8) {
      set_field(code, at, u64{0});
    }
  }
  return true;
}

bool BaselineCode::save(std::vector<u8>& out) const {
  if (!savable_) return false;
  std::vector<u8> code(owner_.slab.to_write(start_), owner_.slab.to_write(start_) + bytes_);
  std::vector<OpKey> ops;
  restore(code);
  if (!detach(code, ops)) return false;
  const auto count = [](const auto& table) { return u32(table.size()); };
  SavedHead head{.code_bytes = bytes_, .leave = leave_, .slab_offset = owner_.slab.offset_of(start_)};
  if (counter_) head.counter_offset = owner_.slab.data_offset_of(counter_);
  head.pc_map = count(pc_map_), head.faults = count(faults_), head.edges = count(edges_);
  head.patches = count(patches_), head.internal = count(internal_);
  head.relocations = count(relocations_), head.ops = count(ops);
  std::vector<SavedEdge> edges;
  for (const CodeEdge& e : edges_) edges.push_back({e.block, e.exit, u32(e.linkable) | u32(e.to_return) << 1});
  const auto add = [&](const auto& table) {
    const auto bytes = std::as_bytes(std::span(table));
    const u8* data = reinterpret_cast<const u8*>(bytes.data());
    out.insert(out.end(), data, data + bytes.size());
  };
  add(std::span(&head, 1)), add(pc_map_), add(ops), add(faults_), add(edges), add(patches_), add(internal_);
  add(relocations_), add(code);
  return true;
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
