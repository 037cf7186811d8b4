// Storms of page-table changes with remote fences; address spaces with and without their own ASID.
#include "paging.h"

enum { STEPS = 800, CODE_OFFSET = 64, SPACES_STEPS = 600 };

static u64 roots[HARTS][2][512] __attribute__((aligned(4096)));
static u64 shared_middle[512] __attribute__((aligned(4096)));
static u64 shared_leaves[512] __attribute__((aligned(4096)));
static u64 private_middle[HARTS][2][512] __attribute__((aligned(4096)));
static u64 private_leaves[HARTS][2][512] __attribute__((aligned(4096)));
static u8 frames[HARTS][FRAMES_PER_HART][PAGE] __attribute__((aligned(4096)));

static u64 table(const void* p) { return (u64)p >> 12 << 10 | PTE_V; }
static u64 leaf(const void* p, u64 bits) { return bits ? table(p) | bits | PTE_A | PTE_D : 0; }

u64 shared_window(void) { return (u64)4 << 30; }
u64 private_window(void) { return (u64)5 << 30; }
u8* frame_of(u64 hart, u64 index) { return frames[hart][index]; }
void map_shared(u64 page, const u8* frame, u64 bits) { STORE(&shared_leaves[page], leaf(frame, bits)); }
void map_private(u64 page, const u8* frame, u64 bits) {
  STORE(&private_leaves[self()->id][0][page], leaf(frame, bits));
}
void map_second(u64 page, const u8* frame, u64 bits) { STORE(&private_leaves[self()->id][1][page], leaf(frame, bits)); }

static u64 asid_of(int second) { return 1 + 2 * self()->id + (u64)second; }
u64 satp_of(int second) { return (u64)8 << 60 | asid_of(second) << 44 | (u64)roots[self()->id][second] >> 12; }

u64 hart_root(void) {
  const u64 id = self()->id;
  for (int second = 0; second < 2; ++second) {
    u64* root = roots[id][second];
    for (u64 gigabyte = 0; gigabyte < 4; ++gigabyte) {
      root[gigabyte] = leaf((const void*)(gigabyte << 30), PTE_RWX | PTE_G);
    }
    root[4] = table(shared_middle);
    root[5] = table(private_middle[id][second]);
    private_middle[id][second][0] = table(private_leaves[id][second]);
  }
  STORE(&shared_middle[0], table(shared_leaves));
  return satp_of(0);
}

// Fills a frame: its number in the first word, a function that returns it behind.
static void make_frame(u8* frame, u64 number) {
  STORE((u64*)frame, number);
  u32* code = (u32*)(frame + CODE_OFFSET);
  STORE(&code[0], (u32)(number << 20 | 10 << 7 | 0x13));  // addi a0, zero, number
  STORE(&code[1], 0x00008067);                            // ret
}

static void make_frames(void) {
  const u64 id = self()->id;
  for (u64 i = 0; i < FRAMES_PER_HART; ++i) make_frame(frames[id][i], id * FRAMES_PER_HART + i + 1);
  fence_i();
  barrier();
  fence_i();
}

// ---- shared window ----

static const u64 permissions[] = {PTE_RWX, PTE_R, PTE_R | PTE_W, PTE_X, PTE_R | PTE_X, 0};

// What a page is, by a sequence counter: odd while it changes. A reader that finds the same even number before and
// after its access knows that all harts have done their fences, so the access must have seen this page.
static struct {
  u64 sequence, number, bits;
} pages[WINDOW_PAGES];
static u32 paging_lock;

static void change_page(void) {
  lock_amo(&paging_lock);
  const u64 page = next_random() % WINDOW_PAGES;
  const u64 frame = next_random() % (HARTS * FRAMES_PER_HART);
  const u64 bits = permissions[next_random() % (sizeof permissions / sizeof *permissions)];
  STORE(&pages[page].sequence, pages[page].sequence + 1);
  fence_rw();
  map_shared(page, frames[0][0] + frame * PAGE, bits);
  fence_rw();
  if (next_random() & 1)
    sfence_page(shared_window() + page * PAGE + next_random() % PAGE);
  else
    sfence_all();
  remote(REQUEST_SFENCE);
  STORE(&pages[page].number, frame + 1);
  STORE(&pages[page].bits, bits);
  fence_rw();
  STORE(&pages[page].sequence, pages[page].sequence + 1);
  unlock_amo(&paging_lock);
}

