#include "accel/dbt/user_code_memory.h"

#include "core/memory/guarded.h"

namespace mimus::dbt {

std::span<const u8> UserCodeMemory::read(GuestPa pa, u32 bytes, u8* copy) const {
  if (pa >= memory_.limit() || !memory_.executable(align_down(pa, kPageSize))) return {};
  if (!guarded_copy(copy, memory_.base() + pa, bytes).ok()) return {};
  return {copy, bytes};
}

}  // namespace mimus::dbt
