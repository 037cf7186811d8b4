// Signals: delivery, masks, queues, restarts, alternate stacks, faults.
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"
#include "isa.h"

static volatile int count, last_code, depth, deepest;
static volatile long last_value;
static void* volatile last_address;
static volatile char* handler_stack;
static sigjmp_buf escape;

static void handle(int signal, void (*function)(int, siginfo_t*, void*), int flags) {
  struct sigaction action = {.sa_sigaction = function, .sa_flags = SA_SIGINFO | flags};
  sigemptyset(&action.sa_mask);
  CHECK(sigaction(signal, &action, 0) == 0);
}

static void note(int signal, siginfo_t* info, void* context) {
  char here;
  (void)signal, (void)context;
  count++;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
  last_address = info->si_addr;
  handler_stack = &here;
}

static void jump_out(int signal, siginfo_t* info, void* context) {
  note(signal, info, context);
  siglongjmp(escape, 1);
}

static void nest(int signal, siginfo_t* info, void* context) {
  (void)info, (void)context;
  if (++depth > deepest) deepest = depth;
  if (signal == SIGUSR1) raise(SIGUSR2);
  if (deepest < 200 && signal == SIGUSR2) raise(SIGUSR2);
  depth--;
}

static void sent_signals(void) {
  handle(SIGUSR1, note, 0);
  CHECK(kill(getpid(), SIGUSR1) == 0 && count == 1 && last_code == SI_USER);
  union sigval value = {.sival_int = 77};
  CHECK(sigqueue(getpid(), SIGUSR1, value) == 0 && count == 2 && last_code == SI_QUEUE && last_value == 77);
  CHECK(raise(SIGUSR1) == 0 && count == 3 && last_code == SI_TKILL);
  handle(SIGUSR1, nest, 0);
  handle(SIGUSR2, nest, SA_NODEFER);
  raise(SIGUSR1);
  CHECK(deepest == 200 && depth == 0);
  handle(SIGUSR1, note, SA_RESETHAND);
  raise(SIGUSR1);
  struct sigaction now;
  CHECK(sigaction(SIGUSR1, 0, &now) == 0 && now.sa_handler == SIG_DFL);
}

static int order[8], ordered;
static void in_order(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  order[ordered++] = info->si_value.sival_int;
}

static void queued_signals(void) {
  sigset_t set, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  sigaddset(&set, SIGRTMIN + 2);
  sigaddset(&set, SIGUSR1);
  CHECK(sigprocmask(SIG_BLOCK, &set, 0) == 0);
  handle(SIGRTMIN + 1, in_order, 0);
  handle(SIGRTMIN + 2, in_order, 0);
  for (int i = 0; i < 4; i++) {
    union sigval value = {.sival_int = i};
    CHECK(sigqueue(getpid(), SIGRTMIN + 1 + (i & 1), value) == 0);
  }
  CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGRTMIN + 1) && ordered == 0);
  siginfo_t info;
  struct timespec soon = {0, 1000};
  CHECK(sigtimedwait(&set, &info, &soon) == SIGRTMIN + 1 && info.si_value.sival_int == 0);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  // The one with the highest number is delivered on top of the others.
  CHECK(ordered == 3 && order[0] + order[1] + order[2] == 6);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  FAILS_WITH(EAGAIN, sigtimedwait(&set, &info, &soon));
  kill(getpid(), SIGUSR1);
  int fd = signalfd(-1, &set, SFD_NONBLOCK);
  struct signalfd_siginfo read_info;
  CHECK(read(fd, &read_info, sizeof read_info) == sizeof read_info && read_info.ssi_signo == SIGUSR1);
  close(fd);
  sigprocmask(SIG_UNBLOCK, &set, 0);
}

static void alarm_in(int usec) {
  struct itimerval timer = {{0, 0}, {0, usec}};
  setitimer(ITIMER_REAL, &timer, 0);
}

static void restarts(void) {
  int pipes[2];
  char c;
  CHECK(pipe(pipes) == 0);
  count = 0;
  handle(SIGALRM, note, 0);
  alarm_in(20000);
  FAILS_WITH(EINTR, read(pipes[0], &c, 1));
  CHECK(count == 1);
  handle(SIGALRM, note, SA_RESTART);
  alarm_in(20000);
  if (fork() == 0) {
    usleep(60000);
    CHECK(write(pipes[1], "x", 1) == 1);
    _exit(0);
  }
  CHECK(read(pipes[0], &c, 1) == 1 && c == 'x' && count == 2);
  wait(0);
  alarm_in(20000);
  FAILS_WITH(EINTR, poll(0, 0, 1000));  // never restarted
  struct timespec long_time = {5, 0}, left;
  alarm_in(20000);
  FAILS_WITH(EINTR, nanosleep(&long_time, &left));
  CHECK(left.tv_sec == 4);
}

