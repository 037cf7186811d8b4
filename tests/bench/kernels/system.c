// System calls that do nearly nothing: what entering and leaving the kernel costs.
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

// A million of them. The checksum is that all gave the same answer.
uint64_t system_calls(unsigned scale) {
  const long parent = syscall(SYS_getppid);
  uint64_t same = 0;
  for (unsigned i = 0; i < 1000000 * scale; ++i) same += syscall(SYS_getppid) == parent;
  return same;
}
