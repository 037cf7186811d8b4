// Mutual exclusion: atomics, LR/SC and locks made of them, under contention.
#include "stress.h"

enum { COUNTS = 40000, LOCKED = 1500, TICKETS = 60 };

static struct {
  u64 add64, sc64, bits, swapped;
  u32 add32, sc32, neighbour[HARTS];
  int32_t maximum;
  u32 minimum;
} shared __attribute__((aligned(64))) = {.minimum = ~0u, .maximum = INT32_MIN};

static u32 amo_lock, lrsc_lock, next_ticket, serving;
static u64 guarded[3][2];  // both words change together under lock i

static void add_lrsc_64(u64* word, u64 value) {
  u64 old, failed;
  __asm__ volatile("1: lr.d %0, (%2)\n add %0, %0, %3\n sc.d %1, %0, (%2)\n bnez %1, 1b"
                   : "=&r"(old), "=&r"(failed)
                   : "r"(word), "r"(value)
                   : "memory");
}

static void add_lrsc_32(u32* word, u32 value) {
  u64 old, failed;
  __asm__ volatile("1: lr.w.aq %0, (%2)\n addw %0, %0, %3\n sc.w.rl %1, %0, (%2)\n bnez %1, 1b"
                   : "=&r"(old), "=&r"(failed)
                   : "r"(word), "r"(value)
                   : "memory");
}

static void lock_lrsc(u32* lock) {
  u64 old;
  for (u32 turns = 0;; spin(&turns)) {
    __asm__ volatile("1: lr.w.aq %0, (%1)\n bnez %0, 2f\n sc.w %0, %2, (%1)\n bnez %0, 1b\n 2:"
                     : "=&r"(old)
                     : "r"(lock), "r"(1)
                     : "memory");
    if (old == 0) return;
  }
}

static void unlock_store(u32* lock) {
  fence_w();
  STORE(lock, 0);
}

static void enter(int which) {
  u64* pair = guarded[which];
  const u64 a = LOAD(&pair[0]), b = LOAD(&pair[1]);
  CHECK(a == b, a, b);
  STORE(&pair[0], a + 1);
  if ((a & 15) == 0) pause();
  STORE(&pair[1], b + 1);
}

static void count(u64 id) {
  for (u32 i = 0; i < COUNTS; ++i) {
    __asm__ volatile("amoadd.d zero, %1, (%0)" ::"r"(&shared.add64), "r"(i) : "memory");
    __asm__ volatile("amoadd.w.aqrl zero, %1, (%0)" ::"r"(&shared.add32), "r"(1) : "memory");
    __asm__ volatile("amoxor.d zero, %1, (%0)" ::"r"(&shared.bits), "r"((u64)1 << (id * 16 + i % 16)) : "memory");
    __asm__ volatile("amomax.w zero, %1, (%0)" ::"r"(&shared.maximum), "r"(i * HARTS + id) : "memory");
    __asm__ volatile("amominu.w zero, %1, (%0)" ::"r"(&shared.minimum), "r"(COUNTS * HARTS - i * HARTS - id)
                     : "memory");
    add_lrsc_64(&shared.sc64, i);
    add_lrsc_32(&shared.sc32, 1);
    STORE(&shared.neighbour[id], LOAD(&shared.neighbour[id]) + 1);  // alone in the word, not in the line
  }
}

// Values go round through one word: what is put in once comes out once.
static void swap(void) {
  static u64 taken;
  u64 sum = 0;
  for (u64 i = 1; i <= COUNTS; ++i) {
    u64 old;
    __asm__ volatile("amoswap.d %0, %2, (%1)" : "=&r"(old) : "r"(&shared.swapped), "r"(i) : "memory");
    sum += old;
  }
  __asm__ volatile("amoadd.d zero, %1, (%0)" ::"r"(&taken), "r"(sum) : "memory");
  barrier();
  const u64 all = taken + shared.swapped, want = (u64)HARTS * COUNTS * (COUNTS + 1) / 2;
  CHECK(all == want, all, want);
}

static void lock(void) {
  for (int i = 0; i < LOCKED; ++i) {
    lock_amo(&amo_lock), enter(0), unlock_amo(&amo_lock);
    lock_lrsc(&lrsc_lock), enter(1), unlock_store(&lrsc_lock);
  }
  for (int i = 0; i < TICKETS; ++i) {
    u32 mine;
    __asm__ volatile("amoadd.w %0, %2, (%1)" : "=&r"(mine) : "r"(&next_ticket), "r"(1) : "memory");
    for (u32 turns = 0; LOAD(&serving) != mine;) spin(&turns);
    fence_r();
    enter(2);
    fence_w();
    STORE(&serving, mine + 1);
  }
}

void test_locks(void) {
  const u64 id = self()->id, series = (u64)COUNTS * (COUNTS - 1) / 2;
  count(id);
  barrier();
  CHECK(shared.add64 == HARTS * series, shared.add64, HARTS * series);
  CHECK(shared.sc64 == HARTS * series, shared.sc64, HARTS * series);
  CHECK(shared.add32 == HARTS * COUNTS, shared.add32, HARTS * COUNTS);
  CHECK(shared.sc32 == HARTS * COUNTS, shared.sc32, HARTS * COUNTS);
  CHECK(shared.neighbour[id] == COUNTS, shared.neighbour[id], COUNTS);
  u64 bits = 0;
  for (u32 i = 0; i < COUNTS; ++i) bits ^= (u64)0x0001000100010001 << i % 16;
  CHECK(shared.bits == bits, shared.bits, bits);
  CHECK(shared.maximum == COUNTS * HARTS - 1, shared.maximum, COUNTS * HARTS - 1);
  CHECK(shared.minimum == 1, shared.minimum, 1);
  swap();
  lock();
  barrier();
  CHECK(guarded[0][0] == HARTS * LOCKED && guarded[0][1] == HARTS * LOCKED, guarded[0][0], guarded[0][1]);
  CHECK(guarded[1][0] == HARTS * LOCKED && guarded[1][1] == HARTS * LOCKED, guarded[1][0], guarded[1][1]);
  CHECK(guarded[2][0] == HARTS * TICKETS && guarded[2][1] == HARTS * TICKETS, guarded[2][0], guarded[2][1]);
}
