// Reference counts of the clusters of a qcow2 file, and the search for free ones.
// All changes stay in memory until write_blocks() and write_table(); metadata.h says in which order that is safe.
// Source: "The QCOW2 Disk Image Format" (docs/interop/qcow2.txt of QEMU 7.2), section "Refcount table".
#pragma once

#include <unordered_map>
#include <vector>

#include "core/base/error.h"
#include "machines/host/block/qcow2/header.h"

namespace mimus::qcow2 {

class Refcounts {
 public:
  // `header` is read, and changed where it describes the table.
  Refcounts(Storage& file, Header& header);

  Expected<void> load();  // the table; its blocks are read when they are needed
  // The table as it is, without any counts: for making an image.
  void start_empty() { table_.assign(header_.cluster_bytes() / 8, 0); }

  u64 max_count() const;
  Io<u64> get(u64 cluster);
  Io<void> set(u64 cluster, u64 count);  // no_space: the count does not fit
  Io<u64> add(u64 cluster, s64 change);  // returns the new count
  // `count` free clusters in a row, now counted once each; returns the first.
  Io<u64> allocate(u64 count);
  // Forgets table and blocks and begins new ones, which go to clusters from `floor` on until open_floor().
  void start_anew(u64 floor);
  void open_floor() { floor_ = hint_ = run_hint_ = 0; }

  bool dirty() const { return dirty_blocks_ != 0 || table_changed(); }
  bool table_changed() const { return table_dirty_ || moved(); }
  bool moved() const { return table_.size() * 8 > u64{header_.refcount_table_clusters} << header_.cluster_bits; }
  Io<void> write_blocks();
  // When the table has outgrown its place: takes a new place. To be called before write_blocks().
  Io<void> find_new_place();
  // Writes the entries, to the new place if there is one; then the header names it but is not written. The blocks must
  // be durable. Returns the clusters of the old place, to be released.
  struct Run {
    u64 first, count;
  };
  Io<Run> write_table();

  // Every cluster of the table and of its blocks, for those who count references.
  const std::vector<u64>& table() const { return table_; }

 private:
  struct Block {
    std::vector<u8> bytes;
    size_t dirty_begin = 0, dirty_end = 0;  // bytes
  };

  u64 block_bits() const { return header_.cluster_bits + 3 - header_.refcount_order; }  // log2 of the counts in a block
  u64 range_of(u64 cluster) const { return cluster >> block_bits(); }
  bool has_block(u64 range) const { return range < table_.size() && table_[range] != 0; }
  Io<Block*> block(u64 range);
  u64 count_in(const Block& block, u64 index) const;
  void set_in(Block& block, u64 index, u64 count);
  Io<bool> is_free(u64 cluster);
  Io<u64> find_free(u64 count);
  Io<void> make_blocks(u64 first, u64 count);
  Io<void> grow_table(u64 range);

  Storage& file_;
  Header& header_;
  std::vector<u64> table_;  // offsets of blocks; 0: all of its counts are 0
  std::unordered_map<u64, Block> blocks_;
  size_t dirty_blocks_ = 0;
  bool table_dirty_ = false;
  u64 new_place_ = 0;  // offset; 0: none was taken
  u64 new_place_clusters_ = 0;
  u64 floor_ = 0;     // nothing is taken below
  u64 hint_ = 0;      // no free cluster below
  u64 run_hint_ = 0;  // where the search for several clusters begins
};

}  // namespace mimus::qcow2
