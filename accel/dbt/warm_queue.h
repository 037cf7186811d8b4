// The candidates of the warm tier: translations that have run often. Those that run most often now go first, and those
// that have become idle wait until they run again: what a guest did once while it started is never compiled.
#pragma once

#include <vector>

#include "accel/dbt/code_cache.h"

namespace mimus::dbt {

// Not thread-safe. Translations must outlive their stay in the queue.
class WarmQueue {
 public:
  // Below `min_rate` executions per millisecond a candidate is not worth compiling.
  explicit WarmQueue(u32 min_rate) : min_rate_(min_rate) {}

  void add(TranslatedBlock& translation, u64 now_ns);
  // Takes the candidate with the highest rate of executions lately; null if none is worth it.
  TranslatedBlock* take(u64 now_ns);
  bool empty() const { return candidates_.empty(); }
  void clear() { candidates_.clear(); }

 private:
  struct Candidate {
    TranslatedBlock* translation;
    u64 runs;  // when last looked at
    u64 looked_ns;
    double rate = 0;  // executions per millisecond, smoothed
    u32 looks = 0;
  };
  void look(Candidate& candidate, u64 now_ns) const;

  const u32 min_rate_;
  std::vector<Candidate> candidates_;
};

}  // namespace mimus::dbt
