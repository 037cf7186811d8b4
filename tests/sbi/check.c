// A kernel of its own that asks the SBI firmware what the specification promises, and powers off: with reason "none"
// when all is well, with reason "system failure" (the emulator exits 1) otherwise. Chapters: RISC-V SBI 2.0.
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t u64;
enum { MAX_HARTS = 8, STORM_ROUNDS = 20 };
enum { TIME = 0x54494d45, IPI = 0x735049, RFENCE = 0x52464e43, HSM = 0x48534d, SRST = 0x53525354, DBCN = 0x4442434e };
enum { BASE = 0x10, NOT_SUPPORTED = -2, INVALID_PARAM = -3, INVALID_ADDRESS = -5, ALREADY_AVAILABLE = -6 };
enum { STARTED = 0, STOPPED = 1, SUSPENDED = 4 };
#define SIP_SSIP 2ull
#define SIP_STIP 32ull

struct Result {
  int64_t error;
  u64 value;
};

extern volatile u64 last_cause;
void second_entry(void);

static volatile u64 phase, arrived, bad, told[MAX_HARTS];

static struct Result call(u64 extension, u64 function, u64 a, u64 b, u64 c, u64 d, u64 e) {
  register u64 a0 __asm__("a0") = a;
  register u64 a1 __asm__("a1") = b;
  register u64 a2 __asm__("a2") = c;
  register u64 a3 __asm__("a3") = d;
  register u64 a4 __asm__("a4") = e;
  register u64 a6 __asm__("a6") = function;
  register u64 a7 __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
  return (struct Result){(int64_t)a0, a1};
}
#define CALL3(x, f, a, b, c) call(x, f, (u64)(a), (u64)(b), (u64)(c), 0, 0)

static void say(const char* text) {
  u64 length = 0;
  while (text[length]) ++length;
  CALL3(DBCN, 0, length, text, 0);
}

static void expect_at(bool condition, const char* what) {
  if (condition) return;
  say("sbi-check: WRONG: ");
  say(what);
  say("\n");
  __atomic_fetch_add(&bad, 1, __ATOMIC_SEQ_CST);
}
#define expect(condition) expect_at(condition, #condition)

static u64 sip(void) {
  u64 value;
  __asm__ volatile("csrr %0, sip" : "=r"(value)::"memory");
  return value;
}
static void clear_software_interrupt(void) { __asm__ volatile("csrc sip, %0" ::"r"(SIP_SSIP) : "memory"); }
static void write_sie(u64 value) { __asm__ volatile("csrw sie, %0" ::"r"(value) : "memory"); }
static u64 time_now(void) {
  u64 value;
  __asm__ volatile("rdtime %0" : "=r"(value)::"memory");
  return value;
}

static u64 state_of(u64 hart) { return CALL3(HSM, 2, hart, 0, 0).value; }
static void await_state(u64 hart, u64 state) {
  while (state_of(hart) != state) {
  }
}

// Every hart fences every other at once: nobody may wait for ever.
static void fence_storm(u64 hart) {
  for (u64 i = 0; i < STORM_ROUNDS; ++i) {
    u64 error = 0;
    error |= (u64)call(RFENCE, 0, 0, ~0ull, 0, 0, 0).error;
    error |= (u64)call(RFENCE, 1, 0, ~0ull, hart << 12, i << 12, 0).error;
    error |= (u64)call(RFENCE, 2, 0, ~0ull, 0, ~0ull, hart).error;
    expect(error == 0);
  }
}

void second_main(u64 hart, u64 argument, u64 satp, u64 sstatus) {
  expect(argument == 1000 + hart);
  expect(satp == 0 && (sstatus & 2) == 0);
  __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
  while (phase < 1) {
  }
  while (!(sip() & SIP_SSIP)) {
  }
  clear_software_interrupt();
  __atomic_fetch_add(&told[hart], 1, __ATOMIC_SEQ_CST);
  while (phase < 2) {
  }
  fence_storm(hart);
  __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
  CALL3(HSM, 1, 0, 0, 0);
  expect(!"hart_stop returned");
}

static void check_base(void) {
  expect(CALL3(BASE, 0, 0, 0, 0).value == 2ull << 24);
  const u64 present[] = {1, 2, BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN};
  for (u64 i = 0; i < sizeof present / sizeof present[0]; ++i) expect(CALL3(BASE, 3, present[i], 0, 0).value == 1);
  expect(CALL3(BASE, 3, 0x12345678, 0, 0).value == 0);
  expect(CALL3(0x12345678, 0, 0, 0, 0).error == NOT_SUPPORTED);
  expect(CALL3(BASE, 99, 0, 0, 0).error == NOT_SUPPORTED);
}

