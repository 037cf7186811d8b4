#include "accel/dbt/tlb_broadcast.h"

namespace mimus::dbt {
namespace {

constexpr size_t kMostFlushes = 64;  // one of everything costs less than more

}  // namespace

TlbBroadcast::TlbBroadcast(u32 cpus) {
  for (u32 i = 0; i < cpus; ++i) {
    inboxes_.push_back(std::make_unique<Inbox>());
    inboxes_.back()->awaited.resize(cpus);
  }
}

void TlbBroadcast::post(u32 from, const TlbFlush& flush) {
  for (u32 cpu = 0; cpu < inboxes_.size(); ++cpu) {
    if (cpu == from) continue;
    Inbox& inbox = *inboxes_[cpu];
    {
      std::lock_guard lock(inbox.mutex);
      if (inbox.flushes.size() >= kMostFlushes)
        inbox.flushes.assign(1, {});
      else
        inbox.flushes.push_back(flush);
      inboxes_[from]->awaited[cpu] = inbox.posted.fetch_add(1) + 1;
    }
    inbox.state->exit_request.store(1, std::memory_order_release);
  }
}

// A CPU that wakes clears `asleep` and then looks into its inbox: one that is seen asleep here finds what was posted.
bool TlbBroadcast::done(u32 from) const {
  for (u32 cpu = 0; cpu < inboxes_.size(); ++cpu) {
    const Inbox& inbox = *inboxes_[cpu];
    if (cpu != from && inbox.finished.load() < inboxes_[from]->awaited[cpu] && !inbox.asleep.load()) return false;
  }
  return true;
}

}  // namespace mimus::dbt
