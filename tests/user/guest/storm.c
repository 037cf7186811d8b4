// A storm: threads that compute, take signals, fork, spawn, map and unmap, and write code, all at once. Argument:
// rounds.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "isa.h"

extern char** environ;
static int rounds = 10;
static int stop;
static pthread_t targets[8];
static int target_count;
static long signals_seen;
static int working = 5;

static void seen(int signal) {
  (void)signal;
  __atomic_fetch_add(&signals_seen, 1, __ATOMIC_RELAXED);
}

static pid_t wait_for(pid_t child, int* status) {
  pid_t result;
  while ((result = waitpid(child, status, 0)) < 0 && errno == EINTR) {
  }
  return result;
}

static void* forks(void* argument) {
  (void)argument;
  for (int i = 0; i < rounds; i++) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      void* page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      *(int*)page = i;
      _exit(*(int*)page & 63);
    }
    CHECK(wait_for(child, &status) == child && WIFEXITED(status) && WEXITSTATUS(status) == (i & 63));
  }
  __atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
  return 0;
}

static void* spawns(void* argument) {
  for (int i = 0; i < rounds / 2; i++) {
    char* arguments[] = {argument, "-", 0};
    pid_t child;
    int status;
    CHECK(posix_spawn(&child, "/proc/self/exe", 0, 0, arguments, environ) == 0);
    CHECK(wait_for(child, &status) == child && WIFEXITED(status) && WEXITSTATUS(status) == 5);
    CHECK(posix_spawn(&child, "/nowhere", 0, 0, arguments, environ) == ENOENT);
  }
  __atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
  return 0;
}

static void* maps(void* argument) {
  (void)argument;
  for (int i = 0; i < rounds * 50; i++) {
    size_t bytes = 4096 * (1 + i % 17);
    char* at = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    at[bytes - 1] = 1;
    if (i % 3 == 0) CHECK(mprotect(at, 4096, PROT_READ) == 0);
    if (i % 3 && i % 5 == 0) {
      CHECK((at = mremap(at, bytes, bytes + 8192, MREMAP_MAYMOVE)) != MAP_FAILED);
      bytes += 8192;
    }
    CHECK(munmap(at, bytes) == 0);
  }
  __atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
  return 0;
}

static void* codes(void* argument) {
  (void)argument;
  for (int i = 0; i < rounds * 10; i++) {
    uint32_t* page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int k = 0; k < 5; k++) {
      write_code(page, (i + k) % 2048);
      __builtin___clear_cache((char*)page, (char*)page + 8);
      CHECK(((int (*)(void))(void*)page)() == (i + k) % 2048);
    }
    munmap(page, 4096);
  }
  __atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
  return 0;
}

static void* pelts(void* argument) {
  (void)argument;
  for (int i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
    pthread_kill(targets[i % target_count], SIGUSR1);
    usleep(200);
  }
  return 0;
}

static void* short_life(void* argument) { return argument; }
static void* creates(void* argument) {
  (void)argument;
  for (long i = 0; i < rounds * 5; i++) {
    pthread_t thread;
    void* result;
    CHECK(pthread_create(&thread, 0, short_life, (void*)i) == 0 && pthread_join(thread, &result) == 0 &&
          (long)result == i);
  }
  __atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
  return 0;
}

int main(int argc, char** argv) {
  if (argc > 1 && !strcmp(argv[1], "-")) return 5;
  if (argc > 1) rounds = atoi(argv[1]);
  struct sigaction action = {.sa_handler = seen, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, 0);
  const int working_at_start = working;
  void* (*const work[])(void*) = {forks, spawns, maps, codes, creates};
  for (; target_count < working_at_start; target_count++)
    CHECK(pthread_create(&targets[target_count], 0, work[target_count], argv[0]) == 0);
  targets[target_count++] = pthread_self();
  pthread_t pelter;
  CHECK(pthread_create(&pelter, 0, pelts, 0) == 0);
  // Nobody is joined while signals are sent, so that every target exists.
  while (__atomic_load_n(&working, __ATOMIC_ACQUIRE) || !__atomic_load_n(&signals_seen, __ATOMIC_RELAXED)) usleep(1000);
  __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
  pthread_join(pelter, 0);
  for (int i = 0; i < working_at_start; i++) CHECK(pthread_join(targets[i], 0) == 0);
  puts("storm: ok");
}
