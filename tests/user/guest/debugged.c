// What tests/user/gdb.py debugs. argv[1]: a file to make when the program waits to be interrupted.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct pair {
  int number;
  double half;
} pair = {3, 2.5};
volatile int watched;
volatile int handled;
static pthread_barrier_t barrier;

__attribute__((noinline)) int square(int number) {
  int result = number * number;
  return result;
}

__attribute__((noinline)) int twice(int number) { return number * 2; }

static void* worker(void* argument) {
  pthread_barrier_wait(&barrier);
  int result = square(*(int*)argument);
  pthread_barrier_wait(&barrier);
  return (void*)(long)result;
}

static void on_signal(int number) { handled += number; }

static void wait_for_interruption(const char* file) {
  close(open(file, O_CREAT | O_WRONLY, 0600));
  while (handled < 2) pause();
}

int main(int argc, char** argv) {
  int number = 5;
  pthread_t thread;
  pthread_barrier_init(&barrier, 0, 2);
  pthread_create(&thread, 0, worker, &number);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, 0);
  for (int i = 1; i < 3; i++) watched = i * 10;
  signal(SIGUSR1, on_signal);
  if (fork() == 0) _exit(twice(4));  // with a breakpoint there, which is not the child's
  int status = 0;
  wait(&status);
  wait_for_interruption(argv[1]);
  printf("handled %d, child %d\n", handled, WEXITSTATUS(status));
  return 7;
}
