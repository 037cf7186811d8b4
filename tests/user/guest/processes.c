// Processes: fork, vfork, spawn, exec, wait, pipes between them. Runs itself again with an argument.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

extern char** environ;

static int status_of(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}

static void run_self(const char* self) {
  char* arguments[] = {"other-name", "child", "a b", "", 0};
  char* environment[] = {"ONLY=this", 0};
  pid_t child = fork();
  if (child == 0) {
    execve(self, arguments, environment);
    _exit(99);
  }
  CHECK(WEXITSTATUS(status_of(child)) == 21);
  CHECK(posix_spawn(&child, "/proc/self/exe", 0, 0, arguments, environment) == 0);
  CHECK(WEXITSTATUS(status_of(child)) == 21);
  int fd = open(self, O_RDONLY | O_CLOEXEC);
  if ((child = fork()) == 0) {
    fexecve(fd, arguments, environment);
    _exit(99);
  }
  CHECK(WEXITSTATUS(status_of(child)) == 21);
  close(fd);
}

static int child_main(int argc, char** argv) {
  if (!strcmp(argv[1], "y")) return 1;
  CHECK(argc == 4 && !strcmp(argv[0], "other-name") && !strcmp(argv[2], "a b") && !*argv[3]);
  CHECK(!strcmp(environ[0], "ONLY=this") && !environ[1]);
  return 21;
}

static void errors(void) {
  pid_t child;
  char* arguments[] = {"x", 0};
  CHECK(posix_spawn(&child, "/does/not/exist", 0, 0, arguments, environ) == ENOENT);
  CHECK(posix_spawn(&child, "/", 0, 0, arguments, environ) == EACCES);
  FAILS_WITH(ENOENT, execve("/does/not/exist", arguments, environ));
  FAILS_WITH(EFAULT, execve((char*)16, arguments, environ));
  FAILS_WITH(EFAULT, execve("/bin/true", (char**)16, environ));
  FAILS_WITH(ECHILD, waitpid(-1, 0, 0));
  FILE* file = fopen("/tmp/mimus-not-a-program", "w");
  fputs("nothing that could run\n", file);
  fclose(file);
  chmod("/tmp/mimus-not-a-program", 0755);
  FAILS_WITH(ENOEXEC, execve("/tmp/mimus-not-a-program", arguments, environ));
  unlink("/tmp/mimus-not-a-program");
}

// What a child that shares the memory opens and closes is its own business.
static void descriptors(void) {
  char* arguments[] = {"x", "y", "z", "", 0};
  FILE* script = fopen("/tmp/mimus-script", "w");
  fputs("#!/does/not/exist\n", script);
  fclose(script);
  chmod("/tmp/mimus-script", 0755);
  pid_t child;
  int pipes[2];
  char byte;
  for (int i = 0; i < 3; i++) {
    CHECK(pipe(pipes) == 0);
    CHECK(posix_spawn(&child, "/tmp/mimus-script", 0, 0, arguments, environ) == ENOENT);
    CHECK(posix_spawn(&child, "/proc/self/exe", 0, 0, arguments, environ) == 0);
    CHECK(WEXITSTATUS(status_of(child)) == 1);
    CHECK(write(pipes[1], "x", 1) == 1 && read(pipes[0], &byte, 1) == 1 && close(pipes[0]) == 0 &&
          close(pipes[1]) == 0);
  }
  unlink("/tmp/mimus-script");
}

static volatile int shared_with_child;
static void vforks(void) {
  signal(SIGUSR1, SIG_IGN);
  for (int i = 0; i < 20; i++) {
    pid_t child = vfork();
    if (child == 0) {
      shared_with_child = i;
      signal(SIGUSR1, SIG_DFL);
      _exit(i);
    }
    CHECK(WEXITSTATUS(status_of(child)) == i && shared_with_child == i);
  }
  struct sigaction now;
  CHECK(sigaction(SIGUSR1, 0, &now) == 0 && now.sa_handler == SIG_IGN);
  pid_t child = vfork();
  if (child == 0) raise(SIGKILL);
  int status = status_of(child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void natives(void) {
  CHECK(system("exit 7") == 7 << 8);
  FILE* pipe = popen("echo out; echo $((6*7))", "r");
  char line[64];
  CHECK(fgets(line, sizeof line, pipe) && !strcmp(line, "out\n"));
  CHECK(fgets(line, sizeof line, pipe) && !strcmp(line, "42\n"));
  CHECK(pclose(pipe) == 0);
}

static void waits(void) {
  int* shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t children[10];
  for (int i = 0; i < 10; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      __atomic_fetch_add(shared, i, __ATOMIC_SEQ_CST);
      _exit(i);
    }
  }
  siginfo_t info;
  CHECK(waitid(P_PID, children[3], &info, WEXITED) == 0 && info.si_status == 3 && info.si_pid == children[3]);
  struct rusage usage;
  int status, seen = 0;
  while (wait4(-1, &status, 0, &usage) > 0) seen++;
  CHECK(seen == 9 && *shared == 45);
  CHECK(getpgid(0) > 0 && getsid(0) >= 0);
  char name[16];
  CHECK(prctl(PR_SET_NAME, "renamed") == 0 && prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "renamed"));
}

static void memory_is_private(void) {
  int value = 1;
  pid_t child = fork();
  if (child == 0) {
    value = 2;
    _exit(value);
  }
  CHECK(WEXITSTATUS(status_of(child)) == 2 && value == 1);
}

int main(int argc, char** argv) {
  if (argc > 1) return child_main(argc, argv);
  run_self(argv[0]);
  errors();
  descriptors();
  vforks();
  natives();
  waits();
  memory_is_private();
  puts("processes: ok");
}
