// ptrace: a program that traces children of its own, the way strace and debuggers do.
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "isa.h"

typedef struct {
  unsigned long r[kRegisters];
} Registers;

struct CallInfo {  // struct ptrace_syscall_info
  unsigned char op, padding[3];
  unsigned architecture;
  unsigned long pc, sp;
  unsigned long detail[7];
};
#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif

volatile long shared_number = 1;
volatile int handled;

__attribute__((noinline, aligned(4))) int answer(void) {
  __asm__ volatile("");
  return 42;
}

static int wait_for(int pid) {
  int status = -1;
  CHECK(waitpid(pid, &status, __WALL) == pid);
  return status;
}
static void go(int request, int pid, int signal) { CHECK(ptrace(request, pid, 0, signal) == 0); }
static Registers registers(int pid) {
  Registers regs;
  struct iovec io = {&regs, sizeof regs};
  CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io) == 0 && io.iov_len == sizeof regs);
  return regs;
}
static void set_registers(int pid, Registers regs) {
  struct iovec io = {&regs, sizeof regs};
  CHECK(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io) == 0);
}
static int stopped_by(int signal) { return signal << 8 | 0x7f; }
static int event_status(int event) { return (SIGTRAP | event << 8) << 8 | 0x7f; }

static void on_signal(int number) { handled += number; }

// A child that has called TRACEME and stands at its SIGSTOP.
static int start(int (*child)(void)) {
  const int pid = fork();
  if (pid == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(99);
    raise(SIGSTOP);
    _exit(child());
  }
  const int status = wait_for(pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 99) {
    printf("traced: the host allows no ptrace\ntraced: ok\n");
    exit(0);
  }
  CHECK(status == stopped_by(SIGSTOP));
  return pid;
}

// -- system calls --

static int child_of_calls(void) {
  const long parent = syscall(SYS_getppid);
  return parent == 4242 ? 7 : 1;
}

static void test_calls(void) {
  const int pid = start(child_of_calls);
  go(PTRACE_SETOPTIONS, pid, PTRACE_O_TRACESYSGOOD);
  int entries = 0, exits = 0;
  while (1) {
    go(PTRACE_SYSCALL, pid, 0);
    const int status = wait_for(pid);
    if (WIFEXITED(status)) {
      CHECK(WEXITSTATUS(status) == 7);
      break;
    }
    CHECK(status == stopped_by(SIGTRAP | 0x80));
    struct CallInfo info = {0};
    CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0);
    CHECK(info.pc == registers(pid).r[kPc]);
    if (info.op == 1 && info.detail[0] == SYS_getppid) entries++;
    if (info.op == 2 && (long)info.detail[0] == getpid()) {
      Registers regs = registers(pid);
      CHECK(regs.r[kResult] == (unsigned long)getpid());
      regs.r[kResult] = 4242;
      set_registers(pid, regs);
      exits++;
    }
  }
  CHECK(entries == 1 && exits == 1);
}

// -- memory and breakpoints --

static int child_of_memory(void) { return shared_number == 0x1122334455667788 ? answer() : 1; }

