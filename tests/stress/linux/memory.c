// Mappings that come, go and change their protection while other threads use them; faults that become signals;
// processes.
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

enum { PAGE = 4096, PAGES = 16, STEPS = 60, FAULTS = 60, CHILDREN = 3 };

static uint8_t* shared;
static _Thread_local sigjmp_buf resume;
static _Thread_local volatile sig_atomic_t expecting;
static _Thread_local void* volatile fault_address;

static void on_fault(int number, siginfo_t* info, void* context) {
  (void)number, (void)context;
  if (!expecting) fail("unexpected fault", 0, (uint64_t)info->si_addr, 0);
  fault_address = info->si_addr;
  siglongjmp(resume, 1);
}

static void catch_faults(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER, .sa_sigaction = on_fault};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

// Whether a one-byte store faults; the fault must name the address.
static int store_faults(uint8_t* p, uint8_t value) {
  if (sigsetjmp(resume, 1) != 0) {
    expecting = 0;
    CHECK(fault_address == (void*)p, fault_address, p);
    return 1;
  }
  expecting = 1;
  *(volatile uint8_t*)p = value;
  expecting = 0;
  return 0;
}

static void churn(int thread) {
  uint64_t* own = (uint64_t*)(shared + thread * PAGE);  // one page each in a mapping that others change nearby
  for (uint64_t step = 1; step <= STEPS; ++step) {
    const size_t bytes = (1 + next_random() % 8) * PAGE;
    uint8_t* block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(block != MAP_FAILED, block, bytes);
    for (size_t i = 0; i < bytes; i += PAGE) {
      CHECK(block[i] == 0, block[i], i);
      memset(block + i, (int)step, PAGE);
    }
    own[step % (PAGE / 8)] = step;
    mprotect(shared + (THREADS + thread) * PAGE, PAGE, step & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < bytes; i += PAGE / 2) CHECK(block[i] == (uint8_t)step, block[i], step);
    madvise(block, bytes, MADV_DONTNEED);
    CHECK(block[bytes - 1] == 0, block[bytes - 1], step);
    munmap(block, bytes);
    CHECK(own[step % (PAGE / 8)] == step, own[step % (PAGE / 8)], step);
  }
}

static void provoke(int thread) {
  uint8_t* page = shared + (THREADS + thread) * PAGE;
  for (int i = 0; i < FAULTS; ++i) {
    const int writable = next_random() & 1;
    mprotect(page, PAGE, writable ? PROT_READ | PROT_WRITE : PROT_READ);
    const unsigned offset = next_random() % PAGE;
    const uint8_t before = page[offset], value = (uint8_t)(before + 1);
    const int faulted = store_faults(page + offset, value);
    CHECK(faulted == !writable, faulted, writable);
    CHECK(page[offset] == (writable ? value : before), page[offset], before);
  }
}

static void map_shared(void) {
  shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED, shared, 0);
}

void test_mappings(void) {
  map_shared();
  together(churn);
  munmap(shared, PAGES * PAGE);
}

void test_signals(void) {
  catch_faults();
  map_shared();
  together(provoke);
  munmap(shared, PAGES * PAGE);
}

// Copy on write: parent and child write the same pages and see only their own.
static void one_child(int number) {
  enum { WORDS = 4 * PAGE / 8 };
  uint64_t* words = malloc(WORDS * sizeof *words);
  for (int i = 0; i < WORDS; ++i) words[i] = (uint64_t)i * 3;
  const pid_t child = fork();
  CHECK(child >= 0, child, number);
  for (int i = 0; i < WORDS; ++i) words[i] += child ? 1 : 2;
  int good = 1;
  for (int i = 0; i < WORDS; ++i) good &= words[i] == (uint64_t)i * 3 + (child ? 1 : 2);
  free(words);
  if (child == 0) _exit(good ? 40 + number : 1);
  CHECK(good, number, 0);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child, child, status);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 40 + number, status, number);
}

void test_processes(void) {
  for (int i = 0; i < CHILDREN; ++i) one_child(i);
}
