// Start, output, barrier, and the order of the groups.
#include "stress.h"

#define UART ((volatile u8*)0x10000000)
#define FINISHER ((volatile u32*)0x100000)
enum { FINISHER_PASS = 0x5555, FINISHER_FAIL = 0x3333 };

Hart harts[HARTS];

static u32 arrived, generation, output_lock;

static void put(char c) {
  while (!(UART[5] & 0x20)) pause();
  UART[0] = (u8)c;
}

void print(const char* text) {
  for (; *text; ++text) {
    if (*text == '\n') put('\r');
    put(*text);
  }
}

static void print_hex(u64 value) {
  print("0x");
  int shift = 60;
  while (shift > 0 && !(value >> shift)) shift -= 4;
  for (; shift >= 0; shift -= 4) put("0123456789abcdef"[value >> shift & 15]);
}

void fail(const char* file, u64 line, u64 a, u64 b) {
  while (__atomic_exchange_n(&output_lock, 1, __ATOMIC_ACQUIRE)) pause();  // kept: the first failure speaks
  print("FAIL hart "), print_hex(self()->id), print(" at "), print(file), print(" line "), print_hex(line);
  print(" values "), print_hex(a), print(" "), print_hex(b), print("\n");
  *FINISHER = FINISHER_FAIL | 1 << 16;
  for (;;) pause();
}

void barrier(void) {
  const u32 mine = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == HARTS) {
    arrived = 0;
    __atomic_store_n(&generation, mine + 1, __ATOMIC_RELEASE);
    wake_all();
  } else {
    wait_for_change(&generation, mine);
  }
}

static const struct {
  const char* name;
  void (*run)(void);
} groups[] = {
    {"interrupts", test_interrupts},
    {"locks", test_locks},
    {"order", test_order},
    {"misaligned", test_misaligned},
    {"paging", test_paging},
    {"address spaces", test_address_spaces},
    {"code", test_code},
};

void hart_main(void) {
  u64 time;
  __asm__ volatile("csrr %0, time" : "=r"(time));
  self()->random = (time ^ (self()->id + 1) * 0x9e3779b97f4a7c15u) | 1;
  for (size_t i = 0; i < sizeof groups / sizeof *groups; ++i) {
    if (self()->id == 0) print(groups[i].name), print("\n");
    barrier();
    groups[i].run();
    barrier();
  }
  if (self()->id == 0) {
    print("PASS\n");
    *FINISHER = FINISHER_PASS;
  }
  static u32 never;
  wait_for_change(&never, 0);
}
