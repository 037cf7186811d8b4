// Threads: locks, thread-local storage, cancellation, robust mutexes, ends of threads.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { kThreads = 8, kRounds = 3000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static _Thread_local long own;
static long total, atomic_total, turn;

static void* add(void* argument) {
  own = (long)argument;
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < kRounds; i++) {
    pthread_mutex_lock(&lock);
    total++;
    pthread_mutex_unlock(&lock);
    __atomic_fetch_add(&atomic_total, 1, __ATOMIC_RELAXED);
  }
  CHECK(own == (long)argument);
  return (void*)(own * 2);
}

static void* take_turns(void* argument) {
  for (int i = 0; i < 100; i++) {
    pthread_mutex_lock(&lock);
    while (turn % kThreads != (long)argument) pthread_cond_wait(&changed, &lock);
    turn++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
  }
  return 0;
}

static void* sleep_long(void* argument) {
  (void)argument;
  sleep(1000);
  return 0;
}

static pthread_mutex_t robust;
static void* die_with_lock(void* argument) {
  (void)argument;
  pthread_mutex_lock(&robust);
  return 0;
}

static void* short_life(void* argument) { return argument; }

static void* exit_later(void* argument) {
  (void)argument;
  usleep(50000);
  puts("threads: ok");
  fflush(stdout);
  _exit(0);
}

int main(void) {
  pthread_t threads[kThreads];
  pthread_barrier_init(&barrier, 0, kThreads);
  for (long i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], 0, add, (void*)i) == 0);
  for (long i = 0; i < kThreads; i++) {
    void* result;
    CHECK(pthread_join(threads[i], &result) == 0 && (long)result == i * 2);
  }
  CHECK(total == kThreads * kRounds && atomic_total == total);
  for (long i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], 0, take_turns, (void*)i) == 0);
  for (long i = 0; i < kThreads; i++) pthread_join(threads[i], 0);
  CHECK(turn == kThreads * 100);

  void* result;
  pthread_create(&threads[0], 0, sleep_long, 0);
  usleep(1000);
  CHECK(pthread_cancel(threads[0]) == 0 && pthread_join(threads[0], &result) == 0 && result == PTHREAD_CANCELED);

  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  pthread_create(&threads[0], 0, die_with_lock, 0);
  pthread_join(threads[0], 0);
  CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_consistent(&robust) == 0);

  for (long i = 0; i < 500; i++) {
    CHECK(pthread_create(&threads[0], 0, short_life, (void*)i) == 0);
    CHECK(pthread_join(threads[0], &result) == 0 && (long)result == i);
  }
  struct timespec deadline;
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_nsec += 5000000;
  if (deadline.tv_nsec >= 1000000000) deadline.tv_sec++, deadline.tv_nsec -= 1000000000;
  FAILS_WITH(ETIMEDOUT, sem_timedwait(&semaphore, &deadline));
  CHECK(syscall(SYS_gettid) == getpid());
  cpu_set_t cpus;
  CHECK(sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) >= 1);

  int status;
  if (fork() == 0) {  // the first thread ends before the others
    pthread_create(&threads[0], 0, exit_later, 0);
    pthread_exit(0);
  }
  CHECK(wait(&status) > 0 && status == 0);
}
