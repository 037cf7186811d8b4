// Requests between harts through MSIP of the CLINT, and the IPI extension (chapter 7 of the SBI).
#include "board.h"
#include "csr.h"

void ipi_send(u32 hart, u32 kind) {
  __atomic_fetch_or(&harts[hart].ipi, kind, __ATOMIC_RELEASE);
  __asm__ volatile("fence rw, o" ::: "memory");
  write32(CLINT_MSIP(hart), 1);
}

// MSIP is cleared before the request is read: a request that arrives in between raises it again.
void ipi_serve(void) {
  write32(CLINT_MSIP(this_hart_id()), 0);
  __asm__ volatile("fence o, rw" ::: "memory");
  u32 kind = __atomic_exchange_n(&this_hart()->ipi, 0, __ATOMIC_ACQ_REL);
  if (kind & IPI_SOFTWARE) csr_set("mip", MIP_SSIP);
  if (kind & IPI_FENCE) fence_serve();
}

struct SbiResult ipi_call(u64 function, const u64* args) {
  u32 selected;
  if (function != 0) return fail(SBI_ERR_NOT_SUPPORTED);
  if (!select_harts(args[0], args[1], &selected)) return fail(SBI_ERR_INVALID_PARAM);
  for (u32 hart = 0; hart < MAX_HARTS; ++hart) {
    if (selected >> hart & 1) ipi_send(hart, IPI_SOFTWARE);
  }
  return ok(0);
}
