#include "accel/dbt/warm_queue.h"

#include <algorithm>

namespace mimus::dbt {

namespace {

constexpr u64 kShortestLookNs = 4'000'000;
constexpr u32 kFewestLooks = 3;  // a burst is not worth a compilation
constexpr double kNsPerMs = 1e6;

}  // namespace

void WarmQueue::add(TranslatedBlock& translation, u64 now_ns) {
  candidates_.push_back({&translation, translation.current.load(std::memory_order_acquire)->runs(), now_ns});
}

void WarmQueue::look(Candidate& candidate, u64 now_ns) const {
  const u64 elapsed = now_ns - candidate.looked_ns;
  if (elapsed < kShortestLookNs) return;
  const u64 runs = candidate.translation->current.load(std::memory_order_acquire)->runs();
  const double now = double(runs - candidate.runs) * kNsPerMs / double(elapsed);
  candidate.rate = candidate.looks++ ? (candidate.rate + now) / 2 : now;
  candidate.runs = runs;
  candidate.looked_ns = now_ns;
}

TranslatedBlock* WarmQueue::take(u64 now_ns) {
  std::erase_if(candidates_, [](const Candidate& c) { return !c.translation->valid.load(std::memory_order_relaxed); });
  for (Candidate& candidate : candidates_) look(candidate, now_ns);
  const auto merit = [&](const Candidate& c) { return min_rate_ && c.looks < kFewestLooks ? -1 : c.rate; };
  const auto best = std::ranges::max_element(candidates_, {}, merit);
  if (best == candidates_.end() || merit(*best) < min_rate_) return nullptr;
  TranslatedBlock* translation = best->translation;
  *best = candidates_.back();
  candidates_.pop_back();
  return translation;
}

}  // namespace mimus::dbt
