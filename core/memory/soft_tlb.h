// The software TLB entry that generated code looks at, and the fast-path rule.
//
// Fast path of an access of `size` bytes at `va`:
//     e = tlb + ((va >> (12 - 5)) & tlb_mask)              (tlb_mask = (entries - 1) * 32)
//     hit  <=>  ((va + size - 1) & ~0xfff) == e.read_tag   (write_tag for stores and read-modify-writes)
//     host = va + e.addend
// An access that crosses a page misses, because its last byte has another page number than the entry of its first.
// `Align::natural` accesses also compare the low address bits: misaligned ones miss. A tag with any of its low 12 bits
// set never hits: that is how invalid entries, devices, code pages (for writes) and watched pages are marked.
#pragma once

#include <atomic>

#include "core/base/types.h"

namespace mimus {

struct TlbEntry {
  static constexpr u64 kInvalid = ~u64{0};
  std::atomic<u64> read_tag{kInvalid};
  std::atomic<u64> write_tag{kInvalid};  // other threads may set it to kInvalid (relaxed) when a page becomes code
  u64 addend = 0;                        // host address - guest virtual address
  u64 page = ~u64{0};                    // guest physical address of the page
};
static_assert(sizeof(TlbEntry) == 32);

inline constexpr unsigned kTlbEntryShift = 5;
inline constexpr unsigned kMaxRegimes = 8;  // translation regimes of an ISA (RISC-V: bare, S, S+SUM, U)

}  // namespace mimus
