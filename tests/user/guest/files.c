// Files, descriptors, sockets, events, and what /proc says of the program.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "isa.h"

static char folder[] = "/tmp/mimus-files-XXXXXX";

static void status(void) {
  CHECK(mkdtemp(folder) && chdir(folder) == 0);
  int fd = open("file", O_CREAT | O_RDWR | O_EXCL, 0640);
  CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10);
  FAILS_WITH(EEXIST, open("file", O_CREAT | O_EXCL, 0600));
  struct stat s, t;
  CHECK(fstat(fd, &s) == 0 && s.st_size == 10 && S_ISREG(s.st_mode) && (s.st_mode & 0777) == 0640 && s.st_nlink == 1);
  CHECK(stat("file", &t) == 0 && t.st_ino == s.st_ino && t.st_mtim.tv_sec > 1000000000 && t.st_blksize >= 512);
  struct statx x;
  CHECK(statx(AT_FDCWD, "file", 0, STATX_ALL, &x) == 0 && x.stx_size == 10 && x.stx_ino == s.st_ino);
  struct timespec times[2] = {{1000, 5}, {2000, 7}};
  CHECK(utimensat(AT_FDCWD, "file", times, 0) == 0 && stat("file", &t) == 0 && t.st_mtim.tv_sec == 2000 &&
        t.st_mtim.tv_nsec == 7);
  CHECK(symlink("file", "link") == 0 && lstat("link", &t) == 0 && S_ISLNK(t.st_mode) && t.st_size == 4);
  char text[64];
  CHECK(readlink("link", text, sizeof text) == 4 && !memcmp(text, "file", 4));
  CHECK(rename("file", "other") == 0 && access("other", R_OK) == 0);
  FAILS_WITH(ENOENT, access("file", F_OK));
  struct statfs f;
  CHECK(statfs(".", &f) == 0 && f.f_bsize > 0 && f.f_namelen > 0);
  DIR* dir = opendir(".");
  int entries = 0;
  while (readdir(dir)) entries++;
  CHECK(entries == 4 && closedir(dir) == 0);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  CHECK(fcntl(fd, F_SETLK, &lock) == 0);
  struct iovec vectors[2] = {{text, 3}, {text + 10, 4}};
  CHECK(preadv(fd, vectors, 2, 2) == 7 && !memcmp(text, "234", 3) && !memcmp(text + 10, "5678", 4));
  vectors[1].iov_base = (void*)16;
  CHECK(preadv(fd, vectors, 2, 2) == 3 || errno == EFAULT);
  CHECK(lseek(fd, 0, SEEK_END) == 10 && ftruncate(fd, 5) == 0 && close(fd) == 0);
  CHECK(unlink("other") == 0 && unlink("link") == 0);
}

static void events(void) {
  int ep = epoll_create1(EPOLL_CLOEXEC), counter = eventfd(0, EFD_NONBLOCK), timer = timerfd_create(CLOCK_MONOTONIC, 0);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef0}, got[4];
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, counter, &event) == 0);
  event.data.u64 = 7;
  CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, timer, &event) == 0);
  CHECK(epoll_wait(ep, got, 4, 0) == 0);
  CHECK(eventfd_write(counter, 5) == 0 && epoll_wait(ep, got, 4, -1) == 1 && got[0].data.u64 == 0x123456789abcdef0);
  eventfd_t value;
  CHECK(eventfd_read(counter, &value) == 0 && value == 5);
  struct itimerspec soon = {{0, 0}, {0, 1000000}};
  CHECK(timerfd_settime(timer, 0, &soon, 0) == 0 && epoll_wait(ep, got, 4, 1000) == 1 && got[0].data.u64 == 7);
  int watch = inotify_init1(IN_NONBLOCK);
  CHECK(inotify_add_watch(watch, ".", IN_CREATE) > 0 && close(creat("seen", 0600)) == 0);
  char buffer[256];
  struct inotify_event* seen = (struct inotify_event*)buffer;
  CHECK(read(watch, buffer, sizeof buffer) > 0 && !strcmp(seen->name, "seen"));
  struct pollfd polled = {.fd = watch, .events = POLLIN};
  CHECK(poll(&polled, 1, 1) == 0);
  fd_set set;
  struct timeval short_time = {0, 1000};
  FD_ZERO(&set);
  FD_SET(watch, &set);
  CHECK(select(watch + 1, &set, 0, 0, &short_time) == 0);
  unlink("seen");
}

