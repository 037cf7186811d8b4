// The address space: mappings, protections, reservations, code that is written while it runs.
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "check.h"
#include "isa.h"

enum { kPage = 4096 };
static sigjmp_buf escape;
static void jump_out(int signal) { (void)signal, siglongjmp(escape, 1); }
static int readable(volatile char* at) {
  if (sigsetjmp(escape, 1)) return 0;
  (void)*at;
  return 1;
}
static int writable(volatile char* at) {
  if (sigsetjmp(escape, 1)) return 0;
  *at = *at;
  return 1;
}

static void mappings(void) {
  char* a = mmap(0, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(a != MAP_FAILED && readable(a) && writable(a));
  CHECK(mprotect(a + kPage, kPage, PROT_READ) == 0 && !writable(a + kPage) && writable(a) && writable(a + 2 * kPage));
  CHECK(mprotect(a + kPage, kPage, PROT_NONE) == 0 && !readable(a + kPage));
  CHECK(munmap(a + 2 * kPage, kPage) == 0 && !readable(a + 2 * kPage) && readable(a + 3 * kPage));
  FAILS_WITH(ENOMEM, mprotect(a, 4 * kPage, PROT_READ));
  FAILS_WITH(EEXIST, mmap(a, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  CHECK(mmap(a + 2 * kPage, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
        a + 2 * kPage);
  FAILS_WITH(EINVAL, mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  FAILS_WITH(EINVAL, munmap(a + 1, kPage));
  FAILS_WITH(EBADF, mmap(0, kPage, PROT_READ, MAP_PRIVATE, -1, 0));
  FAILS_WITH(ENOMEM, mmap((void*)0x7ffffffff000, 1l << 46, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  munmap(a, 4 * kPage);
  // Room for a language runtime, which costs nothing until it is used.
  char* huge = mmap(0, 1l << 36, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(huge != MAP_FAILED && mprotect(huge + (1l << 35), kPage, PROT_READ | PROT_WRITE) == 0);
  CHECK(writable(huge + (1l << 35)) && munmap(huge, 1l << 36) == 0);
  char* hinted = mmap((void*)0x2000000000, 1 << 26, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(hinted == (char*)0x2000000000 && munmap(hinted, 1 << 26) == 0);
}

static void moves(void) {
  char *a = mmap(0, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *guard = a + 2 * kPage;
  CHECK(mprotect(guard, kPage, PROT_READ) == 0);
  strcpy(a, "first"), strcpy(a + kPage, "second");
  FAILS_WITH(ENOMEM, mremap(a, 2 * kPage, 64 * kPage, 0));
  char* b = mremap(a, 2 * kPage, 64 * kPage, MREMAP_MAYMOVE);
  CHECK(b != MAP_FAILED && !strcmp(b, "first") && !strcmp(b + kPage, "second") && b[63 * kPage] == 0);
  CHECK(b == a || !readable(a));
  CHECK(mremap(b, 64 * kPage, kPage, 0) == b && !readable(b + kPage));
  char* c = mremap(b, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, guard);
  CHECK(c == guard && !strcmp(c, "first") && !readable(b));
  void* before = sbrk(0);
  CHECK(sbrk(1 << 20) == before && writable(before) && sbrk(-(1 << 20)) == (char*)before + (1 << 20));
}

static void files(void) {
  int fd = memfd_create("shared", 0);
  CHECK(ftruncate(fd, 2 * kPage) == 0);
  char* a = mmap(0, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char* b = mmap(0, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, kPage);
  strcpy(a + kPage, "through the file");
  CHECK(!strcmp(b, "through the file"));
  strcpy(b, "private");
  CHECK(!strcmp(a + kPage, "through the file"));
  CHECK(pread(fd, a, 7, kPage) == 7 && !memcmp(a, "through", 7));
  int id = shmget(IPC_PRIVATE, kPage, IPC_CREAT | 0600);
  char *x = shmat(id, 0, 0), *y = shmat(id, 0, SHM_RDONLY);
  CHECK(x != (void*)-1 && y != (void*)-1 && strcpy(x, "segment") && !strcmp(y, "segment") && !writable(y));
  CHECK(shmdt(x) == 0 && !readable(x) && shmdt(y) == 0 && shmctl(id, IPC_RMID, 0) == 0);
  close(fd);
}

typedef int (*Function)(void);

static void code(void) {
  uint32_t* page = mmap(0, kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 200; i++) {
    write_code(page, i);
    __builtin___clear_cache((char*)page, (char*)page + 8);
    CHECK(((Function)(void*)page)() == i);
  }
  // The kernel writes the code: no EFAULT for a page that has been translated.
  int pipes[2];
  uint32_t text[2];
  CHECK(pipe(pipes) == 0);
  for (int i = 0; i < 20; i++) {
    write_code(text, 1000 + i);
    CHECK(write(pipes[1], text, 8) == 8 && read(pipes[0], page, 8) == 8);
    __builtin___clear_cache((char*)page, (char*)page + 8);
    CHECK(((Function)(void*)page)() == 1000 + i);
  }
  // Never writable and executable at once.
  for (int i = 0; i < 20; i++) {
    CHECK(mprotect(page, kPage, PROT_READ | PROT_WRITE) == 0);
    write_code(page, 500 + i);
    CHECK(mprotect(page, kPage, PROT_READ | PROT_EXEC) == 0 && !writable((char*)page));
    CHECK(((Function)(void*)page)() == 500 + i);
  }
  // Two views of the same memory.
  int fd = memfd_create("code", 0);
  CHECK(ftruncate(fd, kPage) == 0);
  uint32_t* view = mmap(0, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  Function run = (Function)mmap(0, kPage, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  for (int i = 0; i < 20; i++) {
    write_code(view, i);
    __builtin___clear_cache((char*)run, (char*)run + 8);
    CHECK(run() == i);
  }
  CHECK(mprotect(page, kPage, PROT_READ) == 0);
  if (!sigsetjmp(escape, 1)) {
    ((Function)(void*)page)();
    CHECK(0);
  }
  munmap(page, kPage);
  uint32_t* again =
      mmap(page, kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  write_code(again, 77);
  CHECK(((Function)(void*)again)() == 77);
}

static void wild_pointers(void) {
  static const long kBad[] = {16, -4096, 0x7000000000000000, 0x555555554000, 0x7ffff7ff0000, 0x3ffffffff000};
  char name[8];
  int zero = open("/dev/zero", O_RDONLY);
  for (unsigned i = 0; i < sizeof kBad / sizeof *kBad; i++) {
    void* bad = (void*)kBad[i];
    FAILS_WITH(EFAULT, read(zero, bad, 100));
    FAILS_WITH(EFAULT, write(1, bad, 100) < 0 ? -1 : 0);
    FAILS_WITH(EFAULT, open(bad, O_RDONLY));
    FAILS_WITH(EFAULT, pipe(bad));
  }
  FAILS_WITH(EFAULT, readlink("/proc/self/exe", (char*)16, 100));
  (void)name;
  close(zero);
}

int main(void) {
  signal(SIGSEGV, jump_out);
  mappings();
  moves();
  files();
  code();
  wild_pointers();
  puts("memory: ok");
}