static void test_memory_and_breakpoint(void) {
  const int pid = start(child_of_memory);
  errno = 0;
  CHECK(ptrace(PTRACE_PEEKDATA, pid, &shared_number, 0) == 1 && errno == 0);
  FAILS_WITH(EIO, ptrace(PTRACE_PEEKDATA, pid, (void*)8, 0));
  CHECK(ptrace(PTRACE_POKEDATA, pid, &shared_number, 0x1122334455667788) == 0);
  long copy = 0;
  struct iovec local = {&copy, sizeof copy}, remote = {(void*)&shared_number, sizeof copy};
  CHECK(process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof copy && copy == 0x1122334455667788);
  char name[64];
  snprintf(name, sizeof name, "/proc/%d/mem", pid);
  const int memory = open(name, O_RDWR);
  unsigned old = 0;
  CHECK(memory >= 0 && pread(memory, &old, 4, (off_t)answer) == 4);
  CHECK(pwrite(memory, &kBreak, 4, (off_t)answer) == 4);
  for (int round = 0; round < 2; round++) {
    go(PTRACE_CONT, pid, 0);
    CHECK(wait_for(pid) == stopped_by(SIGTRAP));
    CHECK(registers(pid).r[kPc] == (unsigned long)answer);
    siginfo_t info;
    CHECK(ptrace(PTRACE_GETSIGINFO, pid, 0, &info) == 0 && info.si_code == TRAP_BRKPT);
  }
  CHECK(pwrite(memory, &old, 4, (off_t)answer) == 4);
  close(memory);
  go(PTRACE_SINGLESTEP, pid, 0);
  CHECK(wait_for(pid) == stopped_by(SIGTRAP));
  CHECK(registers(pid).r[kPc] != (unsigned long)answer);
  go(PTRACE_CONT, pid, 0);
  const int status = wait_for(pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

// -- signals --

static int child_of_signals(void) {
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  raise(SIGUSR1);
  raise(SIGWINCH);  // which is ignored
  return handled;
}

static void test_signals(void) {
  const int pid = start(child_of_signals);
  go(PTRACE_CONT, pid, 0);
  CHECK(wait_for(pid) == stopped_by(SIGUSR1));
  go(PTRACE_CONT, pid, 0);  // never seen by the child
  CHECK(wait_for(pid) == stopped_by(SIGUSR1));
  go(PTRACE_CONT, pid, SIGUSR1);
  CHECK(wait_for(pid) == stopped_by(SIGWINCH));
  go(PTRACE_CONT, pid, SIGWINCH);
  int status = wait_for(pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == SIGUSR1);
}

// -- events --

static void* thread_main(void* argument) {
  shared_number = 5;
  return argument;
}

static int child_of_events(void) {
  pthread_t thread;
  pthread_create(&thread, 0, thread_main, 0);
  pthread_join(thread, 0);
  const int pid = fork();
  if (pid == 0) _exit(3);
  int status = 0;
  waitpid(pid, &status, 0);
  execl("/proc/self/exe", "traced", "child", NULL);
  return 1;
}

static void test_events(void) {
  const int pid = start(child_of_events);
  const long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
  CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, options) == 0);
  go(PTRACE_CONT, pid, 0);
  unsigned long message = 0;
  int clones = 0, forks = 0, execs = 0, exits = 0, stops = 0;
  for (int living = 1; living;) {
    int status = 0;
    const int who = waitpid(-1, &status, __WALL);
    CHECK(who > 0);
    if (WIFEXITED(status)) {
      if (who == pid) CHECK(WEXITSTATUS(status) == 9);
      if (who == pid) living = 0;
      continue;
    }
    CHECK(WIFSTOPPED(status));
    if (status == event_status(PTRACE_EVENT_CLONE) || status == event_status(PTRACE_EVENT_FORK)) {
      CHECK(who == pid && ptrace(PTRACE_GETEVENTMSG, who, 0, &message) == 0 && message > 0);
      status == event_status(PTRACE_EVENT_CLONE) ? clones++ : forks++;
    } else if (status == event_status(PTRACE_EVENT_EXEC)) {
      execs++;
    } else if (status == event_status(PTRACE_EVENT_EXIT)) {
      exits++;
    } else if (status == stopped_by(SIGSTOP)) {
      CHECK(who != pid);
      stops++;
    } else {
      CHECK(status == stopped_by(SIGCHLD));
      go(PTRACE_CONT, who, SIGCHLD);
      continue;
    }
    go(PTRACE_CONT, who, 0);
  }
  CHECK(clones == 1 && forks == 1 && execs == 1 && exits == 3 && stops == 2);
}

// -- attaching --

static void test_attach(void) {
  int ready[2];
  CHECK(pipe(ready) == 0);
  const int pid = fork();
  if (pid == 0) {
    signal(SIGUSR1, on_signal);
    CHECK(write(ready[1], "x", 1) == 1);
    while (!handled) pause();
    _exit(11);
  }
  char byte;
  CHECK(read(ready[0], &byte, 1) == 1);
  CHECK(ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
  go(PTRACE_INTERRUPT, pid, 0);
  CHECK(wait_for(pid) == (SIGTRAP << 8 | 0x7f | 128 << 16));  // PTRACE_EVENT_STOP
  go(PTRACE_DETACH, pid, 0);
  FAILS_WITH(ESRCH, ptrace(PTRACE_CONT, pid, 0, 0));
  CHECK(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0);
  CHECK(wait_for(pid) == stopped_by(SIGSTOP));
  go(PTRACE_CONT, pid, 0);
  CHECK(kill(pid, SIGUSR1) == 0);
  CHECK(wait_for(pid) == stopped_by(SIGUSR1));
  go(PTRACE_DETACH, pid, SIGUSR1);
  const int status = wait_for(pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 11);
  close(ready[0]), close(ready[1]);
}

int main(int argc, char** argv) {
  if (argc > 1) return 9;
  test_calls();
  test_memory_and_breakpoint();
  test_signals();
  test_events();
  test_attach();
  printf("traced: ok\n");
  return 0;
}
