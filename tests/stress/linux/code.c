// Functions written at run time and called by all threads; made known by the riscv_flush_icache system call.
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stress.h"

enum { SLOTS = 16, SLOT_BYTES = 32, STEPS = 150, FRESH = 12 };

static uint8_t* area;
static struct {
  _Atomic uint64_t sequence;  // odd while the slot changes
  _Atomic uint32_t value;
} slots[SLOTS];
static pthread_mutex_t writer = PTHREAD_MUTEX_INITIALIZER;

static void flush(void* from, void* to) {
  const long result = syscall(259 /* riscv_flush_icache */, from, to, 0UL);
  CHECK(result == 0, result, from);
}

static uint32_t load_value(uint32_t value) { return (value & 0x7ff) << 20 | 10 << 7 | 0x13; }  // addi a0, zero, value

static void write_function(uint8_t* at, uint32_t value) {
  volatile uint32_t* code = (volatile uint32_t*)at;
  code[1] = 0x01400293;  // addi t0, zero, 20
  code[2] = 0xfff28293;  // addi t0, t0, -1
  code[3] = 0xfe029ee3;  // bnez t0, .-4
  code[4] = 0x00008067;  // ret
  code[0] = load_value(value);
}

static uint32_t call(const uint8_t* at) { return ((uint32_t (*)(void))(uintptr_t)at)(); }

static void rewrite(void) {
  pthread_mutex_lock(&writer);
  const unsigned slot = next_random() % SLOTS;
  const uint32_t value = next_random() & 0x7ff;
  atomic_fetch_add(&slots[slot].sequence, 1);
  *(volatile uint32_t*)(area + slot * SLOT_BYTES) = load_value(value);
  flush(area, area + SLOTS * SLOT_BYTES);
  atomic_store(&slots[slot].value, value);
  atomic_fetch_add(&slots[slot].sequence, 1);
  pthread_mutex_unlock(&writer);
}

static void use(int thread) {
  (void)thread;
  for (int step = 0; step < STEPS; ++step) {
    if (next_random() % 8 == 0) rewrite();
    const unsigned slot = next_random() % SLOTS;
    const uint64_t before = atomic_load(&slots[slot].sequence);
    const uint32_t want = atomic_load(&slots[slot].value);
    const uint32_t got = call(area + slot * SLOT_BYTES);
    if (!(before & 1) && atomic_load(&slots[slot].sequence) == before) CHECK(got == want, got, want);
  }
}

// New pages at addresses that held other code before.
static void fresh(int thread) {
  for (uint32_t i = 0; i < FRESH; ++i) {
    uint8_t* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED, page, i);
    const uint32_t value = i * THREADS + (uint32_t)thread;
    write_function(page, value);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    flush(page, page + 4096);
    for (int again = 0; again < 3; ++again) {
      const uint32_t got = call(page);
      CHECK(got == value, got, value);
    }
    munmap(page, 4096);
  }
}

void test_code(void) {
  area = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED, area, 0);
  for (uint32_t i = 0; i < SLOTS; ++i) {
    write_function(area + i * SLOT_BYTES, i);
    slots[i].value = i;
  }
  flush(area, area + 4096);
  together(use);
  munmap(area, 4096);
  together(fresh);
}