static void use_page(void) {
  const u64 page = next_random() % WINDOW_PAGES, kind = next_random() % 3, id = self()->id;
  u8* address = (u8*)shared_window() + page * PAGE;
  const u64 before = LOAD(&pages[page].sequence);
  fence_rw();
  const u64 number = LOAD(&pages[page].number), bits = LOAD(&pages[page].bits);
  fence_rw();
  u64 value = number;
  if (kind == 0)
    value = guarded_load_8(address);
  else if (kind == 1)
    guarded_store_8(address + 8 + 8 * id, before);
  else
    value = guarded_call((u64(*)(u64))(address + CODE_OFFSET), 0);
  const u64 cause = self()->cause, tval = self()->tval;
  fence_rw();
  if (before & 1 || LOAD(&pages[page].sequence) != before) return;
  static const u64 needed[] = {PTE_R, PTE_W, PTE_X}, faults[] = {LOAD_PAGE, STORE_PAGE, FETCH_PAGE};
  if (bits & needed[kind]) {
    CHECK(cause == 0, cause, tval);
    CHECK(value == number, value, number);
  } else {
    CHECK(cause == faults[kind], cause, kind);
    CHECK(tval >> 12 == (u64)address >> 12, tval, address);
  }
}

void test_paging(void) {
  make_frames();
  for (int step = 0; step < STEPS; ++step) {
    if (next_random() % 16 == 0) change_page();
    for (int i = 0; i < 8; ++i) use_page();
  }
}

// ---- private windows, two address spaces ----

static int has_asids(void) {
  u64 value;
  __asm__ volatile("csrr %0, satp" : "=r"(value));
  return (value >> 44 & 0xffff) == asid_of(0);
}

static void enter_space(int second, int flush) {
  __asm__ volatile("csrw satp, %0" ::"r"(satp_of(second)) : "memory");
  if (flush) sfence_all();
}

static void check_page(u64 page, u64 number) {
  u8* address = (u8*)private_window() + page * PAGE;
  const u64 value = guarded_load_8(address), cause = self()->cause;
  CHECK(cause == (number ? 0 : LOAD_PAGE), cause, number);
  if (!number) return;
  CHECK(value == number, value, number);
  const u64 result = guarded_call((u64(*)(u64))(address + CODE_OFFSET), 0);
  CHECK(self()->cause == 0 && result == number, result, number);
}

void test_address_spaces(void) {
  const int asids = has_asids();
  const u64 id = self()->id;
  static u64 all_numbers[HARTS][2][WINDOW_PAGES];
  u64(*numbers)[WINDOW_PAGES] = all_numbers[id];
  for (u64 page = 0; page < WINDOW_PAGES; ++page) map_private(page, 0, 0), map_second(page, 0, 0);
  sfence_all();
  make_frames();
  for (int step = 0; step < SPACES_STEPS; ++step) {
    const int second = (int)(next_random() & 1);
    const u64 page = next_random() % WINDOW_PAGES, frame = next_random() % (FRAMES_PER_HART + 1);
    enter_space(second, !asids);
    if (next_random() % 4 == 0) {
      numbers[second][page] = frame == FRAMES_PER_HART ? 0 : id * FRAMES_PER_HART + frame + 1;
      (second ? map_second : map_private)(page, frames[id][frame % FRAMES_PER_HART],
                                          frame == FRAMES_PER_HART ? 0 : PTE_RWX);
      const u64 va = private_window() + page * PAGE;
      switch (next_random() % 4) {
        case 0: sfence_all(); break;
        case 1: sfence_page(va); break;
        case 2: sfence_asid(asid_of(second)); break;
        default: sfence_page_asid(va, asid_of(second)); break;
      }
    }
    for (int i = 0; i < 4; ++i) {
      const u64 other = (page + (u64)i * 5) % WINDOW_PAGES;
      check_page(other, numbers[second][other]);
    }
  }
  enter_space(0, 1);
}