static void check_console(void) {
  struct Result result = CALL3(DBCN, 0, 11, "sbi-check: ", 0);
  expect(result.error == 0 && result.value == 11);
  expect(CALL3(DBCN, 2, '\n', 0, 0).error == 0);
  expect(CALL3(DBCN, 0, 4, 0x80000000, 0).error == INVALID_PARAM);    // the firmware itself
  expect(CALL3(DBCN, 0, 8, 0x7ffffffc, 0).error == INVALID_PARAM);    // runs into it
  expect(CALL3(DBCN, 0, 4, ~0ull - 1, 0).error == INVALID_PARAM);     // wraps
  expect(CALL3(DBCN, 0, 4, 0x7000000000, 0).error == INVALID_PARAM);  // nothing there
  expect(CALL3(DBCN, 0, 4, 0x80200000, 1).error == INVALID_PARAM);    // upper half
  expect(CALL3(DBCN, 3, 0, 0, 0).error == NOT_SUPPORTED);
  char c;
  expect(CALL3(DBCN, 1, 1, &c, 0).error == 0);
}

static void check_protection(void) {
  last_cause = 0;
  __asm__ volatile(".option push\n.option norvc\n ld t3, 0(%0)\n.option pop" ::"r"(0x80000000ull) : "t3", "memory");
  expect(last_cause == 5);  // load access fault
}

static void check_timer(void) {
  expect(CALL3(TIME, 0, ~0ull, 0, 0).error == 0);
  expect(!(sip() & SIP_STIP));
  CALL3(TIME, 0, time_now() + 1000, 0, 0);
  while (!(sip() & SIP_STIP)) {
  }
  CALL3(TIME, 0, ~0ull, 0, 0);
  expect(!(sip() & SIP_STIP));
}

static void check_suspend(void) {
  write_sie(SIP_STIP);
  CALL3(TIME, 0, time_now() + 20000, 0, 0);
  u64 before = time_now();
  expect(CALL3(HSM, 3, 0, 0, 0).error == 0);
  expect(time_now() - before >= 15000);
  CALL3(TIME, 0, ~0ull, 0, 0);
  write_sie(0);
  expect(CALL3(HSM, 3, 5, 0, 0).error == INVALID_PARAM);
  expect(CALL3(HSM, 3, 0x10000000, 0, 0).error == NOT_SUPPORTED);
  expect(CALL3(HSM, 3, 0x80000000, 0x80000000, 0).error == INVALID_ADDRESS);
}

static void check_others(u64 self) {
  u64 count = 0;
  expect(state_of(self) == STARTED);
  expect(CALL3(HSM, 2, 77, 0, 0).error == INVALID_PARAM);
  expect(CALL3(HSM, 0, 77, second_entry, 0).error == INVALID_PARAM);
  expect(CALL3(HSM, 0, self, second_entry, 0).error == ALREADY_AVAILABLE);
  expect(CALL3(IPI, 0, 1, 77, 0).error == INVALID_PARAM);
  expect(CALL3(IPI, 0, 1ull << 63, 0, 0).error == INVALID_PARAM);
  u64 others = 0;
  for (u64 hart = 0; hart < MAX_HARTS; ++hart) {
    if (hart == self || CALL3(HSM, 2, hart, 0, 0).error != 0) continue;
    expect(state_of(hart) == STOPPED);
    expect(CALL3(HSM, 0, hart, 0x80000000, 0).error == INVALID_ADDRESS);
    expect(CALL3(HSM, 0, hart, second_entry, 1000 + hart).error == 0);
    await_state(hart, STARTED);
    others |= 1ull << hart;
    ++count;
  }
  while (arrived < count) {
  }
  phase = 1;
  expect(CALL3(IPI, 0, others, 0, 0).error == 0);
  for (u64 hart = 0; hart < MAX_HARTS; ++hart) {
    while ((others >> hart & 1) && told[hart] != 1) {
    }
  }
  arrived = 0;
  phase = 2;
  fence_storm(self);
  while (arrived < count) {
  }
  for (u64 hart = 0; hart < MAX_HARTS; ++hart) {
    if (others >> hart & 1) await_state(hart, STOPPED);
  }
}

void check_main(u64 hart) {
  check_base();
  check_console();
  check_protection();
  check_timer();
  check_suspend();
  for (int round = 0; round < 2; ++round) {
    phase = arrived = 0;
    for (u64 i = 0; i < MAX_HARTS; ++i) told[i] = 0;
    check_others(hart);
  }
  expect(CALL3(SRST, 0, 7, 0, 0).error == INVALID_PARAM);
  expect(CALL3(SRST, 0, 0, 7, 0).error == INVALID_PARAM);
  say(bad ? "sbi-check: failed\n" : "sbi-check: passed\n");
  CALL3(SRST, 0, 0, bad ? 1 : 0, 0);
}
