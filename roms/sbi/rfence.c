// RFENCE extension, chapter 8 of the SBI: fences on other harts, finished before the call returns.
//
// The caller fills its own FenceRequest, marks itself in fence_sources of each target and waits until every target
// has taken its bit out of `waiting`. Interrupts are off in M-mode, so a waiting hart serves the requests of others
// itself; two harts that fence each other at once cannot lock up.
#include "csr.h"

#define PAGE 4096ull
#define MAX_SINGLE_PAGES 64ull  // beyond this one full fence is cheaper

static void run_fence_i(const struct FenceRequest* request) {
  (void)request;
  __asm__ volatile("fence.i" ::: "memory");
}

static bool covers_everything(const struct FenceRequest* request) {
  return request->size == ~0ull || (request->start == 0 && request->size == 0) ||
         request->size > MAX_SINGLE_PAGES * PAGE;
}

static void run_sfence_vma(const struct FenceRequest* request) {
  if (covers_everything(request)) {
    __asm__ volatile("sfence.vma" ::: "memory");
    return;
  }
  for (u64 offset = 0; offset < request->size; offset += PAGE) {
    __asm__ volatile("sfence.vma %0" ::"r"(request->start + offset) : "memory");
  }
}

static void run_sfence_vma_asid(const struct FenceRequest* request) {
  if (covers_everything(request)) {
    __asm__ volatile("sfence.vma zero, %0" ::"r"(request->asid) : "memory");
    return;
  }
  for (u64 offset = 0; offset < request->size; offset += PAGE) {
    __asm__ volatile("sfence.vma %0, %1" ::"r"(request->start + offset), "r"(request->asid) : "memory");
  }
}

void fence_serve(void) {
  u32 self = this_hart_id();
  u32 sources = __atomic_exchange_n(&harts[self].fence_sources, 0, __ATOMIC_ACQ_REL);
  for (u32 source = 0; source < MAX_HARTS; ++source) {
    if (!(sources >> source & 1)) continue;
    struct FenceRequest* request = &harts[source].fence;
    request->run(request);
    __atomic_fetch_and(&request->waiting, ~(1u << self), __ATOMIC_RELEASE);
  }
}

// A stopped hart holds no translations and no fetched code that matters: enter_supervisor fences everything after
// the state has become HART_STARTED. Whoever still reads another state has its writes seen by that fence.
static bool needs_fence(u32 hart) {
  u32 state = __atomic_load_n(&harts[hart].state, __ATOMIC_ACQUIRE);
  return state == HART_STARTED || state == HART_SUSPENDED;
}

static struct SbiResult remote_fence(u32 selected, const struct FenceRequest* wanted) {
  u32 self = this_hart_id(), targets = 0;
  struct FenceRequest* request = &harts[self].fence;
  __atomic_thread_fence(__ATOMIC_SEQ_CST);  // the caller's page-table writes before the states
  for (u32 hart = 0; hart < MAX_HARTS; ++hart) {
    if (hart != self && (selected >> hart & 1) && needs_fence(hart)) targets |= 1u << hart;
  }
  request->run = wanted->run;
  request->start = wanted->start;
  request->size = wanted->size;
  request->asid = wanted->asid;
  __atomic_store_n(&request->waiting, targets, __ATOMIC_RELEASE);
  for (u32 hart = 0; hart < MAX_HARTS; ++hart) {
    if (!(targets >> hart & 1)) continue;
    __atomic_fetch_or(&harts[hart].fence_sources, 1u << self, __ATOMIC_RELEASE);
    ipi_send(hart, IPI_FENCE);
  }
  if (selected >> self & 1) request->run(request);
  while (__atomic_load_n(&request->waiting, __ATOMIC_ACQUIRE) != 0) {
    fence_serve();
    pause_hint();
  }
  return ok(0);
}

struct SbiResult rfence_call(u64 function, const u64* args) {
  static void (*const run[])(const struct FenceRequest*) = {run_fence_i, run_sfence_vma, run_sfence_vma_asid};
  u32 selected;
  if (function >= sizeof run / sizeof run[0]) return fail(SBI_ERR_NOT_SUPPORTED);  // HFENCE: there is no H extension
  if (!select_harts(args[0], args[1], &selected)) return fail(SBI_ERR_INVALID_PARAM);
  struct FenceRequest request = {.run = run[function], .start = args[2], .size = args[3], .asid = args[4]};
  return remote_fence(selected, &request);
}
