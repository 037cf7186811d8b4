#include "accel/dbt/system_code_memory.h"

namespace mimus::dbt {

std::atomic<u8>* SystemCodeMemory::marks(GuestPa page) const {
  const MemoryRange* range = memory_.find(page);
  return range && range->marks ? &range->marks[(page - range->base) >> kPageBits] : nullptr;
}

CodeMemory::Watch SystemCodeMemory::watch(GuestPa page) {
  std::atomic<u8>* mark = marks(page);
  if (!mark) return Watch::failed;
  const u8 before = mark->fetch_or(kPageHasCode);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!(before & kPageWriteFast)) return Watch::watched;
  mark->fetch_and(u8(~kPageWriteFast));
  if (remove_write_paths_) remove_write_paths_(page);
  return Watch::racing;
}

void SystemCodeMemory::unwatch(GuestPa page) {
  if (std::atomic<u8>* mark = marks(page)) mark->fetch_and(u8(~kPageHasCode));
}

}  // namespace mimus::dbt