static void sockets(void) {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  int fd = open("/dev/null", O_RDONLY);
  char control[CMSG_SPACE(sizeof fd)], byte = 'x';
  struct iovec vector = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  CHECK(sendmsg(pair[0], &message, 0) == 1);
  memset(control, 0, sizeof control);
  message.msg_controllen = sizeof control;
  CHECK(recvmsg(pair[1], &message, 0) == 1 && byte == 'x');
  int received;
  memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
  struct stat s;
  CHECK(received != fd && fstat(received, &s) == 0 && S_ISCHR(s.st_mode));
  struct mmsghdr many[2];
  struct iovec parts[2] = {{"ab", 2}, {"cde", 3}};
  memset(many, 0, sizeof many);
  for (int i = 0; i < 2; i++) many[i].msg_hdr.msg_iov = &parts[i], many[i].msg_hdr.msg_iovlen = 1;
  CHECK(sendmmsg(pair[0], many, 2, 0) == 2 && many[0].msg_len == 2 && many[1].msg_len == 3);
  char text[8];
  CHECK(read(pair[1], text, 8) == 5 && !memcmp(text, "abcde", 5));
  int value = 0;
  socklen_t length = sizeof value;
  CHECK(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &length) == 0 && value == SOCK_STREAM);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, "socket");
  CHECK(bind(listener, (struct sockaddr*)&address, sizeof address) == 0 && listen(listener, 1) == 0);
  CHECK(connect(client, (struct sockaddr*)&address, sizeof address) == 0 &&
        accept4(listener, 0, 0, SOCK_NONBLOCK) >= 0);
  CHECK(send(client, "x", 1, 0) == 1 && unlink("socket") == 0);
  CHECK(ioctl(client, FIONREAD, &value) == 0 && value == 0);
}

static void semaphores(void) {
  int id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
  struct semid_ds info;
  union {
    int value;
    struct semid_ds* info;
  } argument = {.value = 3};
  struct sembuf take = {0, -2, 0};
  CHECK(id >= 0 && semctl(id, 0, SETVAL, argument) == 0 && semop(id, &take, 1) == 0 && semctl(id, 0, GETVAL) == 1);
  argument.info = &info;
  CHECK(semctl(id, 0, IPC_STAT, argument) == 0 && info.sem_nsems == 2 && info.sem_ctime > 1000000000);
  CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static void itself(const char* name) {
  char text[4096], real[4096];
  CHECK(realpath(name, real));
  ssize_t length = readlink("/proc/self/exe", text, sizeof text - 1);
  CHECK(length > 0 && (text[length] = 0, !strcmp(text, real)));
  FILE* maps = fopen("/proc/self/maps", "r");
  int stack = 0, program = 0, foreign = 0;
  unsigned long here = (unsigned long)&stack, start, end;
  char prot[5];
  while (fgets(text, sizeof text, maps)) {
    CHECK(sscanf(text, "%lx-%lx %4s", &start, &end, prot) == 3);
    if (here >= start && here < end) stack = !strcmp(prot, "rw-p") && strstr(text, "[stack]");
    if ((unsigned long)itself >= start && (unsigned long)itself < end)
      program = !strcmp(prot, "r-xp") && strstr(text, real);
    if (strstr(text, "bin/mimus")) foreign = 1;
  }
  fclose(maps);
  CHECK(stack && program && !foreign);
  int fd = open("/proc/self/cmdline", O_RDONLY);
  CHECK((length = read(fd, text, sizeof text)) == (ssize_t)strlen(name) + 1 && !strcmp(text, name));
  close(fd);
  unsigned long vector[128];
  fd = open("/proc/self/auxv", O_RDONLY);
  CHECK(read(fd, vector, sizeof vector) > 64);
  for (int i = 0; vector[i]; i += 2) CHECK(getauxval(vector[i]) == vector[i + 1]);
  close(fd);
  CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_RANDOM) && getauxval(AT_HWCAP) & 1);
  struct utsname uts;
  CHECK(uname(&uts) == 0 && !strcmp(uts.machine, ISA_NAME));
}

static void system_facts(void) {
  struct timespec a, b;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0 && clock_gettime(CLOCK_MONOTONIC, &b) == 0);
  CHECK(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
  FAILS_WITH(EINVAL, clock_gettime(999, &a));
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 0);
  struct sysinfo info;
  CHECK(sysinfo(&info) == 0 && info.totalram > 0);
  FAILS_WITH(ENOSYS, syscall(999));
  FAILS_WITH(ENOSYS, syscall(425, 1, 0));  // io_uring_setup
#ifdef __riscv
  struct {
    long key;
    unsigned long value;
  } probe[2] = {{3, 0}, {12345, 1}};
  CHECK(syscall(258, probe, 2, 0, 0, 0) == 0 && probe[0].value == 1 && probe[1].key == -1);
#endif
}

int main(int argc, char** argv) {
  (void)argc;
  itself(argv[0]);
  status();
  events();
  sockets();
  semaphores();
  system_facts();
  CHECK(chdir("/") == 0 && rmdir(folder) == 0);
  puts("files: ok");
}
