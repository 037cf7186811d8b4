// TIME extension, chapter 6 of the SBI. With Sstc the timer is S-mode's own; otherwise MTIMECMP raises MTIP, which
// is passed on as STIP.
#include "board.h"
#include "csr.h"

void timer_init(void) { write64(CLINT_MTIMECMP(this_hart_id()), ~0ull); }

void timer_expired(void) {
  csr_clear("mie", MIP_MTIP);
  csr_set("mip", MIP_STIP);
}

struct SbiResult time_call(u64 function, const u64* args) {
  if (function != 0) return fail(SBI_ERR_NOT_SUPPORTED);
  if (this_hart()->has_sstc) {
    csr_write(CSR_STIMECMP, args[0]);
    return ok(0);
  }
  write64(CLINT_MTIMECMP(this_hart_id()), args[0]);
  csr_clear("mip", MIP_STIP);
  csr_set("mie", MIP_MTIP);
  return ok(0);
}
