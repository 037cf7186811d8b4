// Everything of a qcow2 file but the guest's data, and the order in which its changes reach the disk.
//
// Changes are made in memory. commit() makes them durable, together with all data written before, in steps separated by
// syncs, so that what is on the disk after a power cut at any point is a valid image which has all that a completed
// commit() covered:
//   1. reference counts that went up, then (new place or new blocks) the refcount table, then the header;
//      L2 tables that no L1 entry on the disk points to. -> sync; it also makes the data durable that follows next.
//   2. L2 entries, L1 entries. -> sync. Now nothing on the disk points to the clusters given to free_later().
//   3. Their counts go down, in memory; from now on they can be used again. A cut before that is written wastes them.
// So a count on the disk is never too low, and no entry points to something that is not there. Images with lazy
// refcounts leave out 1.'s counts: the dirty bit is set first, and the counts are made anew when the image is opened
// after a cut.
#pragma once

#include <atomic>
#include <memory>

#include "machines/host/block/qcow2/layout.h"
#include "machines/host/block/qcow2/refcounts.h"
#include "machines/host/block/qcow2/tables.h"

namespace mimus::qcow2 {

class Metadata {
 public:
  // For reading only.
  static Expected<std::unique_ptr<Metadata>> open(std::unique_ptr<Storage> file, Header header);
  // Loads what writing needs on top, and checks that no table lies in another one.
  Expected<void> prepare_writing();
  // Of an image that is being made: header, refcount table and one block in clusters 0, 1 and 2, none counted yet.
  Expected<void> prepare_new();
  ~Metadata();  // does not write; close() does

  Storage& file() { return *file_; }
  const Storage& file() const { return *file_; }
  Header& header() { return header_; }
  const Header& header() const { return header_; }
  Refcounts& refcounts() { return refcounts_; }
  Tables& tables() { return tables_; }
  bool writable() const { return writable_; }
  // Something failed that leaves open what is on the disk; nothing is written any more. Any thread.
  bool failed() const { return failed_; }

  Io<void> commit();
  // Commits when much waits for it. Not between two changes that belong together.
  Io<void> relieve();
  Io<void> sync();
  // After a commit: counts, too, are on the disk, and the dirty bit is off.
  Io<void> close();
  // Sets the dirty bit (version 3) on the disk: until clean() the image's counts are made anew when it is opened.
  Io<void> set_dirty();
  Io<void> write_header();

  // Clusters in a row, counted once each, for data or a table; returns the file offset.
  Io<u64> allocate(u64 clusters, bool for_table);
  // Bytes of a compressed cluster, anywhere.
  Io<u64> allocate_bytes(u64 bytes);
  // One reference less to each cluster that the range touches, once nothing on the disk has it any more.
  void free_later(u64 offset, u64 bytes);
  void free_entry_later(u64 raw_entry);
  // The same for clusters that nothing on the disk has ever pointed to.
  void free_now(u64 offset, u64 bytes);

  // The L2 table of an L1 entry; null: there is none.
  Io<L2Table*> table(u64 l1_index);
  // The same, made or copied so that it belongs to the active disk alone.
  Io<L2Table*> own_table(u64 l1_index);
  Entry parse(u64 raw) const { return parse_entry(raw, header_.version, header_.cluster_bits); }

  // Does this range of the file touch a table or the header? Such ranges are no data.
  bool is_table(u64 offset, u64 bytes) const;
  void mark_table(u64 offset, u64 bytes, bool is);

 private:
  Metadata(std::unique_ptr<Storage> file, Header header);
  bool valid_for_writing(L2Table& table);
  Expected<void> mark_all_tables();
  Io<void> commit_counts();
  Io<void> release_freed(const std::vector<Refcounts::Run>& freed);

  std::unique_ptr<Storage> file_;
  Header header_;
  Refcounts refcounts_;
  Tables tables_;
  std::vector<Refcounts::Run> freed_;  // clusters
  std::vector<bool> is_table_;         // by cluster
  u64 packed_at_ = 0;                  // where the next compressed bytes go; 0: nowhere
  bool writable_ = false;
  std::atomic<bool> failed_ = false;
  bool header_dirty_ = false;
};

}  // namespace mimus::qcow2
