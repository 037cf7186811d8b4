// Parallel stress as a Linux program: four threads per group, every result checked, a few milliseconds per run.
#pragma once
#include <stdint.h>

enum { THREADS = 4 };

void fail(const char* file, int line, uint64_t a, uint64_t b) __attribute__((noreturn));
#define CHECK(condition, a, b) ((condition) ? (void)0 : fail(__FILE__, __LINE__, (uint64_t)(a), (uint64_t)(b)))

void together(void (*work)(int thread));  // runs work(0) .. work(THREADS - 1) in threads of their own and joins them
void meet(void);                          // barrier of the threads of together()
uint64_t next_random(void);               // per thread

void test_locks(void);
void test_floating(void);
void test_code(void);
void test_mappings(void);
void test_signals(void);
void test_processes(void);
