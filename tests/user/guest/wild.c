// System calls with arguments that make no sense: whatever they answer, the emulator lives on. Argument: seed.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

// What would end, stop or replace the caller, take its memory or files from it, or reach other processes.
static const int kLeftOut[] = {SYS_exit,
                               SYS_exit_group,
                               SYS_rt_sigreturn,
                               SYS_execve,
                               SYS_execveat,
                               SYS_clone,
                               SYS_clone3,
                               SYS_munmap,
                               SYS_mremap,
                               SYS_mprotect,
                               SYS_mmap,
                               SYS_brk,
                               SYS_shmat,
                               SYS_shmdt,
                               SYS_kill,
                               SYS_tkill,
                               SYS_tgkill,
                               SYS_rt_sigqueueinfo,
                               SYS_rt_tgsigqueueinfo,
                               SYS_pidfd_send_signal,
                               SYS_reboot,
                               SYS_close,
                               SYS_close_range,
                               SYS_dup3,
                               SYS_rt_sigsuspend,
                               SYS_ppoll,
                               SYS_pselect6,
                               SYS_nanosleep,
                               SYS_clock_nanosleep,
                               SYS_futex,
                               SYS_rt_sigtimedwait,
                               SYS_wait4,
                               SYS_waitid,
                               SYS_epoll_pwait,
                               SYS_epoll_pwait2,
                               SYS_read,
                               SYS_readv,
                               SYS_setitimer,
                               SYS_timer_create,
                               SYS_timer_settime,
                               SYS_rt_sigprocmask,
                               SYS_rt_sigaction,
                               SYS_setrlimit,
                               SYS_prlimit64,
                               SYS_prctl,
                               SYS_madvise,
                               SYS_msgrcv,
                               SYS_process_vm_writev,
                               SYS_ioctl,
                               SYS_vhangup,
                               SYS_unshare,
                               SYS_setns,
                               SYS_fcntl,
                               SYS_semop,
                               SYS_semtimedop,
                               SYS_accept,
                               SYS_accept4,
                               SYS_recvfrom,
                               SYS_recvmsg,
                               SYS_recvmmsg,
                               SYS_sigaltstack,
                               SYS_set_robust_list,
                               SYS_mlockall,
                               SYS_setpriority,
                               SYS_sched_setscheduler,
                               SYS_sched_setattr,
                               SYS_sched_setparam,
                               SYS_sched_setaffinity,
                               SYS_process_madvise,
                               449};

static uint64_t state;
static uint64_t next(void) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

static char page[8192];
static uint64_t argument(void) {
  static const uint64_t kOdd[] = {0,
                                  1,
                                  2,
                                  7,
                                  16,
                                  4096,
                                  0x7fffffff,
                                  0x80000000,
                                  ~0ull,
                                  ~0ull << 12,
                                  1ull << 38,
                                  1ull << 46,
                                  (1ull << 47) - 4096,
                                  0x555555554000,
                                  0x7ffff7ff0000,
                                  1ull << 63,
                                  0xdeadbeef00000};
  switch (next() % 4) {
    case 0: return (uint64_t)page + next() % 4096;
    case 1: return next() >> next() % 64;
    default: return kOdd[next() % (sizeof kOdd / sizeof *kOdd)];
  }
}

static int left_out(int number) {
  for (unsigned i = 0; i < sizeof kLeftOut / sizeof *kLeftOut; i++)
    if (kLeftOut[i] == number) return 1;
  return 0;
}

static void go_wild(int number) {
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  struct rlimit files = {64, 64};
  setrlimit(RLIMIT_NOFILE, &files);
  alarm(5);
  for (int i = 0; i < 60; i++) {
    uint64_t a[6];
    for (int k = 0; k < 6; k++) a[k] = argument();
    syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  _exit(0);
}

int main(int argc, char** argv) {
  state = 0x9e3779b97f4a7c15ull * (argc > 1 ? atoi(argv[1]) : 1) | 1;
  if (getuid() == 0) CHECK(setgid(65534) == 0 && setuid(65534) == 0);
  int hung = 0;
  for (int number = 0; number < 470; number++) {
    if (left_out(number)) continue;
    next();
    pid_t child = fork();
    if (child == 0) go_wild(number);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    if (!WIFEXITED(status) && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)) {
      printf("wild: call %d ended by signal %d\n", number, WTERMSIG(status));
      return 1;
    }
  }
  CHECK(hung < 4);
  puts("wild: ok");
}
