// Accesses at every offset, across lines and pages, across pages that are not neighbours in memory, and into a hole.
#include "paging.h"

typedef u64 (*Load)(const void*);
typedef void (*Store)(void*, u64);
static const Load loads[] = {guarded_load_1, guarded_load_2, guarded_load_4, guarded_load_8};
static const Store stores[] = {guarded_store_1, guarded_store_2, guarded_store_4, guarded_store_8};

static u64 mask(int log) { return log == 3 ? ~(u64)0 : ((u64)1 << (8 << log)) - 1; }

static u64 bytes_at(const u8* p, int log) {
  u64 value = 0;
  for (int i = 0; i < 1 << log; ++i) value |= (u64)LOAD(p + i) << 8 * i;
  return value;
}

static void sweep(u8* first, u8* last) {
  for (u8* p = first; p <= last; ++p) {
    for (int log = 0; log < 4; ++log) {
      const u64 value = next_random() & mask(log), before = LOAD(p - 1), after = LOAD(p + (1 << log));
      stores[log](p, value);
      CHECK(self()->cause == 0, self()->cause, p);
      CHECK(bytes_at(p, log) == value, bytes_at(p, log), value);
      CHECK(LOAD(p - 1) == before && LOAD(p + (1 << log)) == after, p, log);
      const u64 read = loads[log](p);
      CHECK(self()->cause == 0 && read == value, read, value);
    }
  }
}

static void atomics_refuse(u8* p) {
  guarded_lr(p);
  CHECK(self()->cause == LOAD_MISALIGNED || self()->cause == LOAD_ACCESS, self()->cause, p);
  CHECK(self()->tval == (u64)p, self()->tval, p);
  guarded_amoadd(p, 1);
  CHECK(self()->cause == STORE_MISALIGNED || self()->cause == STORE_ACCESS, self()->cause, p);
}

static void into_hole(u8* hole) {
  for (int back = 1; back < 8; ++back) {
    u8* p = hole - back;
    const u64 before = bytes_at(p, 0);
    guarded_load_8(p);
    CHECK(self()->cause == LOAD_PAGE && self()->tval == (u64)hole, self()->cause, self()->tval);
    guarded_store_8(p, before);
    CHECK(self()->cause == STORE_PAGE && self()->tval == (u64)hole, self()->cause, self()->tval);
  }
}

void test_misaligned(void) {
  static u8 block[HARTS][256] __attribute__((aligned(64)));
  const u64 id = self()->id;
  sweep(block[id] + 1, block[id] + 150);
  atomics_refuse(block[id] + 4);
  atomics_refuse(block[id] + 1);
  u8* window = (u8*)private_window();  // pages 0 and 1: frames that are not neighbours; page 2: nothing
  map_private(0, frame_of(id, 2), PTE_R | PTE_W);
  map_private(1, frame_of(id, 0), PTE_R | PTE_W);
  map_private(2, 0, 0);
  sfence_all();
  sweep(window + PAGE - 20, window + PAGE + 4);
  into_hole(window + 2 * PAGE);
}
