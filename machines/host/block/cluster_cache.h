// A small cache of equally sized byte blocks, the least recently used one giving way. It holds so few entries that
// looking at all of them is the fastest way to find one.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/types.h"

namespace mimus {

class ClusterCache {
 public:
  explicit ClusterCache(size_t entries) : entries_(std::max<size_t>(entries, 1)) {}

  const std::vector<u8>* find(u64 key) {
    for (Entry& entry : entries_) {
      if (entry.key != key || entry.used == 0) continue;
      entry.used = ++now_;
      return &entry.bytes;
    }
    return nullptr;
  }
  // The block to fill; on failure the caller leaves it out by forget().
  std::vector<u8>& insert(u64 key) {
    Entry& oldest = *std::ranges::min_element(entries_, {}, &Entry::used);
    oldest.key = key;
    oldest.used = ++now_;
    return oldest.bytes;
  }
  void forget(u64 key) {
    for (Entry& entry : entries_)
      if (entry.key == key) entry.used = 0;
  }

 private:
  struct Entry {
    u64 key = 0;
    u64 used = 0;  // 0: empty
    std::vector<u8> bytes;
  };
  std::vector<Entry> entries_;
  u64 now_ = 0;
};

}  // namespace mimus