static void waiting(void) {
  sigset_t block, old, open;
  sigemptyset(&block);
  sigaddset(&block, SIGALRM);
  sigprocmask(SIG_BLOCK, &block, &old);
  open = old;
  sigdelset(&open, SIGALRM);
  count = 0;
  for (int i = 0; i < 50; i++) {
    alarm_in(1 + i * 20);
    FAILS_WITH(EINTR, sigsuspend(&open));
    CHECK(count == i + 1);
  }
  alarm_in(3000);
  struct timespec second = {1, 0};
  FAILS_WITH(EINTR, ppoll(0, 0, &second, &open));
  CHECK(count == 51);
  sigset_t now;
  sigprocmask(SIG_BLOCK, 0, &now);
  CHECK(sigismember(&now, SIGALRM));
  sigprocmask(SIG_SETMASK, &old, 0);
}

static void faults(void) {
  static char stack[65536];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack}, seen;
  CHECK(sigaltstack(&alternate, 0) == 0);
  handle(SIGSEGV, jump_out, SA_ONSTACK);
  handle(SIGBUS, jump_out, 0);
  handle(SIGILL, jump_out, 0);
  handle(SIGTRAP, jump_out, 0);
  char* page = mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!sigsetjmp(escape, 1)) page[5] = 1;
  CHECK(last_code == SEGV_ACCERR && last_address == page + 5);
  CHECK((char*)handler_stack >= stack && (char*)handler_stack < stack + sizeof stack);
  munmap(page, 8192);
  if (!sigsetjmp(escape, 1)) (void)*(volatile char*)(page + 100);
  CHECK(last_code == SEGV_MAPERR && last_address == page + 100);
  if (!sigsetjmp(escape, 1)) ((void (*)(void))(page))();
  CHECK(last_code == SEGV_MAPERR && last_address == page);
  if (!sigsetjmp(escape, 1)) (void)*(volatile char*)0x7000000000000000;
  CHECK(!sigaltstack(0, &seen) && !(seen.ss_flags & SS_ONSTACK));
  FILE* file = tmpfile();
  char* mapped = mmap(0, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
  if (!sigsetjmp(escape, 1)) (void)*(volatile char*)mapped;
  CHECK(last_code == BUS_ADRERR && last_address == mapped);
  count = 0;
  if (!sigsetjmp(escape, 1)) asm volatile(".word 0");
  CHECK(count == 1 && last_code == ILL_ILLOPC);
  if (!sigsetjmp(escape, 1)) asm volatile(ISA_BREAK);
  CHECK(count == 2 && last_code == TRAP_BRKPT);
}

static void change_registers(int signal, siginfo_t* info, void* context) {
  ucontext_t* uc = context;
  (void)signal, (void)info;
  CONTEXT_PC(uc) += 4;
  CONTEXT_RESULT(uc) = 1234;
  volatile double x = 3.0;
  x = x / 7.0;
}

static void registers(void) {
  handle(SIGILL, change_registers, 0);
  register long result asm(ISA_RESULT) = 1;
  register double f asm(ISA_SAVED_FLOAT) = 2.5;
  asm volatile(".word 0" : "+r"(result), "+" ISA_FLOAT(f));
  CHECK(result == 1234 && f == 2.5);
}

static int status_of(void (*function)(void)) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    function();
    _exit(9);
  }
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}
static void crash(void) {
  signal(SIGSEGV, SIG_DFL);
  *(volatile int*)8 = 0;
}
static void ignored_crash(void) {
  signal(SIGSEGV, SIG_IGN);
  *(volatile int*)8 = 0;
}
static void terminate(void) { raise(SIGTERM); }
static void stop_and_go(void) { raise(SIGSTOP); }

static void statuses(void) {
  int status = status_of(crash);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  status = status_of(ignored_crash);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  status = status_of(terminate);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  pid_t child = fork();
  if (child == 0) {
    stop_and_go();
    _exit(3);
  }
  CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  kill(child, SIGCONT);
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

// A signal that comes at any instruction of a loop of short calls must not be lost.
static void* pelt(void* target) {
  for (int i = 0; i < 2000; i++) {
    pthread_kill(*(pthread_t*)target, SIGRTMIN + 3);
    if (i % 16 == 0) usleep(50);
  }
  return 0;
}
static void storm(void) {
  pthread_t self = pthread_self(), other;
  count = 0;
  handle(SIGRTMIN + 3, note, SA_RESTART);
  CHECK(pthread_create(&other, 0, pelt, &self) == 0);
  while (count < 2000) getppid();
  pthread_join(other, 0);
  CHECK(count == 2000);
}

int main(void) {
  sent_signals();
  queued_signals();
  restarts();
  waiting();
  faults();
  registers();
  statuses();
  storm();
  puts("signals: ok");
}
