// The L1 table and a cache of L2 tables: where each guest cluster is. Changes stay in memory until write_unlinked() and
// write_linked(); metadata.h says in which order that is safe.
// One thread uses all of it; peek() may be called on any thread meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "machines/host/block/qcow2/header.h"

namespace mimus::qcow2 {

struct L2Table {
  u64 offset;  // in the file
  std::vector<u64> entries;
  u64 dirty_begin = 0, dirty_end = 0;  // entries
  bool unlinked = false;               // no L1 entry on the disk points here yet
  u64 used = 0;
};

class Tables {
 public:
  // Looks at a table that was read, and may take kCopied away; false: it must not be used.
  using Validate = std::function<bool(L2Table&)>;

  Tables(Storage& file, const Header& header);
  Expected<void> load_l1();
  void set_validate(Validate validate) { validate_ = std::move(validate); }

  const std::vector<u64>& l1() const { return l1_; }
  void set_l1(u64 index, u64 entry);
  // Another L1 table, which is on the disk already.
  void replace_l1(std::vector<u64> entries);

  Io<L2Table*> get(u64 offset);
  L2Table& add(u64 offset, std::vector<u64> entries);  // a new one, unlinked
  void set_entry(L2Table& table, u64 index, u64 entry);
  void forget(u64 offset);  // its cluster was released

  bool dirty() const { return dirty_tables_ != 0 || !dirty_l1_.empty(); }
  bool crowded() const { return dirty_tables_ >= capacity_ / 2; }  // to be written before more is changed
  Io<void> write_unlinked();
  bool anything_linked() const;
  Io<void> write_linked();

  // The L2 entries of these guest clusters, as far as they are in memory; 0 where there is no L2 table. False: not all
  // of them are, or the tables are being changed. Entries in tables that are not this image's alone lose kCopied.
  bool peek(u64 cluster, std::span<u64> out);

 private:
  void mark(L2Table& table, u64 begin, u64 end);
  void make_room();

  Storage& file_;
  const Header& header_;
  const size_t capacity_;  // tables
  Validate validate_;

  std::mutex lock_;  // a leaf, for changes of what peek() reads: l1_, tables_, entries
  std::vector<u64> l1_;
  std::unordered_map<u64, std::unique_ptr<L2Table>> tables_;
  std::vector<u64> dirty_l1_;  // indices of 512-byte parts
  size_t dirty_tables_ = 0;
  u64 now_ = 0;
};

}  // namespace mimus::qcow2
