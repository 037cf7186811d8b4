// bench [-q] [-s SCALE] [NAME...]: runs the kernels and prints "NAME SECONDS CHECKSUM" for each; -q: without the time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

static const struct {
  const char* name;
  kernel_fn run;
} kernels[] = {
    {"core_mix", core_mix},
    {"n_body", n_body},
    {"matrix_float", matrix_float},
    {"matrix_int", matrix_int},
    {"hash_table", hash_table},
    {"sieve", sieve},
    {"sort_calls", sort_calls},
    {"sha256", sha256},
    {"bytecode", bytecode},
    {"memory_string", memory_string},
    {"virtual_calls", virtual_calls},
    {"vector_loops", vector_loops},
    {"string_search", string_search},
    {"big_switch", big_switch},
    {"atomics", atomics},
    {"system_calls", system_calls},
};

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int wanted(const char* name, int count, char** names) {
  for (int i = 0; i < count; ++i) {
    if (strcmp(names[i], name) == 0) return 1;
  }
  return count == 0;
}

int main(int argc, char** argv) {
  unsigned scale = 1;
  int first = 1, quiet = 0;
  if (first < argc && strcmp(argv[first], "-q") == 0) quiet = 1, ++first;
  if (first + 1 < argc && strcmp(argv[first], "-s") == 0) scale = (unsigned)atoi(argv[first + 1]), first += 2;
  for (unsigned i = 0; i < sizeof kernels / sizeof *kernels; ++i) {
    if (!wanted(kernels[i].name, argc - first, argv + first)) continue;
    const double start = seconds();
    const uint64_t checksum = kernels[i].run(scale);
    printf("bench %s ", kernels[i].name);
    if (!quiet) printf("%.4f ", seconds() - start);
    printf("%016llx\n", (unsigned long long)checksum);
    fflush(stdout);
  }
  return 0;
}
