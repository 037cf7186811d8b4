// TLB maintenance that one CPU asks of all (CpuPort::flush_tlb_everywhere).
//
// The asking CPU puts the flush into the inbox of every other one and makes it leave generated code soon. A CPU empties
// its inbox before it goes on with guest code. One that is asleep counts as having done so: it looks when it wakes.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "core/engine/port.h"
#include "core/state/cpu.h"

namespace mimus::dbt {

class TlbBroadcast {
 public:
  explicit TlbBroadcast(u32 cpus);
  void join(u32 cpu, CpuState& state) { inboxes_[cpu]->state = &state; }  // before any CPU runs

  bool alone() const { return inboxes_.size() == 1; }
  void post(u32 from, const TlbFlush& flush);
  bool done(u32 from) const;  // all others have done what `from` has posted

  void set_asleep(u32 cpu, bool asleep) { inboxes_[cpu]->asleep.store(asleep); }
  bool asleep(u32 cpu) const { return inboxes_[cpu]->asleep.load(); }
  // Calls flush(TlbFlush) for everything in the CPU's inbox.
  template <class Flush>
  void take(u32 cpu, Flush flush) {
    Inbox& inbox = *inboxes_[cpu];
    if (inbox.posted.load() == inbox.finished.load(std::memory_order_relaxed)) return;
    std::lock_guard lock(inbox.mutex);
    for (const TlbFlush& f : inbox.flushes) flush(f);
    inbox.flushes.clear();
    inbox.finished.store(inbox.posted.load());
  }

 private:
  struct Inbox {
    CpuState* state = nullptr;
    std::mutex mutex;
    std::vector<TlbFlush> flushes;
    std::atomic<u64> posted{0}, finished{0};
    std::atomic<bool> asleep{true};
    std::vector<u64> awaited;  // by CPU: its `posted` after this one's last flush; this CPU's thread only
  };
  std::vector<std::unique_ptr<Inbox>> inboxes_;
};

}  // namespace mimus::dbt
