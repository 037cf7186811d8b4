// Counting the references of an image, and comparing them with its reference counts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "machines/host/block/qcow2/layout.h"
#include "machines/host/block/qcow2/metadata.h"
#include "machines/host/block/qcow2/snapshot_table.h"

namespace mimus::qcow2 {

// Called now and then; may be empty.
using Progress = std::function<void(u64 done, u64 total)>;

struct CheckReport {
  u64 errors = 0;       // data is lost or can be lost
  u64 leaks = 0;        // clusters that are counted but not used: wasted space only
  u64 stale_flags = 0;  // copied flags that are not set: slower, nothing else
  u64 data_clusters = 0, compressed_clusters = 0, disk_clusters = 0;  // of the active disk
  u64 file_clusters = 0;
  std::vector<std::string> messages;  // the first ones

  bool clean() const { return errors + leaks + stale_flags == 0; }
};

// How often each cluster of the file is used, by walking through everything that points to one.
class Census {
 public:
  explicit Census(Metadata& metadata);
  // `with_refcounts`: the refcount table and its blocks are in use, too.
  Expected<void> run(bool with_refcounts, const Progress& progress);

  std::vector<u32> counts;  // by cluster
  CheckReport report;
  void error(std::string message);

 private:
  enum class Kind : u8 { none, single, l2_table, data };
  bool use(u64 offset, u64 bytes, Kind kind, std::string_view what);
  Expected<void> tree(const std::vector<u64>& l1, bool active, const Progress& progress);
  void table(const L2Table& table, u64 l1_index, bool active);
  void refcounts();
  void bitmaps();
  Expected<std::vector<u64>> read_table(u64 offset, u64 entries) const;

  Metadata& metadata_;
  const Header& header_;
  std::vector<Kind> kinds_;
  std::string whose_;  // "snapshot 1: ", for messages
};

// For an image that nothing was changed in since it was opened. Errors only if it cannot be read.
Expected<CheckReport> check(Metadata& metadata, const Progress& progress);

}  // namespace mimus::qcow2
