// What is AArch64's own: records of signal frames, keys of pointer authentication, tagged addresses, branch targets,
// memory copy and set, capabilities and /proc/cpuinfo.
#define _GNU_SOURCE
#include <asm/sigcontext.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "check.h"

enum { kPage = 4096, kProtBti = 0x10, kPaca = 30, kBti = 17, kMops = 43 };

static sigjmp_buf escape;
static volatile int last_signal, last_code;
static void* volatile last_address;
static volatile uint64_t last_esr, last_fault;
static volatile int has_fp, has_esr;

static void on_fault(int signal, siginfo_t* info, void* context) {
  ucontext_t* uc = context;
  last_signal = signal, last_code = info->si_code, last_address = info->si_addr;
  has_fp = has_esr = 0;
  last_fault = uc->uc_mcontext.fault_address;
  for (char* at = (char*)uc->uc_mcontext.__reserved;;) {
    struct _aarch64_ctx* head = (struct _aarch64_ctx*)at;
    if (!head->magic) break;
    if (head->magic == FPSIMD_MAGIC && head->size == sizeof(struct fpsimd_context)) has_fp = 1;
    if (head->magic == ESR_MAGIC) has_esr = 1, last_esr = ((struct esr_context*)at)->esr;
    at += head->size;
  }
  siglongjmp(escape, 1);
}
static void handle(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  for (int s = SIGILL; s <= SIGSEGV; s++)
    if (s == SIGILL || s == SIGBUS || s == SIGSEGV) CHECK(sigaction(s, &action, 0) == 0);
}

static void frames(void) {
  volatile char* page = mmap(0, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!sigsetjmp(escape, 1)) page[8] = 1;
  CHECK(last_signal == SIGSEGV && last_code == SEGV_ACCERR && last_address == page + 8 && has_fp && has_esr);
  CHECK(last_esr >> 26 == 0x24 && last_esr & 0x40 && (last_esr & 0x3c) == 0xc && last_fault == (uint64_t)page + 8);
  munmap((void*)page, kPage);
  if (!sigsetjmp(escape, 1)) (void)page[9];
  CHECK(last_code == SEGV_MAPERR && !(last_esr & 0x40) && (last_esr & 0x3c) == 4);
  if (!sigsetjmp(escape, 1)) __asm__ volatile(".word 0");
  CHECK(last_signal == SIGILL && has_fp && !has_esr);
}

static uint64_t with_code(uint64_t pointer, uint64_t modifier) {
  register uint64_t x17 __asm__("x17") = pointer;
  register uint64_t x16 __asm__("x16") = modifier;
  __asm__ volatile("hint #8" : "+r"(x17) : "r"(x16));  // pacia1716
  return x17;
}
static uint64_t without_code(uint64_t pointer, uint64_t modifier) {
  register uint64_t x17 __asm__("x17") = pointer;
  register uint64_t x16 __asm__("x16") = modifier;
  __asm__ volatile("hint #12" : "+r"(x17) : "r"(x16));  // autia1716
  return x17;
}

// So many modifiers that some code is not zero.
static uint64_t codes(uint64_t pointer) {
  uint64_t all = 0;
  for (uint64_t m = 0; m < 8; m++) all = all << 7 | (with_code(pointer, m * 64) >> 48 & 0x7f);
  return all;
}

static void pointers(void) {
  const uint64_t pointer = 0x123456789abc;
  if (!(getauxval(AT_HWCAP) >> kPaca & 1)) {
    CHECK(with_code(pointer, 5) == pointer && prctl(PR_PAC_RESET_KEYS, 0, 0, 0, 0) == -1);
    return;
  }
  CHECK(getauxval(AT_HWCAP) >> 31 & 1);  // PACG
  const uint64_t before = codes(pointer);
  CHECK(before != 0 && (with_code(pointer, 5) & ~(0x7fULL << 48)) == pointer);
  CHECK(without_code(with_code(pointer, 5), 5) == pointer);
  CHECK(prctl(PR_PAC_RESET_KEYS, PR_PAC_APIAKEY, 0, 0, 0) == 0 && codes(pointer) != before);
  FAILS_WITH(EINVAL, prctl(PR_PAC_RESET_KEYS, 32, 0, 0, 0));
  CHECK(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0) == 15);
  CHECK(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APIAKEY, 0, 0, 0) == 0 && codes(pointer) == 0);
  CHECK(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0) == 14);
  CHECK(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APIAKEY, PR_PAC_APIAKEY, 0, 0) == 0 && codes(pointer) != 0);
}

static int answer(void) { return 42; }

static void tags(void) {
  const uint64_t tag = 0xa5ULL << 56;
  static volatile uint64_t word = 7;
  volatile uint64_t* tagged = (void*)((uint64_t)&word | tag);
  CHECK(*tagged == 7);
  *tagged = 8;
  CHECK(word == 8 && __atomic_fetch_add(tagged, 2, __ATOMIC_SEQ_CST) == 8 && word == 10);
  int (*function)(void) = (void*)((uint64_t)answer | tag);
  CHECK(function() == 42);
  int fds[2];
  CHECK(pipe(fds) == 0);
  FAILS_WITH(EFAULT, write(fds[1], (void*)tagged, 8));
  CHECK(prctl(PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE, 0, 0, 0) == 0);
  CHECK(prctl(PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0) == PR_TAGGED_ADDR_ENABLE);
  CHECK(write(fds[1], (void*)tagged, 8) == 8);
  word = 0;
  CHECK(read(fds[0], (void*)tagged, 8) == 8 && word == 10);
  CHECK(prctl(PR_SET_TAGGED_ADDR_CTRL, 0, 0, 0, 0) == 0);
}

