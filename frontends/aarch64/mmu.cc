#include "frontends/aarch64/mmu.h"

#include "frontends/aarch64/exception.h"

namespace mimus::aarch64 {

// D8.2.12: with translation off every address is its own translation, as far as the physical addresses reach.
WalkResult walk(Aarch64State&, PhysicalMemory&, GuestVa va, Access access, unsigned) {
  constexpr unsigned kPhysicalBits = 48;
  if (va >> kPhysicalBits) return abort_fault(va, access, 0);  // address size fault, level 0
  Translation t;
  t.page = va & ~kPageMask;
  t.readable = t.writable = t.executable = t.global = true;
  t.mapping_size = kPageSize;
  return t;
}

}  // namespace mimus::aarch64
