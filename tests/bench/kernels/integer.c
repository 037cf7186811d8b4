// Integer kernels.
#include <stdlib.h>
#include <string.h>

#include "bench.h"

// ---- core_mix ----

typedef struct Node {
  struct Node* next;
  int16_t value, index;
} Node;

static uint16_t crc16(uint16_t crc, uint16_t data) {
  for (int i = 0; i < 16; ++i) {
    const int low = (data ^ crc) & 1;
    crc >>= 1, data >>= 1;
    if (low) crc ^= 0xa001;
  }
  return crc;
}

static Node* merge_sort(Node* list, int by_index) {
  for (int width = 1;; width *= 2) {
    Node *p = list, *tail = NULL;
    int merges = 0;
    list = NULL;
    while (p) {
      ++merges;
      Node* q = p;
      int p_size = 0;
      for (; p_size < width && q; ++p_size) q = q->next;
      int q_size = width;
      while (p_size > 0 || (q_size > 0 && q)) {
        Node* e;
        const int take_q = p_size == 0 || (q_size > 0 && q && (by_index ? q->index < p->index : q->value < p->value));
        if (take_q) {
          e = q, q = q->next, --q_size;
        } else {
          e = p, p = p->next, --p_size;
        }
        if (tail)
          tail->next = e;
        else
          list = e;
        tail = e;
      }
      p = q;
    }
    tail->next = NULL;
    if (merges <= 1) return list;
  }
}

static uint16_t list_work(Node* nodes, int count, uint16_t seed) {
  uint64_t random = 0x9e3779b97f4a7c15ull ^ seed;
  for (int i = 0; i < count; ++i) {
    nodes[i].next = i + 1 < count ? &nodes[i + 1] : NULL;
    nodes[i].value = (int16_t)(next_random(&random) & 0x7fff);
    nodes[i].index = (int16_t)i;
  }
  Node* list = merge_sort(nodes, 0);
  uint16_t crc = seed;
  for (Node* n = list; n; n = n->next) crc = crc16(crc, (uint16_t)n->value);
  Node* reversed = NULL;
  while (list) {
    Node* next = list->next;
    list->next = reversed, reversed = list, list = next;
  }
  list = merge_sort(reversed, 1);
  for (Node* n = list; n && n->next; n = n->next->next) crc = crc16(crc, (uint16_t)n->index);
  return crc;
}

static uint16_t matrix_work(int16_t* a, int16_t* b, int32_t* c, int n, uint16_t seed) {
  for (int i = 0; i < n * n; ++i) a[i] = (int16_t)((i * 31 + seed) & 0xff), b[i] = (int16_t)((i * 17 - seed) & 0xff);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      int32_t sum = 0;
      for (int k = 0; k < n; ++k) {
        const int32_t product = (int32_t)a[i * n + k] * b[k * n + j];
        sum += ((product >> 2) & 0xf) * ((product >> 5) & 0x7f);
      }
      c[i * n + j] = sum;
    }
  }
  uint16_t crc = seed;
  for (int i = 0; i < n * n; i += 3) crc = crc16(crc, (uint16_t)c[i]);
  return crc;
}

enum State { START, INVALID, SIGN, INT, FLOAT, EXPONENT, SCIENTIFIC, STATES };

static enum State number_state(const char** text) {
  enum State state = START;
  const char* p = *text;
  for (; *p && *p != ','; ++p) {
    const int digit = *p >= '0' && *p <= '9';
    switch (state) {
      case START: state = digit ? INT : *p == '+' || *p == '-' ? SIGN : *p == '.' ? FLOAT : INVALID; break;
      case SIGN: state = digit ? INT : *p == '.' ? FLOAT : INVALID; break;
      case INT:
        if (*p == '.')
          state = FLOAT;
        else if (!digit)
          state = INVALID;
        break;
      case FLOAT:
        if (*p == 'e' || *p == 'E')
          state = EXPONENT;
        else if (!digit)
          state = INVALID;
        break;
      case EXPONENT: state = *p == '+' || *p == '-' || digit ? SCIENTIFIC : INVALID; break;
      case SCIENTIFIC:
        if (!digit) state = INVALID;
        break;
      default: break;
    }
  }
  *text = *p ? p + 1 : p;
  return state;
}

