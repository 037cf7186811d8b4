// Code that changes while others run it: by IPI and fence.i, by flag, and each hart its own beside the others' data.
#include "stress.h"

enum { SLOTS = 8, STEPS = 200, TURNS = 12, OWN = 200 };

// A slot: addi a0, zero, value; a short loop, so that it gets hot; ret. Only its first instruction changes.
typedef struct {
  u32 code[8];
} Slot;

static struct {
  Slot slots[SLOTS];
  Slot own[HARTS];
  u64 counter;  // data in the page of the code
} area __attribute__((aligned(4096)));

static struct {
  u64 sequence, value;
} states[SLOTS];
static u32 code_lock, turn;

static u32 load_value(u64 value) { return (u32)((value & 0x7ff) << 20 | 10 << 7 | 0x13); }

static void make_slot(Slot* slot, u64 value) {
  static const u32 body[] = {
      0x00000013,  // replaced: addi a0, zero, value
      0x01400293,  // addi t0, zero, 20
      0xfff28293,  // addi t0, t0, -1
      0xfe029ee3,  // bnez t0, .-4
      0x00008067,  // ret
  };
  for (int i = 0; i < 5; ++i) STORE(&slot->code[i], body[i]);
  STORE(&slot->code[0], load_value(value));
}

static u64 call_slot(Slot* slot) { return ((u64(*)(void))slot->code)(); }

static void rewrite(void) {
  lock_amo(&code_lock);
  const u64 slot = next_random() % SLOTS, value = next_random() & 0x7ff;
  STORE(&states[slot].sequence, states[slot].sequence + 1);
  fence_rw();
  STORE(&area.slots[slot].code[0], load_value(value));
  fence_rw();
  fence_i();
  remote(REQUEST_FENCE_I);
  STORE(&states[slot].value, value);
  fence_rw();
  STORE(&states[slot].sequence, states[slot].sequence + 1);
  unlock_amo(&code_lock);
}

static void use(void) {
  const u64 slot = next_random() % SLOTS;
  const u64 before = LOAD(&states[slot].sequence);
  fence_rw();
  const u64 want = LOAD(&states[slot].value);
  fence_rw();
  const u64 got = call_slot(&area.slots[slot]);
  fence_rw();
  if (!(before & 1) && LOAD(&states[slot].sequence) == before) CHECK(got == want, got, want);
  __asm__ volatile("amoadd.d zero, %1, (%0)" ::"r"(&area.counter), "r"(1) : "memory");
}

// Whose turn it is rewrites slot 0 and raises the flag; the others see the flag, fence.i, and call.
static void by_turns(u64 id) {
  for (u32 round = 0; round < TURNS; ++round) {
    const u64 value = (round * 37 + 5) & 0x7ff;
    if (round % HARTS == id) {
      STORE(&area.slots[0].code[0], load_value(value));
      fence_rw();
      fence_i();
      STORE(&turn, round + 1);
      wake_all();
    } else {
      for (u32 now; (now = LOAD(&turn)) <= round;) wait_for_change(&turn, now);
      fence_rw();
      fence_i();
    }
    const u64 got = call_slot(&area.slots[0]);
    CHECK(got == value, got, value);
    barrier();
  }
}

static void own_code(u64 id) {
  for (u64 i = 0; i < OWN; ++i) {
    STORE(&area.own[id].code[0], load_value(i * HARTS + id));
    fence_i();
    const u64 got = call_slot(&area.own[id]);
    CHECK(got == ((i * HARTS + id) & 0x7ff), got, i * HARTS + id);
    __asm__ volatile("amoadd.d zero, %1, (%0)" ::"r"(&area.counter), "r"(1) : "memory");
  }
}

void test_code(void) {
  const u64 id = self()->id;
  if (id == 0) {
    for (int i = 0; i < SLOTS; ++i) make_slot(&area.slots[i], 0);
    for (int i = 0; i < HARTS; ++i) make_slot(&area.own[i], 0);
  }
  barrier();
  fence_i();
  for (int step = 0; step < STEPS; ++step) {
    if (next_random() % 8 == 0) rewrite();
    for (int i = 0; i < 8; ++i) use();
  }
  barrier();
  own_code(id);
  barrier();
  CHECK(area.counter == HARTS * (STEPS * 8 + OWN), area.counter, HARTS * (STEPS * 8 + OWN));
  by_turns(id);
}
