// stress RUNS: does all groups RUNS times, "stress: run N passed" after each.
#include "stress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static pthread_barrier_t barrier;
static _Thread_local uint64_t random_state;
static uint64_t seed;

void fail(const char* file, int line, uint64_t a, uint64_t b) {
  fprintf(stderr, "FAIL at %s line %d values %#llx %#llx\n", file, line, (unsigned long long)a, (unsigned long long)b);
  _exit(1);
}

uint64_t next_random(void) {
  uint64_t x = random_state;
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return random_state = x;
}

void meet(void) { pthread_barrier_wait(&barrier); }

typedef struct {
  void (*work)(int);
  int number;
} Job;

static void* start(void* argument) {
  const Job* job = argument;
  random_state = (seed ^ (uint64_t)(job->number + 1) * 0x9e3779b97f4a7c15u) | 1;
  meet();
  job->work(job->number);
  return NULL;
}

void together(void (*work)(int)) {
  pthread_t threads[THREADS];
  Job jobs[THREADS];
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; ++i) {
    jobs[i] = (Job){work, i};
    const int error = pthread_create(&threads[i], NULL, start, &jobs[i]);
    CHECK(error == 0, error, i);
  }
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&barrier);
}

int main(int argc, char** argv) {
  static void (*const groups[])(void) = {test_locks,    test_floating, test_code,
                                         test_mappings, test_signals,  test_processes};
  const int runs = argc > 1 ? atoi(argv[1]) : 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("stress: start\n");
  for (int run = 1; run <= runs; ++run) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    seed = (uint64_t)now.tv_nsec * 0xbf58476d1ce4e5b9u + (uint64_t)run;
    for (unsigned i = 0; i < sizeof groups / sizeof *groups; ++i) groups[i]();
    printf("stress: run %d passed\n", run);
  }
  return 0;
}