// Two functions: one behind BTI C, one behind nothing. Calls and jumps of all kinds.
static int call(void* to) {
  register void* x9 __asm__("x9") = to;
  register uint64_t x0 __asm__("x0");
  __asm__ volatile("blr x9" : "=r"(x0) : "r"(x9) : "x30", "memory");
  return (int)x0;
}
static int jump(void* to) {
  register void* x9 __asm__("x9") = to;
  register uint64_t x0 __asm__("x0");
  __asm__ volatile("adr x30, 1f\n br x9\n1:" : "=r"(x0) : "r"(x9) : "x30", "memory");
  return (int)x0;
}
static int jump16(void* to) {
  register void* x16 __asm__("x16") = to;
  register uint64_t x0 __asm__("x0");
  __asm__ volatile("adr x30, 1f\n br x16\n1:" : "=r"(x0) : "r"(x16) : "x30", "memory");
  return (int)x0;
}

static void targets(void) {
  static const uint32_t code[] = {0xd503245f, 0xd2800540, 0xd65f03c0,   // bti c; mov x0, #42; ret
                                  0xd2800560, 0xd65f03c0,               // mov x0, #43; ret
                                  0xd503249f, 0xd2800580, 0xd65f03c0};  // bti j; mov x0, #44; ret
  uint32_t* page = mmap(0, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, code, sizeof code);
  __builtin___clear_cache((char*)page, (char*)page + sizeof code);
  if (!(getauxval(AT_HWCAP2) >> kBti & 1)) {
    FAILS_WITH(EINVAL, mprotect(page, kPage, PROT_READ | PROT_EXEC | kProtBti));
    return;
  }
  CHECK(mprotect(page, kPage, PROT_READ | PROT_EXEC) == 0 && call(page) == 42 && call(page + 3) == 43);
  CHECK(mprotect(page, kPage, PROT_READ | PROT_EXEC | kProtBti) == 0 && call(page) == 42 && jump16(page) == 42);
  if (!sigsetjmp(escape, 1)) CHECK(call(page + 3) == -1);
  CHECK(last_signal == SIGILL && last_code == ILL_ILLOPC && last_address == page + 3);
  CHECK(call(page) == 42);
  if (!sigsetjmp(escape, 1)) CHECK(call(page + 5) == -1);
  CHECK(last_address == page + 5 && jump(page + 5) == 44);
  CHECK(mprotect(page, kPage, PROT_READ | PROT_EXEC) == 0 && call(page + 3) == 43);
}

static void copies(void) {
  if (!(getauxval(AT_HWCAP2) >> kMops & 1)) return;
  static char a[9000], b[9000];
  for (int i = 0; i < 9000; i++) a[i] = (char)(i * 7 + i / 256);
  memcpy(b, a, sizeof b);
  // memmove within a, both ways, over several parts.
  for (int shift = -300; shift <= 300; shift += 75) {
    register uint64_t to __asm__("x3") = (uint64_t)a + 400 + shift, from __asm__("x4") = (uint64_t)a + 400,
                         count __asm__("x5") = 8200;
    __asm__ volatile(".word 0x1d0404a3\n.word 0x1d4404a3\n.word 0x1d8404a3"  // cpyp, cpym, cpye [x3]!, [x4]!, x5!
                     : "+r"(to), "+r"(from), "+r"(count)::"memory", "cc");
    const uint64_t left = count;
    memmove(b + 400 + shift, b + 400, 8200);
    CHECK(left == 0 && !memcmp(a, b, sizeof a));
  }
  register uint64_t to __asm__("x3") = (uint64_t)a + 5, count __asm__("x5") = 8801, data __asm__("x4") = 0x1ee;
  __asm__ volatile(".word 0x19c404a3\n.word 0x19c444a3\n.word 0x19c484a3"  // setp, setm, sete [x3]!, x5!, x4
                   : "+r"(to), "+r"(count)
                   : "r"(data)
                   : "memory", "cc");
  const uint64_t left = count, end = to;
  memset(b + 5, 0xee, 8801);
  CHECK(left == 0 && end == (uint64_t)a + 5 + 8801 && !memcmp(a, b, sizeof a));
}

static void capabilities(void) {
  char line[1024], *features = 0;
  FILE* file = fopen("/proc/cpuinfo", "r");
  CHECK(file != 0);
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, "Features", 8))
      features = line;
    else if (features)
      break;
  fclose(file);
  file = fopen("/proc/cpuinfo", "r");
  while (fgets(line, sizeof line, file) && strncmp(line, "Features", 8)) {
  }
  fclose(file);
  const uint64_t caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
  CHECK(!strstr(line, " atomics") == !(caps >> 8 & 1) && !strstr(line, " paca") == !(caps >> kPaca & 1));
  CHECK(!strstr(line, " bti") == !(caps2 >> kBti & 1) && !strstr(line, " asimddp") == !(caps >> 20 & 1));
  uint64_t isar0;
  __asm__("mrs %0, s3_0_c0_c6_0" : "=r"(isar0));  // ID_AA64ISAR0_EL1
  CHECK((isar0 >> 20 & 15) == (caps >> 8 & 1 ? 2 : 0) && (isar0 >> 44 & 15) == (caps >> 20 & 1));
}

int main(void) {
  handle();
  frames();
  pointers();
  tags();
  targets();
  copies();
  capabilities();
  printf("aarch64: ok\n");
  return 0;
}
