// The address space.
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>

#include "machines/user/iovecs.h"
#include "machines/user/ptrace_tracer.h"
#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

// A call on a range of the guest's addresses that the host can make as it is.
s64 on_range(UserThread& thread, long number, const u64* arg, u64 third = 0) {
  if (!thread.memory.in_range(arg[0], arg[1])) return -ENOMEM;
  return thread.host(number, u64(thread.memory.host(arg[0])), arg[1], third);
}

}  // namespace

s64 call_brk(UserThread& thread, const Call&, const u64* arg) { return thread.memory.set_break(arg[0]); }

s64 call_mmap(UserThread& thread, const Call&, const u64* arg) {
  const int flags = int(arg[3]);
  return thread.memory.map(arg[0], arg[1], int(arg[2]), flags, flags & MAP_ANONYMOUS ? -1 : int(arg[4]), arg[5]);
}

s64 call_munmap(UserThread& thread, const Call&, const u64* arg) { return thread.memory.unmap(arg[0], arg[1]); }
s64 call_mprotect(UserThread& thread, const Call&, const u64* arg) {
  return thread.memory.protect(arg[0], arg[1], int(arg[2]));
}
s64 call_mremap(UserThread& thread, const Call&, const u64* arg) {
  return thread.memory.remap(arg[0], arg[1], arg[2], int(arg[3]), arg[4]);
}

s64 call_madvise(UserThread& thread, const Call&, const u64* arg) {
  const s64 result = on_range(thread, SYS_madvise, arg, arg[2]);
  const bool empties = arg[2] == MADV_DONTNEED || arg[2] == MADV_REMOVE || arg[2] == MADV_FREE || arg[2] == 24;
  if (result == 0 && empties && arg[1]) thread.memory.discarded(arg[0], arg[1]);
  return result;
}

s64 call_mincore(UserThread& thread, const Call&, const u64* arg) {
  if (!thread.memory.in_range(arg[2])) return -EFAULT;
  return on_range(thread, SYS_mincore, arg, u64(thread.memory.host(arg[2])));
}
s64 call_msync(UserThread& thread, const Call&, const u64* arg) { return on_range(thread, SYS_msync, arg, arg[2]); }
s64 call_mlock(UserThread& thread, const Call&, const u64* arg) { return on_range(thread, SYS_mlock, arg); }
s64 call_mlock2(UserThread& thread, const Call&, const u64* arg) { return on_range(thread, SYS_mlock2, arg, arg[2]); }
s64 call_munlock(UserThread& thread, const Call&, const u64* arg) { return on_range(thread, SYS_munlock, arg); }

s64 call_shmat(UserThread& thread, const Call&, const u64* arg) {
  return thread.memory.attach_shared(int(arg[0]), arg[1], int(arg[2]));
}
s64 call_shmdt(UserThread& thread, const Call&, const u64* arg) { return thread.memory.detach_shared(arg[0]); }

// Addresses of the other process are that process's own: they agree for guests whose base is 0, as ours.
s64 call_process_vm_readv(UserThread& thread, const Call&, const u64* arg) {
  IoVecs local, remote;
  if (s64 error = local.load(thread.memory, arg[1], arg[2])) return error;
  if (s64 error = remote.load(thread.memory, arg[3], arg[4])) return error;
  local.prepare_write(thread.memory);
  return thread.host(SYS_process_vm_readv, arg[0], local.host(), local.count(), remote.host(), remote.count(), arg[5]);
}
s64 call_process_vm_writev(UserThread& thread, const Call&, const u64* arg) {
  IoVecs local, remote;
  if (s64 error = local.load(thread.memory, arg[1], arg[2])) return error;
  if (s64 error = remote.load(thread.memory, arg[3], arg[4])) return error;
  const s64 written =
      thread.host(SYS_process_vm_writev, arg[0], local.host(), local.count(), remote.host(), remote.count(), arg[5]);
  if (written > 0 && thread.process.traces()) {
    const auto* ranges = reinterpret_cast<const iovec*>(remote.host());
    for (u64 i = 0; i < remote.count(); i++)
      thread.process.ptrace().memory_written(
          int(arg[0]), u64(ranges[i].iov_base) - reinterpret_cast<u64>(thread.memory.base()), ranges[i].iov_len);
  }
  return written;
}

// Code that the guest has written through another mapping of the same memory is seen after this. Other writes are found
// by themselves.
s64 call_riscv_flush_icache(UserThread& thread, const Call&, const u64* arg) {
  if (arg[2] & ~u64{1}) return -EINVAL;
  const u64 bytes = arg[1] > arg[0] ? arg[1] - arg[0] : 0;
  thread.process.accelerator.sync_code(bytes ? arg[0] : 0, bytes ? bytes : ~u64{0});
  if (bytes && thread.memory.overlaps_shared(arg[0], bytes)) thread.process.accelerator.forget(arg[0], bytes);
  return 0;
}

}  // namespace mimus::user
