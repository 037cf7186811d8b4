// What arrives in M-mode: ecalls of the kernel, MSIP, MTIP; the rest is handed down.
#include "csr.h"

struct Frame {  // the order of trap_entry in start.S
  u64 ra, a[8], t[7], sp;
};

static void handle_ecall(struct Frame* frame) {
  const u64 extension = frame->a[7];
  struct SbiResult result = sbi_dispatch(extension, frame->a[6], frame->a);
  frame->a[0] = (u64)result.error;
  if (extension > 0x0f) frame->a[1] = result.value;  // legacy calls return a0 alone
  csr_write("mepc", csr_read("mepc") + 4);
}

// Takes the trap again, as if medeleg had sent it to S-mode (medeleg bits may be read-only zero).
static void redirect_to_supervisor(u64 cause) {
  u64 mstatus = csr_read("mstatus");
  u64 previous = mstatus >> MSTATUS_MPP_SHIFT & 3;
  csr_write("scause", cause);
  csr_write("sepc", csr_read("mepc"));
  csr_write("stval", csr_read("mtval"));
  csr_write("mepc", csr_read("stvec") & ~3ull);
  u64 next = mstatus & ~(MSTATUS_MPP | MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE);
  next |= MODE_S << MSTATUS_MPP_SHIFT;
  if (previous == MODE_S) next |= MSTATUS_SPP;
  if (mstatus & MSTATUS_SIE) next |= MSTATUS_SPIE;
  csr_write("mstatus", next);
}

void trap_handler(struct Frame* frame) {
  u64 cause = csr_read("mcause");
  switch (cause) {
    case CAUSE_ECALL_S: handle_ecall(frame); return;
    case CAUSE_MSI: ipi_serve(); return;
    case CAUSE_MTI: timer_expired(); return;
    default: redirect_to_supervisor(cause); return;
  }
}

__attribute__((noreturn)) void trap_in_firmware(void) {
  print("\nmimus-sbi: trap in the firmware, mcause ");
  print_hex(csr_read("mcause"));
  print(" mepc ");
  print_hex(csr_read("mepc"));
  print(" mtval ");
  print_hex(csr_read("mtval"));
  print("\n");
  for (;;) __asm__ volatile("wfi");
}
