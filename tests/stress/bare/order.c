// Memory order: outcomes that the fences in these programs forbid (RISC-V Unprivileged ISA, chapter RVWMO).
#include "stress.h"

enum { ROUNDS = 50000 };

static u32 stored[HARTS][ROUNDS], saw[HARTS][ROUNDS];
static struct {
  u64 value __attribute__((aligned(64)));
} box, ready;

// Store buffering between harts 2k and 2k+1: each stores its own word, fences, and reads the other's. Not both read 0.
static void store_buffering(u64 id) {
  const u64 other = id ^ 1;
  for (u32 round = 0; round < ROUNDS; ++round) {
    STORE(&stored[id][round], 1);
    fence_rw();
    saw[id][round] = LOAD(&stored[other][round]);
  }
  barrier();
  for (u32 round = 0; round < ROUNDS; ++round) CHECK(saw[id][round] || saw[other][round], id, round);
}

// Message passing: hart 0 writes the box and then says that it is ready; whoever sees that sees the box's content.
static void message_passing(u64 id) {
  for (u64 round = 1; round <= ROUNDS; ++round) {
    if (id == 0) {
      STORE(&box.value, round * 3);
      fence_w();
      STORE(&ready.value, round);
    } else {
      const u64 seen = LOAD(&ready.value);
      fence_r();
      const u64 content = LOAD(&box.value);
      CHECK(content >= seen * 3, seen, content);
    }
  }
}

void test_order(void) {
  store_buffering(self()->id);
  barrier();
  message_passing(self()->id);
}