static uint16_t state_work(uint16_t seed) {
  static const char* const inputs[] = {"5012,1234,-874,+122,", "35.54400,.1234500,-110.700,+0.64400,",
                                       "5.500e+3,-.123e-2,-87e+832,+0.6e-12,", "T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,"};
  unsigned counts[STATES] = {0};
  for (int round = 0; round < 16; ++round) {
    const char* p = inputs[(round + seed) & 3];
    while (*p) ++counts[number_state(&p)];
  }
  uint16_t crc = seed;
  for (int i = 0; i < STATES; ++i) crc = crc16(crc, (uint16_t)counts[i]);
  return crc;
}

uint64_t core_mix(unsigned scale) {
  static Node nodes[220];
  static int16_t a[26 * 26], b[26 * 26];
  static int32_t c[26 * 26];
  uint64_t sum = 0;
  for (unsigned i = 0; i < 6000 * scale; ++i) {
    uint16_t crc = list_work(nodes, 220, (uint16_t)i);
    crc = matrix_work(a, b, c, 12, crc);
    crc = state_work(crc);
    sum = sum * 31 + crc;
  }
  return sum;
}

// ---- the rest ----

uint64_t matrix_int(unsigned scale) {
  enum { N = 160 };
  static int32_t a[N][N], b[N][N], c[N][N];
  for (int i = 0; i < N * N; ++i) a[i / N][i % N] = i * 7 + 3, b[i / N][i % N] = i * 5 - 1;
  uint64_t sum = 0;
  for (unsigned round = 0; round < 80 * scale; ++round) {
    for (int i = 0; i < N; ++i) {
      for (int j = 0; j < N; ++j) {
        int32_t s = 0;
        for (int k = 0; k < N; ++k) s += a[i][k] * b[k][j];
        c[i][j] = s;
      }
    }
    for (int i = 0; i < N; ++i) a[i][i] ^= c[i][i] & 0xff, sum += (uint32_t)c[i][N - 1 - i];
  }
  return sum;
}

uint64_t hash_table(unsigned scale) {
  enum { SLOTS = 1 << 22 };
  uint64_t* table = calloc(SLOTS, sizeof *table);
  uint64_t random = 88172645463325252ull, hits = 0;
  for (unsigned i = 0; i < 6000000 * scale; ++i) {
    const uint64_t key = (next_random(&random) & 0x3fffff) + 1;
    uint64_t slot = key * 0x9e3779b97f4a7c15ull >> 42;
    while (table[slot] && table[slot] != key) slot = (slot + 1) & (SLOTS - 1);
    hits += table[slot] == key;
    table[slot] = key;
  }
  free(table);
  return hits;
}

uint64_t sieve(unsigned scale) {
  enum { N = 4000000 };
  static uint8_t composite[N];
  uint64_t count = 0;
  for (unsigned round = 0; round < 8 * scale; ++round) {
    memset(composite, 0, sizeof composite);
    for (uint32_t i = 2; i < N; ++i) {
      if (composite[i]) continue;
      ++count;
      for (uint64_t k = (uint64_t)i * i; k < N; k += i) composite[k] = 1;
    }
  }
  return count;
}

static int compare_u32(const void* a, const void* b) {
  const uint32_t x = *(const uint32_t*)a, y = *(const uint32_t*)b;
  return x < y ? -1 : x > y;
}

static void quick(uint32_t* v, long lo, long hi, int (*compare)(const void*, const void*)) {
  while (lo < hi) {
    const uint32_t pivot = v[(lo + hi) / 2];
    long i = lo, j = hi;
    while (i <= j) {
      while (compare(&v[i], &pivot) < 0) ++i;
      while (compare(&v[j], &pivot) > 0) --j;
      if (i <= j) {
        const uint32_t t = v[i];
        v[i++] = v[j], v[j--] = t;
      }
    }
    quick(v, lo, j, compare);
    lo = i;
  }
}

uint64_t sort_calls(unsigned scale) {
  enum { N = 300000 };
  static uint32_t values[N];
  int (*volatile compare)(const void*, const void*) = compare_u32;
  uint64_t random = 12345, sum = 0;
  for (unsigned round = 0; round < 6 * scale; ++round) {
    for (int i = 0; i < N; ++i) values[i] = (uint32_t)next_random(&random);
    quick(values, 0, N - 1, compare);
    for (int i = 0; i < N; i += 1000) sum = sum * 31 + values[i];
  }
  return sum;
}

