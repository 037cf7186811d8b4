#include "accel/dbt/host_index.h"

#include <sys/mman.h>

#include <algorithm>

namespace mimus::dbt {

using Word = std::atomic<const Code*>;

HostIndex::~HostIndex() {
  if (!words_.empty()) munmap(words_.data(), words_.size_bytes());
}

void HostIndex::cover(u64 start, u64 bytes) {
  start_ = start;
  bytes_ = bytes;
  const size_t count = bytes / kGranule + 1;
  void* memory =
      mmap(nullptr, count * sizeof(Word), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory != MAP_FAILED) words_ = {static_cast<Word*>(memory), count};  // else no access is ever found
}

void HostIndex::add(const Code& code) {
  const u64 offset = u64(code.host_bytes().data()) - start_;
  if (offset < bytes_ && !words_.empty()) words_[offset / kGranule].store(&code, std::memory_order_release);
}

void HostIndex::clear() {
  if (!words_.empty()) madvise(words_.data(), words_.size_bytes(), MADV_DONTNEED);
}

const Code* HostIndex::find(u64 host_pc) const {
  const u64 offset = host_pc - start_;
  if (offset >= bytes_ || words_.empty()) return nullptr;
  for (u64 i = offset / kGranule + 1; i-- > 0;) {
    const Code* code = words_[i].load(std::memory_order_acquire);
    if (!code) continue;
    const auto bytes = code->host_bytes();
    return host_pc - u64(bytes.data()) < bytes.size() ? code : nullptr;
  }
  return nullptr;
}

u64 HostIndex::landing(u64 host_pc) const {
  const Code* code = find(host_pc);
  if (!code) return 0;
  const u64 start = u64(code->host_bytes().data());
  const auto faults = code->faults();
  const auto at = std::ranges::lower_bound(faults, host_pc - start, {}, &FaultEntry::host_offset);
  return at != faults.end() && start + at->host_offset == host_pc ? start + at->landing : 0;
}

}  // namespace mimus::dbt
