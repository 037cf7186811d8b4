// Hart State Management, chapter 9 of the SBI.
#include "csr.h"

static Lock hsm_lock;

void hart_serve_until_started(void) {
  struct Hart* self = this_hart();
  csr_write("mie", MIP_MSIP);
  while (__atomic_load_n(&self->state, __ATOMIC_ACQUIRE) != HART_START_PENDING) {
    __asm__ volatile("wfi");
    ipi_serve();
  }
  u64 address = self->start_address, argument = self->start_argument;
  __atomic_store_n(&self->state, HART_STARTED, __ATOMIC_RELEASE);
  enter_supervisor(address, argument);
}

static struct SbiResult hart_start(u64 hart, u64 address, u64 argument) {
  if (hart >= MAX_HARTS || !(present_harts >> hart & 1)) return fail(SBI_ERR_INVALID_PARAM);
  if (in_firmware(address, 4)) return fail(SBI_ERR_INVALID_ADDRESS);
  struct Hart* target = &harts[hart];
  lock(&hsm_lock);
  bool stopped = target->state == HART_STOPPED;
  if (stopped) {
    target->start_address = address;
    target->start_argument = argument;
    __atomic_store_n(&target->state, HART_START_PENDING, __ATOMIC_RELEASE);
  }
  unlock(&hsm_lock);
  if (!stopped) return fail(SBI_ERR_ALREADY_AVAILABLE);
  ipi_send((u32)hart, IPI_WAKE);
  return ok(0);
}

static void hart_stop(void) {
  __atomic_store_n(&this_hart()->state, HART_STOPPED, __ATOMIC_RELEASE);
  hart_serve_until_started();
}

static struct SbiResult hart_status(u64 hart) {
  if (hart >= MAX_HARTS || !(present_harts >> hart & 1)) return fail(SBI_ERR_INVALID_PARAM);
  return ok(__atomic_load_n(&harts[hart].state, __ATOMIC_ACQUIRE));
}

// Sleeps until an interrupt that S-mode has enabled is pending; requests of other harts are served meanwhile.
static void sleep_until_interrupt(void) {
  const u64 delegated = csr_read("mideleg");
  while ((csr_read("mip") & csr_read("mie") & delegated) == 0) {
    __asm__ volatile("wfi");
    if (csr_read("mip") & MIP_MSIP) ipi_serve();
    if (csr_read("mip") & csr_read("mie") & MIP_MTIP) timer_expired();
  }
}

enum { SUSPEND_RETENTIVE = 0, SUSPEND_NON_RETENTIVE = 0x80000000u };

static struct SbiResult hart_suspend(u32 type, u64 address, u64 argument) {
  if (type != SUSPEND_RETENTIVE && type != SUSPEND_NON_RETENTIVE) {
    bool reserved = (type & 0x7fffffff) < 0x10000000;
    return fail(reserved ? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED);
  }
  if (type == SUSPEND_NON_RETENTIVE && in_firmware(address, 4)) return fail(SBI_ERR_INVALID_ADDRESS);
  struct Hart* self = this_hart();
  __atomic_store_n(&self->state, HART_SUSPENDED, __ATOMIC_RELEASE);
  sleep_until_interrupt();
  __atomic_store_n(&self->state, HART_STARTED, __ATOMIC_RELEASE);
  if (type == SUSPEND_RETENTIVE) return ok(0);
  enter_supervisor(address, argument);
}

struct SbiResult hsm_call(u64 function, const u64* args) {
  switch (function) {
    case 0: return hart_start(args[0], args[1], args[2]);
    case 1: hart_stop(); return fail(SBI_ERR_FAILED);
    case 2: return hart_status(args[0]);
    case 3: return hart_suspend((u32)args[0], args[1], args[2]);
    default: return fail(SBI_ERR_NOT_SUPPORTED);
  }
}
