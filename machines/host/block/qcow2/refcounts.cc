#include "machines/host/block/qcow2/refcounts.h"

#include <algorithm>

#include "machines/host/block/qcow2/layout.h"

namespace mimus::qcow2 {

namespace {

constexpr u64 kMaxFileBytes = u64{1} << 56;  // what an offset in a table can say

std::unexpected<BlockEndpoint::Status> no_space() { return std::unexpected(BlockEndpoint::Status::no_space); }

}  // namespace

Refcounts::Refcounts(Storage& file, Header& header) : file_(file), header_(header) {}

Expected<void> Refcounts::load() {
  const std::string damaged = file_.name() + ": is not a valid qcow2 image: ";
  const u64 bytes = u64{header_.refcount_table_clusters} << header_.cluster_bits;
  const u64 offset = header_.refcount_table_offset;
  if (header_.refcount_order > 6) return fail(damaged + "impossible width of the reference counts");
  if (offset == 0 || offset % header_.cluster_bytes() || bytes == 0 || bytes > kMaxRefcountTableBytes)
    return fail(damaged + "the refcount table is misplaced or of impossible size");
  std::vector<u8> table(bytes);
  if (file_.read_at(offset, table) != s64(bytes)) return fail(file_.name() + ": its refcount table cannot be read");
  table_ = decode_table(table);
  for (u64& entry : table_) {
    entry &= ~u64{0x1ff};
    if (entry % header_.cluster_bytes() || entry >= file_.size())
      if (entry != 0) return fail(damaged + "a refcount block is misplaced");
  }
  return {};
}

u64 Refcounts::max_count() const {
  return header_.refcount_order == 6 ? ~u64{0} : (u64{1} << (1 << header_.refcount_order)) - 1;
}

Io<Refcounts::Block*> Refcounts::block(u64 range) {
  const auto found = blocks_.find(range);
  if (found != blocks_.end()) return &found->second;
  std::vector<u8> bytes(header_.cluster_bytes());
  const s64 got = file_.read_at(table_[range], bytes);
  if (got < s64{512}) return io_error();  // the last block may be cut short by the end of the file
  Block& made = blocks_[range];
  made.bytes = std::move(bytes);
  return &made;
}

// Counts of less than a byte begin at the byte's least significant bit.
u64 Refcounts::count_in(const Block& block, u64 index) const {
  const u8* bytes = block.bytes.data();
  switch (header_.refcount_order) {
    case 3: return bytes[index];
    case 4: return load_be<u16>(bytes + 2 * index);
    case 5: return load_be<u32>(bytes + 4 * index);
    case 6: return load_be<u64>(bytes + 8 * index);
    default: break;
  }
  const unsigned width = 1u << header_.refcount_order;
  const u64 at = index * width;
  return bits(bytes[at / 8], unsigned(at % 8), width);
}

void Refcounts::set_in(Block& block, u64 index, u64 count) {
  const unsigned width = 1u << header_.refcount_order;
  const u64 at = index * width / 8;
  u8* byte = &block.bytes[at];
  switch (header_.refcount_order) {
    case 3: *byte = u8(count); break;
    case 4: store_be(byte, u16(count)); break;
    case 5: store_be(byte, u32(count)); break;
    case 6: store_be(byte, count); break;
    default: {
      const unsigned shift = unsigned(index * width % 8);
      *byte = u8((*byte & ~(((1u << width) - 1) << shift)) | unsigned(count) << shift);
    }
  }
  if (block.dirty_end == 0) {
    ++dirty_blocks_;
    block.dirty_begin = at;
  }
  block.dirty_begin = std::min(block.dirty_begin, at);
  block.dirty_end = std::max<size_t>(block.dirty_end, at + std::max(width / 8, 1u));
}

Io<u64> Refcounts::get(u64 cluster) {
  if (!has_block(range_of(cluster))) return 0;
  MIMUS_TRY(const Block* found, block(range_of(cluster)));
  return count_in(*found, bits(cluster, 0, unsigned(block_bits())));
}

Io<void> Refcounts::set(u64 cluster, u64 count) {
  if (count > max_count()) return no_space();
  if (!has_block(range_of(cluster))) {
    if (count == 0) return {};
    MIMUS_CHECK(make_blocks(cluster, 1));
  }
  MIMUS_TRY(Block * found, block(range_of(cluster)));
  set_in(*found, bits(cluster, 0, unsigned(block_bits())), count);
  if (count == 0) hint_ = std::min(hint_, cluster), run_hint_ = std::min(run_hint_, cluster);
  return {};
}

Io<u64> Refcounts::add(u64 cluster, s64 change) {
  MIMUS_TRY(const u64 count, get(cluster));
  if (change < 0 && count < u64(-change)) return io_error();  // a damaged image
  MIMUS_CHECK(set(cluster, count + u64(change)));
  return count + u64(change);
}

Io<bool> Refcounts::is_free(u64 cluster) {
  MIMUS_TRY(const u64 count, get(cluster));
  return count == 0;
}

Io<u64> Refcounts::find_free(u64 count) {
  const u64 end = (file_.grows() ? kMaxFileBytes : file_.size()) >> header_.cluster_bits;
  u64 run = 0;
  for (u64 at = std::max(floor_, count == 1 ? hint_ : run_hint_); at < end; ++at) {
    MIMUS_TRY(const bool free, is_free(at));
    run = free ? run + 1 : 0;
    if (run == count) return at + 1 - count;
  }
  return no_space();
}

Io<u64> Refcounts::allocate(u64 count) {
  MIMUS_TRY(const u64 first, find_free(count));
  MIMUS_CHECK(make_blocks(first, count));
  for (u64 i = 0; i < count; ++i) MIMUS_CHECK(set(first + i, 1));
  if (count == 1 || first == hint_) hint_ = first + count;
  if (count > 1 || first == run_hint_) run_hint_ = first + count;
  return first;
}

// Blocks for the counts of these clusters. A new block goes to the next free cluster after them, which may need a
// block, too.
Io<void> Refcounts::make_blocks(u64 first, u64 count) {
  struct New {
    u64 range, cluster;
  };
  std::vector<New> made;
  u64 end = std::max(first + count, floor_);
  const u64 last = range_of(first + count - 1);
  const auto place = [&](u64 range) -> Io<void> {
    for (;; ++end) {
      MIMUS_TRY(const bool free, is_free(end));
      if (free) break;
    }
    if ((end + 1) << header_.cluster_bits > (file_.grows() ? kMaxFileBytes : file_.size())) return no_space();
    made.push_back({range, end++});
    return {};
  };
  const auto missing = [&](u64 range) {
    return !has_block(range) && std::ranges::find(made, range, &New::range) == made.end();
  };
  for (u64 range = range_of(first); range <= last; ++range)
    if (missing(range)) MIMUS_CHECK(place(range));
  for (size_t i = 0; i < made.size(); ++i)
    if (const u64 range = range_of(made[i].cluster); missing(range)) MIMUS_CHECK(place(range));
  if (made.empty()) return {};
  for (const New& one : made) MIMUS_CHECK(grow_table(one.range));
  for (const New& one : made) {
    Block& block = blocks_[one.range];
    block.bytes.assign(header_.cluster_bytes(), 0);
    block.dirty_end = block.bytes.size();
    ++dirty_blocks_;
    table_[one.range] = one.cluster << header_.cluster_bits;
  }
  table_dirty_ = true;
  for (const New& one : made) MIMUS_CHECK(set(one.cluster, 1));
  return {};
}

void Refcounts::start_anew(u64 floor) {
  blocks_.clear();
  dirty_blocks_ = 0;
  start_empty();
  header_.refcount_table_clusters = 0;  // moved(); there is no old place to be released
  floor_ = floor;
}

Io<void> Refcounts::grow_table(u64 range) {
  if (range < table_.size()) return {};
  const u64 entries = align_up(std::max<u64>(range + 1, table_.size() * 3 / 2), header_.cluster_bytes() / 8);
  if (entries * 8 > kMaxRefcountTableBytes) return no_space();
  table_.resize(entries);
  return {};
}

Io<void> Refcounts::write_blocks() {
  for (auto& [range, block] : blocks_) {
    if (block.dirty_end == 0) continue;
    const u64 begin = align_down(block.dirty_begin, 512);
    const u64 end = align_up(block.dirty_end, 512);
    const auto bytes = std::span<const u8>(block.bytes).subspan(begin, end - begin);
    MIMUS_CHECK(io_result(file_.write_at(table_[range] + begin, bytes)));
    block.dirty_begin = block.dirty_end = 0;
    --dirty_blocks_;
  }
  return {};
}

Io<void> Refcounts::find_new_place() {
  while (moved()) {
    const u64 needed = header_.clusters(table_.size() * 8);
    if (needed <= new_place_clusters_) break;
    // The search for a place may make the table grow again.
    for (u64 i = 0; i < new_place_clusters_; ++i) MIMUS_CHECK(set((new_place_ >> header_.cluster_bits) + i, 0));
    new_place_clusters_ = 0;
    MIMUS_TRY(const u64 first, allocate(needed));
    new_place_ = first << header_.cluster_bits;
    new_place_clusters_ = needed;
  }
  return {};
}

Io<Refcounts::Run> Refcounts::write_table() {
  const bool moves = new_place_clusters_ != 0;
  const u64 offset = moves ? new_place_ : header_.refcount_table_offset;
  std::vector<u8> bytes = encode_table(table_);
  if (moves) bytes.resize(new_place_clusters_ << header_.cluster_bits);
  MIMUS_CHECK(io_result(file_.write_at(offset, std::span<const u8>(bytes))));
  table_dirty_ = false;
  if (!moves) return Run{0, 0};
  const Run old{header_.refcount_table_offset >> header_.cluster_bits, header_.refcount_table_clusters};
  header_.refcount_table_offset = offset;
  header_.refcount_table_clusters = u32(std::exchange(new_place_clusters_, 0));
  return old;
}

}  // namespace mimus::qcow2
