// HostIndex: which piece of code a host address lies in, for signal handlers: lookups are async-signal-safe and take no
// lock. One word per 16 bytes of code memory, which code starts are multiples of; the host backs what is used.
#pragma once

#include <atomic>
#include <span>

#include "core/base/types.h"
#include "core/engine/engine.h"

namespace mimus::dbt {

class HostIndex {
 public:
  HostIndex() = default;
  ~HostIndex();
  HostIndex(const HostIndex&) = delete;

  // Once, before anything else: code lies within [start, start + bytes).
  void cover(u64 start, u64 bytes);
  // Under the code-cache lock. Code stays known until clear(), during which nobody looks anything up.
  void add(const Code& code);
  void clear();

  const Code* find(u64 host_pc) const;
  // Where the thread goes on whose access to flat memory at `host_pc` has faulted; 0: no such access.
  u64 landing(u64 host_pc) const;

 private:
  static constexpr u64 kGranule = 16;
  std::span<std::atomic<const Code*>> words_;
  u64 start_ = 0, bytes_ = 0;
};

}  // namespace mimus::dbt
