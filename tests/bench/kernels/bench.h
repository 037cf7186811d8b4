// A benchmark kernel: does a fixed amount of work and returns a checksum that must be the same on every machine.
#pragma once
#include <stdint.h>

typedef uint64_t (*kernel_fn)(unsigned scale);

uint64_t core_mix(unsigned scale);      // list, matrix, state machine and CRC work, as CoreMark mixes them
uint64_t n_body(unsigned scale);        // double precision, bit-exact checksum
uint64_t matrix_float(unsigned scale);  // single-precision product
uint64_t matrix_int(unsigned scale);
uint64_t hash_table(unsigned scale);  // random access over 32 MiB
uint64_t sieve(unsigned scale);
uint64_t sort_calls(unsigned scale);  // quicksort through a function pointer
uint64_t sha256(unsigned scale);
uint64_t bytecode(unsigned scale);       // interpreter with computed goto
uint64_t memory_string(unsigned scale);  // memcpy and strlen
uint64_t virtual_calls(unsigned scale);
uint64_t vector_loops(unsigned scale);  // what compilers vectorise
uint64_t string_search(unsigned scale);
uint64_t big_switch(unsigned scale);  // interpreter with a table of jumps
uint64_t atomics(unsigned scale);
uint64_t system_calls(unsigned scale);

static inline uint64_t next_random(uint64_t* state) {
  uint64_t x = *state;
  x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return *state = x;
}
