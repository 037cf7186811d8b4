// What fio and iperf3 measure, as one small static program for a guest's initramfs. Linux asynchronous I/O, O_DIRECT.
//
//   iobench disk DEVICE read|write seq|random BLOCK DEPTH SECONDS
//   iobench net send|receive|turns ADDRESS PORT SECONDS       (peer: tests/bench/io.py)
//   iobench check DEVICE                                      (writes a pattern all over the first MiBs, reads it back)
//
// The result is one line, "rate OPERATIONS BYTES SECONDS".
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DEPTH = 64, MAX_EVENTS = MAX_DEPTH, NET_BLOCK = 128 << 10 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void die(const char* what) {
  perror(what);
  exit(1);
}

static uint64_t next_random(void) {  // xorshift64
  static uint64_t state = 0x9e3779b97f4a7c15;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static int report(uint64_t operations, uint64_t bytes, double seconds) {
  printf("rate %llu %llu %.6f\n", (unsigned long long)operations, (unsigned long long)bytes, seconds);
  return 0;
}

struct disk_job {
  int fd, write, random;
  uint64_t block, blocks, next;
  aio_context_t context;
};

static void submit(struct disk_job* job, struct iocb* request) {
  const uint64_t at = job->random ? next_random() % job->blocks : job->next++ % job->blocks;
  request->aio_lio_opcode = job->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
  request->aio_offset = (int64_t)(at * job->block);
  if (syscall(SYS_io_submit, job->context, 1, &request) != 1) die("io_submit");
}

static int disk(char** arg) {
  const unsigned depth = (unsigned)atoi(arg[4]);
  const double limit = atof(arg[5]);
  struct disk_job job = {.write = !strcmp(arg[1], "write"), .random = !strcmp(arg[2], "random")};
  job.block = (uint64_t)atoll(arg[3]);
  job.fd = open(arg[0], O_RDWR | O_DIRECT);
  if (job.fd < 0) die(arg[0]);
  uint64_t bytes = 0;
  if (ioctl(job.fd, BLKGETSIZE64, &bytes)) die("BLKGETSIZE64");
  job.blocks = bytes / job.block;
  if (depth < 1 || depth > MAX_DEPTH || job.blocks == 0) die("arguments");
  if (syscall(SYS_io_setup, MAX_EVENTS, &job.context)) die("io_setup");
  static struct iocb requests[MAX_DEPTH];
  const double start = now();
  for (unsigned i = 0; i < depth; i++) {
    void* buffer = NULL;
    if (posix_memalign(&buffer, 4096, job.block)) die("memory");
    memset(buffer, (int)i + 1, job.block);
    requests[i] = (struct iocb){.aio_fildes = (uint32_t)job.fd, .aio_buf = (uintptr_t)buffer, .aio_nbytes = job.block};
    submit(&job, &requests[i]);
  }
  uint64_t done = 0, running = depth;
  while (running) {
    struct io_event events[MAX_EVENTS];
    const long count = syscall(SYS_io_getevents, job.context, 1L, (long)MAX_EVENTS, events, NULL);
    if (count < 1) die("io_getevents");
    const int more = now() - start < limit;
    for (long i = 0; i < count; i++) {
      if (events[i].res != (int64_t)job.block) die("transfer");
      if (more)
        submit(&job, (struct iocb*)(uintptr_t)events[i].obj);
      else
        running--;
      done++;
    }
  }
  if (job.write && fsync(job.fd)) die("fsync");
  return report(done, done * job.block, now() - start);
}

static int check(char** arg) {
  enum { WORDS = 1 << 16, ROUNDS = 64 };
  static uint64_t data[WORDS] __attribute__((aligned(4096)));
  const int fd = open(arg[0], O_RDWR | O_DIRECT);
  if (fd < 0) die(arg[0]);
  for (uint64_t round = 0; round < ROUNDS; round++) {
    for (uint64_t i = 0; i < WORDS; i++) data[i] = (round << 32 | i) * 0x9e3779b97f4a7c15;
    if (pwrite(fd, data, sizeof data, (off_t)(round * sizeof data)) != sizeof data) die("write");
  }
  for (uint64_t round = 0; round < ROUNDS; round++) {
    if (pread(fd, data, sizeof data, (off_t)(round * sizeof data)) != sizeof data) die("read");
    for (uint64_t i = 0; i < WORDS; i++)
      if (data[i] != (round << 32 | i) * 0x9e3779b97f4a7c15) return puts("rate 0 0 0"), 1;
  }
  return report(ROUNDS, ROUNDS * sizeof data, 1);
}

static int net(char** arg) {
  static char data[NET_BLOCK];
  const double limit = atof(arg[3]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arg[2]))};
  const int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (!inet_aton(arg[1], &address.sin_addr) || connect(fd, (struct sockaddr*)&address, sizeof address)) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const char mode = arg[0][0];
  if (write(fd, &mode, 1) != 1) die("mode");
  uint64_t bytes = 0, turns = 0;
  const double start = now();
  for (double seconds = 0; seconds < limit; seconds = now() - start) {
    if (mode == 't' && (write(fd, data, 1) != 1 || read(fd, data, 1) != 1)) die("turn");
    const ssize_t count = mode == 't' ? 1 : mode == 's' ? write(fd, data, sizeof data) : read(fd, data, sizeof data);
    if (count <= 0) die("transfer");
    bytes += (uint64_t)count;
    turns++;
  }
  if (mode == 's') {  // until the peer has it all
    if (shutdown(fd, SHUT_WR)) die("shutdown");
    while (read(fd, data, sizeof data) > 0) {
    }
  }
  return report(turns, bytes, now() - start);
}

int main(int argc, char** argv) {
  if (argc == 8 && !strcmp(argv[1], "disk")) return disk(argv + 2);
  if (argc == 6 && !strcmp(argv[1], "net")) return net(argv + 2);
  if (argc == 3 && !strcmp(argv[1], "check")) return check(argv + 2);
  fputs("usage: see tests/bench/io/iobench.c\n", stderr);
  return 2;
}
