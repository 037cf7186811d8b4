// Kernels that lean on what compilers make of loops: vectors, tables of jumps, atomic operations.
#pragma GCC optimize("O3")  // loops are vectorised for the machines that have vectors
#include <stdatomic.h>
#include <string.h>

#include "bench.h"

// Sums, products, differences and saturation over arrays that fit into the second-level cache.
uint64_t vector_loops(unsigned scale) {
  enum { N = 8192 };
  static float x[N], y[N];
  static uint8_t a[N], b[N], c[N];
  static int32_t counts[N];
  for (int i = 0; i < N; ++i)
    x[i] = (float)(i % 31), y[i] = (float)(i % 17), a[i] = (uint8_t)(i * 7), b[i] = (uint8_t)(i * 13);
  uint64_t sum = 0;
  for (unsigned round = 0; round < 25000 * scale; ++round) {
    const float factor = (float)(round & 7) * 0.125f;
    const uint8_t step = (uint8_t)round;
    for (int i = 0; i < N; ++i) y[i] = y[i] * 0.5f + x[i] * factor;
    for (int i = 0; i < N; ++i) c[i] = (uint8_t)(a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]);
    for (int i = 0; i < N; ++i) a[i] = (uint8_t)(a[i] + step), counts[i] += c[i];
    uint32_t bits;
    memcpy(&bits, &y[round & (N - 1)], sizeof bits);
    sum = sum * 31 + bits + (uint32_t)counts[round & (N - 1)];
  }
  return sum;
}

// Horspool's search for words in text, and a search by first letter.
uint64_t string_search(unsigned scale) {
  enum { N = 1 << 18 };
  static char text[N + 1];
  static const char* const words[] = {"emulator", "mockingbird", "translation", "zebra", "at"};
  uint64_t random = 99, found = 0;
  for (int i = 0; i < N; ++i) text[i] = "etaoinshrdlucmfw yp"[next_random(&random) % 19];
  for (unsigned i = 0; i < 200; ++i) {
    const char* word = words[i % 5];
    memcpy(text + next_random(&random) % (N - 16), word, strlen(word));
  }
  for (unsigned round = 0; round < 100 * scale; ++round) {
    for (int w = 0; w < 5; ++w) {
      const char* word = words[w];
      const int length = (int)strlen(word);
      int skip[256];
      for (int i = 0; i < 256; ++i) skip[i] = length;
      for (int i = 0; i < length - 1; ++i) skip[(uint8_t)word[i]] = length - 1 - i;
      for (int at = 0; at + length <= N; at += skip[(uint8_t)text[at + length - 1]]) {
        int i = length - 1;
        while (i >= 0 && text[at + i] == word[i]) --i;
        found += i < 0;
      }
    }
    for (const char* p = text; (p = strchr(p, 'z')); ++p) found += (uint64_t)(p - text);
  }
  return found;
}

// A stack machine with one large switch: the compiler makes a table of jumps.
uint64_t big_switch(unsigned scale) {
  enum { CODE = 4096 };
  static uint8_t code[CODE];
  uint64_t random = 4711, stack[16] = {1, 2, 3}, total = 0;
  for (int i = 0; i < CODE; ++i) code[i] = (uint8_t)(next_random(&random) % 24);
  unsigned top = 0;
  for (unsigned round = 0; round < 8000 * scale; ++round) {
    for (int pc = 0; pc < CODE; ++pc) {
      uint64_t* s = &stack[top & 15];
      switch (code[pc]) {
        case 0: ++top; break;
        case 1: --top; break;
        case 2: *s += total; break;
        case 3: *s ^= total << 3; break;
        case 4: *s *= 5; break;
        case 5: *s = ~*s; break;
        case 6: *s >>= 1; break;
        case 7: *s -= (uint64_t)pc; break;
        case 8: total += *s; break;
        case 9: total ^= *s; break;
        case 10: *s = total & 0xffff; break;
        case 11: stack[(top + 1) & 15] = *s; break;
        case 12: stack[(top + 2) & 15] += *s; break;
        case 13:
          if (*s & 1) ++pc;
          break;
        case 14: *s |= 0x10; break;
        case 15: *s = *s << 7 | *s >> 57; break;
        case 16: total -= 3; break;
        case 17: total = total * 3 + 1; break;
        case 18: *s = (uint32_t)*s; break;
        case 19: *s = (uint64_t)(int64_t)(int16_t)*s; break;
        case 20: *s += stack[(top + 5) & 15]; break;
        case 21: *s = *s > total; break;
        case 22: *s ^= 0x5555; break;
        default: total += top; break;
      }
    }
  }
  return total ^ stack[3];
}

// What locks and reference counts are made of, without anybody else.
uint64_t atomics(unsigned scale) {
  static _Atomic uint64_t counter, word;
  static _Atomic uint32_t lock, references[64];
  atomic_store(&counter, 0), atomic_store(&word, 0);
  for (unsigned i = 0; i < 6000000 * scale; ++i) {
    uint32_t free_lock = 0;
    while (!atomic_compare_exchange_strong_explicit(&lock, &free_lock, 1, memory_order_acquire, memory_order_relaxed))
      free_lock = 0;
    atomic_fetch_add_explicit(&counter, i & 7, memory_order_relaxed);
    atomic_store_explicit(&lock, 0, memory_order_release);
    atomic_fetch_add(&references[i & 63], 1);
    uint64_t old = atomic_load(&word);
    while (!atomic_compare_exchange_weak(&word, &old, old * 3 + i)) {
    }
  }
  return atomic_load(&counter) ^ atomic_load(&word) ^ atomic_load(&references[5]);
}
