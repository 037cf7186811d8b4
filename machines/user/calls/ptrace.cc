// ptrace and what goes with it.
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "machines/user/paths.h"
#include "machines/user/ptrace_tracer.h"
#include "machines/user/syscalls.h"

namespace mimus::user {

s64 call_ptrace(UserThread& thread, const Call&, const u64* arg) {
  return thread.process.ptrace().request(thread, arg[0], int(arg[1]), arg[2], arg[3]);
}

s64 call_wait4(UserThread& thread, const Call&, const u64* arg) {
  if (!thread.memory.in_range(arg[1], 4) || (arg[3] && !thread.memory.in_range(arg[3]))) return -EFAULT;
  int status = 0;
  rusage usage{};
  s64 child = 0;
  while (true) {
    child = thread.host(SYS_wait4, arg[0], u64(&status), arg[2], u64(&usage));
    // A child may have made this process its tracer.
    if (child <= 0 || !(WIFSTOPPED(status) || thread.process.traces())) break;
    const auto seen = thread.process.ptrace().translate(int(child), status);
    if (!seen) continue;
    status = *seen;
    break;
  }
  if (child <= 0) return child;
  if (arg[1])
    if (s64 error = thread.memory.put(arg[1], status)) return error;
  if (arg[3])
    if (s64 error = thread.memory.put(arg[3], usage)) return error;
  return child;
}

// Debuggers plant breakpoints by way of /proc/PID/mem.
s64 call_pwrite64(UserThread& thread, const Call&, const u64* arg) {
  if (!thread.memory.in_range(arg[1], arg[2] ? arg[2] : 1)) return -EFAULT;
  const s64 written = thread.host(SYS_pwrite64, arg[0], u64(thread.memory.host(arg[1])), arg[2], arg[3]);
  if (written <= 0 || !thread.process.traces()) return written;
  char name[64];
  const std::string link = "/proc/self/fd/" + std::to_string(int(arg[0]));
  const ssize_t length = readlink(link.c_str(), name, sizeof name);
  if (length > 0)
    if (const int process = process_of_memory_file(std::string(name, size_t(length))))
      thread.process.ptrace().memory_written(process, arg[3], u64(written));
  return written;
}

}  // namespace mimus::user
