// Parallel stress without an operating system: test code runs in S-mode under Sv39 on four harts; all traps go to a
// small handler in M-mode, which also does remote fences, WFI waits and timer waits.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

typedef struct Hart {
  u64 id;
  u64 resume, resume_sp;  // where a fault continues; 0: a fault is a failure
  u64 cause, tval;        // of the last fault
  u64 requests;           // REQUEST_*, from other harts
  u64 acknowledged;       // count of request rounds done
  u64 random;
  u64 regs[32];  // at a trap
} __attribute__((aligned(HART_SIZE))) Hart;

_Static_assert(offsetof(Hart, id) == HART_ID && offsetof(Hart, resume) == HART_RESUME, "layout.h");
_Static_assert(offsetof(Hart, resume_sp) == HART_RESUME_SP && offsetof(Hart, cause) == HART_CAUSE, "layout.h");
_Static_assert(offsetof(Hart, tval) == HART_TVAL, "layout.h");
_Static_assert(offsetof(Hart, regs) == HART_REGS && sizeof(Hart) == HART_SIZE, "layout.h");

extern Hart harts[HARTS];

enum { REQUEST_FENCE_I = 1, REQUEST_SFENCE = 2 };
enum Cause {
  FETCH_MISALIGNED = 0,
  LOAD_MISALIGNED = 4,
  LOAD_ACCESS = 5,
  STORE_MISALIGNED = 6,
  STORE_ACCESS = 7,
  ECALL_S = 9,
  FETCH_PAGE = 12,
  LOAD_PAGE = 13,
  STORE_PAGE = 15,
};

static inline Hart* self(void) {
  Hart* hart;
  __asm__("mv %0, tp" : "=r"(hart));
  return hart;
}

// ---- start.S ----
u64 guarded_call(u64 (*function)(u64), u64 argument);
u64 guarded_load_1(const void*), guarded_load_2(const void*), guarded_load_4(const void*), guarded_load_8(const void*);
void guarded_store_1(void*, u64), guarded_store_2(void*, u64), guarded_store_4(void*, u64), guarded_store_8(void*, u64);
u64 guarded_lr(const void*), guarded_amoadd(void*, u64);

// ---- main.c, trap.c ----
void print(const char* text);
void fail(const char* file, u64 line, u64 a, u64 b) __attribute__((noreturn));
#define CHECK(condition, a, b) ((condition) ? (void)0 : fail(__FILE__, __LINE__, (u64)(a), (u64)(b)))
void barrier(void);                              // of all harts; sleeps in WFI
void wait_for_change(const u32* word, u32 old);  // sleeps until *word != old; the changer calls wake_all()
void wait_for_time(u64 ticks);                   // by a timer interrupt
void wake_all(void);
void remote(u64 request);  // REQUEST_* on every other hart; returns when all have done it
u64 hart_root(void);       // satp value

static inline u64 next_random(void) {
  u64 x = self()->random;
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return self()->random = x;
}

// ---- primitives ----
static inline void fence_i(void) { __asm__ volatile("fence.i" ::: "memory"); }
static inline void fence_rw(void) { __asm__ volatile("fence rw, rw" ::: "memory"); }
static inline void fence_r(void) { __asm__ volatile("fence r, rw" ::: "memory"); }
static inline void fence_w(void) { __asm__ volatile("fence rw, w" ::: "memory"); }
static inline void pause(void) { __asm__ volatile(".4byte 0x0100000f" ::: "memory"); }
static inline void sfence_all(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
static inline void sfence_page(u64 va) { __asm__ volatile("sfence.vma %0, zero" ::"r"(va) : "memory"); }
static inline void sfence_asid(u64 asid) { __asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory"); }
static inline void sfence_page_asid(u64 va, u64 asid) {
  __asm__ volatile("sfence.vma %0, %1" ::"r"(va), "r"(asid) : "memory");
}

#define LOAD(p) (*(volatile __typeof__(*(p))*)(p))
#define STORE(p, v) (*(volatile __typeof__(*(p))*)(p) = (v))

// One more turn of a spin loop; now and then it sleeps for 20 us, as the host may have fewer CPUs than the guest.
static inline void spin(u32* turns) {
  pause();
  if (++*turns % 256 == 0) wait_for_time(200);
}

// A lock of one word, by amoswap.
static inline void lock_amo(u32* lock) {
  u32 old;
  for (u32 turns = 0;; spin(&turns)) {
    __asm__ volatile("amoswap.w.aq %0, %2, (%1)" : "=&r"(old) : "r"(lock), "r"(1) : "memory");
    if (old == 0) return;
  }
}
static inline void unlock_amo(u32* lock) { __asm__ volatile("amoswap.w.rl zero, zero, (%0)" ::"r"(lock) : "memory"); }

// ---- the groups ----
void test_locks(void);
void test_order(void);
void test_code(void);
void test_paging(void);
void test_address_spaces(void);
void test_misaligned(void);
void test_interrupts(void);
