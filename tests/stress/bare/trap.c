// M-mode: faults that tests provoke, remote fences, and waits that sleep.
#include "stress.h"

#define CLINT_MSIP(hart) ((volatile u32*)0x2000000 + (hart))
#define CLINT_MTIMECMP(hart) ((volatile u64*)0x2004000 + (hart))
#define CLINT_MTIME ((volatile u64*)0x200bff8)

enum { MSIP = 8, MTIP = 0x80, INTERRUPT_SOFTWARE = 3 };
enum { CALL_WAIT_CHANGE = 1, CALL_WAIT_TIME = 2 };

static u32 request_lock;

static u64 call(u64 number, u64 a, u64 b) {
  register u64 a0 __asm__("a0") = a;
  register u64 a1 __asm__("a1") = b;
  register u64 a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
  return a0;
}

void wait_for_change(const u32* word, u32 old) { call(CALL_WAIT_CHANGE, (u64)word, old); }
void wait_for_time(u64 ticks) { call(CALL_WAIT_TIME, ticks, 0); }

void wake_all(void) {
  fence_rw();
  for (u64 hart = 0; hart < HARTS; ++hart) {
    if (hart != self()->id) *CLINT_MSIP(hart) = 1;
  }
}

void remote(u64 request) {
  u64 before[HARTS];
  lock_amo(&request_lock);
  for (u64 hart = 0; hart < HARTS; ++hart) {
    if (hart == self()->id) continue;
    before[hart] = LOAD(&harts[hart].acknowledged);
    __atomic_fetch_or(&harts[hart].requests, request, __ATOMIC_RELEASE);
  }
  wake_all();
  for (u64 hart = 0; hart < HARTS; ++hart) {
    if (hart == self()->id) continue;
    for (u32 turns = 0; LOAD(&harts[hart].acknowledged) == before[hart];) spin(&turns);
  }
  fence_rw();
  unlock_amo(&request_lock);
}

static void serve(Hart* hart) {
  *CLINT_MSIP(hart->id) = 0;
  fence_rw();
  const u64 requests = __atomic_exchange_n(&hart->requests, 0, __ATOMIC_ACQ_REL);
  if (requests & REQUEST_FENCE_I) fence_i();
  if (requests & REQUEST_SFENCE) sfence_all();
  if (requests) __atomic_fetch_add(&hart->acknowledged, 1, __ATOMIC_RELEASE);
}

static u64 pending(void) {
  u64 value;
  __asm__ volatile("csrr %0, mip" : "=r"(value));
  return value;
}

// Interrupts are off in M-mode, so nothing is lost between the look at the word and WFI, which wakes on a pending one.
static void wait_change(Hart* hart, const u32* word, u32 old) {
  while (LOAD(word) == old) {
    __asm__ volatile("wfi" ::: "memory");
    if (pending() & MSIP) serve(hart);
  }
  fence_rw();
}

static void wait_time(Hart* hart, u64 ticks) {
  const u64 until = *CLINT_MTIME + ticks;
  *CLINT_MTIMECMP(hart->id) = until;
  __asm__ volatile("csrs mie, %0" ::"r"(MTIP));
  while (!(pending() & MTIP)) {
    __asm__ volatile("wfi" ::: "memory");
    if (pending() & MSIP) serve(hart);
  }
  __asm__ volatile("csrc mie, %0" ::"r"(MTIP));
  CHECK(*CLINT_MTIME >= until, *CLINT_MTIME, until);
  *CLINT_MTIMECMP(hart->id) = ~(u64)0;
}

static void handle_call(Hart* hart) {
  const u64 a0 = hart->regs[10], a1 = hart->regs[11];
  switch (hart->regs[17]) {
    case CALL_WAIT_CHANGE: wait_change(hart, (const u32*)a0, (u32)a1); break;
    case CALL_WAIT_TIME: wait_time(hart, a0); break;
    default: fail("ecall", hart->regs[17], a0, a1);
  }
}

void trap(Hart* hart) {
  u64 cause, epc, tval;
  __asm__ volatile("csrr %0, mcause" : "=r"(cause));
  __asm__ volatile("csrr %0, mepc" : "=r"(epc));
  __asm__ volatile("csrr %0, mtval" : "=r"(tval));
  if (cause >> 63) {
    if ((cause & 0xff) != INTERRUPT_SOFTWARE) fail("interrupt", cause & 0xff, epc, pending());
    serve(hart);
    return;
  }
  if (cause == ECALL_S) {
    handle_call(hart);
    epc += 4;
  } else if (hart->resume) {
    hart->cause = cause, hart->tval = tval;
    if (cause == FETCH_PAGE) hart->regs[2] = hart->resume_sp;
    epc = hart->resume;
  } else {
    fail("exception", cause, epc, tval);
  }
  __asm__ volatile("csrw mepc, %0" ::"r"(epc));
}