static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotr(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha_block(uint32_t h[8], const uint8_t* data) {
  uint32_t w[64], v[8];
  for (int i = 0; i < 16; ++i) {
    w[i] = (uint32_t)data[4 * i] << 24 | data[4 * i + 1] << 16 | data[4 * i + 2] << 8 | data[4 * i + 3];
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  memcpy(v, h, sizeof v);
  for (int i = 0; i < 64; ++i) {
    const uint32_t t1 =
        v[7] + (rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha_k[i] + w[i];
    const uint32_t t2 =
        (rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + t1, v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; ++i) h[i] += v[i];
}

uint64_t sha256(unsigned scale) {
  static uint8_t data[65536];
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (unsigned i = 0; i < sizeof data; ++i) data[i] = (uint8_t)(i * 7);
  for (unsigned round = 0; round < 800 * scale; ++round) {
    for (unsigned at = 0; at < sizeof data; at += 64) sha_block(h, data + at);
  }
  return (uint64_t)h[0] << 32 | h[7];
}

// A register machine: opcode, destination, source; the loop counter is register 3.
uint64_t bytecode(unsigned scale) {
  enum { ADD, MUL, XOR, SHIFT, SUB1, JNZ, HALT };
  static const uint8_t program[] = {ADD, 0,   1, MUL, 1,    0, XOR, 2,   1, SHIFT, 1,
                                    2,   ADD, 2, 0,   SUB1, 3, 0,   JNZ, 3, 0,     HALT};
  static const void* const labels[] = {&&add, &&mul, &&xor_, &&shift, &&sub1, &&jnz, &&halt};
  uint64_t total = 0;
  for (unsigned round = 0; round < 10 * scale; ++round) {
    uint64_t r[4] = {round, 3, 7, 2000000};
    const uint8_t* pc = program;
#define NEXT goto* labels[*pc]
    NEXT;
  add:
    r[pc[1]] += r[pc[2]], pc += 3;
    NEXT;
  mul:
    r[pc[1]] *= r[pc[2]] | 1, pc += 3;
    NEXT;
  xor_:
    r[pc[1]] ^= r[pc[2]], pc += 3;
    NEXT;
  shift:
    r[pc[1]] ^= r[pc[2]] >> 7, pc += 3;
    NEXT;
  sub1:
    --r[pc[1]], pc += 3;
    NEXT;
  jnz:
    pc = r[pc[1]] ? program + pc[2] : pc + 3;
    NEXT;
  halt:
    total = total * 31 + r[0] + r[2];
#undef NEXT
  }
  return total;
}

uint64_t memory_string(unsigned scale) {
  enum { N = 32768 };
  static char from[N], to[N];
  uint64_t sum = 0;
  for (int i = 0; i < N - 1; ++i) from[i] = (char)('a' + i % 26);
  void* (*volatile copy)(void*, const void*, size_t) = memcpy;
  size_t (*volatile length)(const char*) = strlen;
  for (unsigned round = 0; round < 30000 * scale; ++round) {
    copy(to, from, N);
    sum += length(to + (round & 1023));
  }
  return sum;
}

typedef struct Shape Shape;
struct Shape {
  uint64_t (*area)(const Shape*, uint64_t);
  uint64_t size;
};
static uint64_t square(const Shape* s, uint64_t x) { return s->size * s->size + x; }
static uint64_t circle(const Shape* s, uint64_t x) { return s->size * 3 ^ x; }
static uint64_t line(const Shape* s, uint64_t x) { return x - s->size; }

uint64_t virtual_calls(unsigned scale) {
  static uint64_t (*const kinds[])(const Shape*, uint64_t) = {square, circle, line};
  static Shape shapes[300];
  for (int i = 0; i < 300; ++i) shapes[i] = (Shape){kinds[i * 7 % 3], (uint64_t)i};
  uint64_t sum = 0;
  for (unsigned round = 0; round < 400000 * scale; ++round) {
    for (int i = 0; i < 300; ++i) sum = shapes[i].area(&shapes[i], sum);
  }
  return sum;
}
