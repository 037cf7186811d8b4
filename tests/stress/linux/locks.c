// Mutexes (futex system calls under contention), C11 atomics, and a queue between threads; floating point kept over
// switches.
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "stress.h"

enum { LOCKED = 1500, COUNTED = 8000, ITEMS = 600, STEPS = 3000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t pair[2];
static _Atomic uint64_t sum64;
static _Atomic uint32_t sum32;
static _Atomic uint8_t bytes[8];  // sub-word atomics: LR/SC loops of the compiler
static _Atomic uint16_t halves[4];
static uint64_t queue[8], put, taken, taken_sum;

static void count(int thread) {
  for (uint32_t i = 0; i < COUNTED; ++i) {
    atomic_fetch_add(&sum64, i);
    atomic_fetch_add_explicit(&sum32, 1, memory_order_relaxed);
    atomic_fetch_add(&bytes[i & 7], 1);
    uint16_t old = atomic_load(&halves[thread]);
    while (!atomic_compare_exchange_weak(&halves[thread], &old, (uint16_t)(old + 1))) {
    }
  }
}

static void lock(int thread) {
  (void)thread;
  for (int i = 0; i < LOCKED; ++i) {
    pthread_mutex_lock(&mutex);
    CHECK(pair[0] == pair[1], pair[0], pair[1]);
    ++pair[0];
    if (i % 256 == 0) sched_yield();
    ++pair[1];
    pthread_mutex_unlock(&mutex);
  }
}

// Threads 0 and 1 put numbers into a small ring, 2 and 3 take them out.
static void hand_over(int thread) {
  const uint64_t count = sizeof queue / sizeof *queue;
  for (uint64_t i = 0; i < ITEMS; ++i) {
    pthread_mutex_lock(&mutex);
    if (thread < 2) {
      while (put - taken == count) pthread_cond_wait(&changed, &mutex);
      queue[put % count] = put + 1;
      ++put;
    } else {
      while (put == taken) pthread_cond_wait(&changed, &mutex);
      CHECK(queue[taken % count] == taken + 1, queue[taken % count], taken);
      taken_sum += queue[taken++ % count];
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
  }
}

void test_locks(void) {
  memset(pair, 0, sizeof pair);
  sum64 = 0;
  sum32 = 0;
  put = taken = taken_sum = 0;
  for (int i = 0; i < 8; ++i) bytes[i] = 0;
  for (int i = 0; i < 4; ++i) halves[i] = 0;
  together(count);
  const uint64_t want = (uint64_t)THREADS * COUNTED * (COUNTED - 1) / 2;
  CHECK(sum64 == want, sum64, want);
  CHECK(sum32 == THREADS * COUNTED, sum32, THREADS * COUNTED);
  for (int i = 0; i < 8; ++i) CHECK(bytes[i] == (uint8_t)(THREADS * COUNTED / 8), bytes[i], i);
  for (int i = 0; i < THREADS; ++i) CHECK(halves[i] == (uint16_t)COUNTED, halves[i], i);
  together(lock);
  CHECK(pair[0] == THREADS * LOCKED && pair[1] == THREADS * LOCKED, pair[0], pair[1]);
  together(hand_over);
  CHECK(taken_sum == (uint64_t)ITEMS * 2 * (ITEMS * 2 + 1) / 2, taken_sum, taken);
}

// Each thread does the same sums with other numbers and a rounding mode of its own, yielding in between.
static double series(int thread, int yields) {
  double value = 1.0 + thread, product = 1.0;
  for (int i = 1; i <= STEPS; ++i) {
    value = sqrt(value * 1.0000001 + i / 3.0) + 1.0 / i;
    product = fma(product, 0.999, value);
    if (yields && i % 500 == 0) sched_yield();
  }
  return product;
}

static void set_rounding(uint64_t mode) { __asm__ volatile("fsrm %0" ::"r"(mode)); }

static void compute(int thread) {
  set_rounding((uint64_t)thread);
  const double alone = series(thread, 0);
  meet();
  const double first = series(thread, 1);
  uint64_t a, b, mode;
  memcpy(&a, &alone, sizeof a), memcpy(&b, &first, sizeof b);
  CHECK(a == b, a, b);
  __asm__ volatile("frrm %0" : "=r"(mode));
  CHECK(mode == (uint64_t)thread, mode, thread);
  set_rounding(0);
}

void test_floating(void) { together(compute); }
