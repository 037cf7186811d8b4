// Locks, time, limits, and what a program may ask of and set for itself.
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include <cerrno>
#include <vector>

#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

u64 host_or_null(const UserThread& thread, GuestVa address) {
  return address ? reinterpret_cast<u64>(thread.memory.host(address)) : 0;
}

// What the fourth and fifth arguments of futex are for an operation; the others leave anything in them.
bool has_timeout(unsigned op) {
  return op == FUTEX_WAIT || op == FUTEX_LOCK_PI || op == FUTEX_WAIT_BITSET || op == FUTEX_WAIT_REQUEUE_PI || op == 13;
}
bool has_second_word(unsigned op) {
  return op == FUTEX_REQUEUE || op == FUTEX_CMP_REQUEUE || op == FUTEX_WAKE_OP || op == FUTEX_WAIT_REQUEUE_PI ||
         op == FUTEX_CMP_REQUEUE_PI;
}

}  // namespace

s64 call_futex(UserThread& thread, const Call&, const u64* arg) {
  const unsigned op = unsigned(arg[1]) & unsigned(FUTEX_CMD_MASK);
  const bool timed = has_timeout(op), second = has_second_word(op);
  if (!thread.memory.in_range(arg[0], 4) || (timed && !thread.memory.in_range(arg[3])) ||
      (second && !thread.memory.in_range(arg[4], 4)))
    return -EFAULT;
  return thread.host(SYS_futex, u64(thread.memory.host(arg[0])), arg[1], arg[2],
                     timed ? host_or_null(thread, arg[3]) : arg[3], second ? host_or_null(thread, arg[4]) : 0, arg[5]);
}

s64 call_futex_waitv(UserThread& thread, const Call&, const u64* arg) {
  struct Waiter {  // struct futex_waitv
    u64 value, address;
    u32 flags, reserved;
  };
  constexpr u64 kMost = 128;
  if (arg[1] == 0 || arg[1] > kMost) return -EINVAL;
  std::vector<Waiter> waiters(arg[1]);
  if (s64 error = thread.memory.copy_in(waiters.data(), arg[0], waiters.size() * sizeof(Waiter))) return error;
  for (Waiter& w : waiters) {
    if (!thread.memory.in_range(w.address, 4)) return -EFAULT;
    w.address = u64(thread.memory.host(w.address));
  }
  if (!thread.memory.in_range(arg[3])) return -EFAULT;
  return thread.host(449, u64(waiters.data()), waiters.size(), arg[2], host_or_null(thread, arg[3]), arg[4]);
}

// The host's C library reads the clocks without entering the kernel.
s64 call_clock_gettime(UserThread& thread, const Call&, const u64* arg) {
  timespec now;
  if (clock_gettime(clockid_t(arg[0]), &now) != 0) return -errno;
  return thread.memory.put(arg[1], now);
}

s64 call_prlimit64(UserThread& thread, const Call&, const u64* arg) {
  if (!thread.memory.in_range(arg[2]) || !thread.memory.in_range(arg[3])) return -EFAULT;
  // The emulator needs room of its own: limits on the address space would stop it, not the guest.
  const bool harmless = arg[2] && (arg[1] == RLIMIT_AS || arg[1] == RLIMIT_DATA || arg[1] == RLIMIT_STACK);
  return thread.host(SYS_prlimit64, arg[0], arg[1], harmless ? 0 : host_or_null(thread, arg[2]),
                     host_or_null(thread, arg[3]));
}

s64 call_setrlimit(UserThread& thread, const Call& call, const u64* arg) {
  const u64 as_prlimit[6] = {0, arg[0], arg[1], 0, 0, 0};
  return call_prlimit64(thread, call, as_prlimit);
}

s64 call_uname(UserThread& thread, const Call&, const u64* arg) {
  utsname name;
  if (uname(&name) != 0) return -errno;
  std::memset(name.machine, 0, sizeof name.machine);
  const std::string_view isa = thread.isa.facts().name;
  std::memcpy(name.machine, isa.data(), isa.size());
  return thread.memory.put(arg[0], name);
}

// Where things lie is not random in any case.
s64 call_personality(UserThread& thread, const Call&, const u64* arg) {
  constexpr u32 kQuery = 0xffffffff, kNoRandomize = 0x40000;
  const u32 wanted = u32(arg[0]);
  if (wanted == kQuery) return thread.process.personality;
  if (wanted & 0xff) return -EINVAL;
  return thread.process.personality.exchange(wanted & kNoRandomize);
}

// Requests that would change how the emulator itself runs are refused; the rest is the host's.
s64 call_prctl(UserThread& thread, const Call&, const u64* arg) {
  if (const auto own = thread.isa.control(thread.state(), thread.memory, arg)) return *own;
  switch (arg[0]) {
    case PR_SET_SECCOMP:
    case PR_SET_MM:
    case PR_SET_SYSCALL_USER_DISPATCH:
    case PR_SET_TSC:
    case PR_GET_TSC:
    case PR_SET_UNALIGN:
    case PR_GET_UNALIGN:
    case PR_SET_FPEMU:
    case PR_GET_FPEMU:
    case PR_SET_ENDIAN:
    case PR_GET_ENDIAN:
    case 69:  // PR_RISCV_V_SET_CONTROL
    case 70:  // PR_RISCV_V_GET_CONTROL
    case 71:  // PR_RISCV_SET_ICACHE_FLUSH_CTX
      return -EINVAL;
    case PR_GET_TID_ADDRESS: return thread.memory.put(arg[1], thread.clear_child_tid);
    case PR_SET_PDEATHSIG:
    case PR_SET_DUMPABLE:
    case PR_SET_KEEPCAPS:
    case PR_SET_TIMERSLACK:
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP: return thread.host(SYS_prctl, arg[0], arg[1], arg[2], arg[3], arg[4]);
    default: break;
  }
  u64 host[5] = {arg[0], arg[1], arg[2], arg[3], arg[4]};
  for (u64& value : host)
    if (&value != host && thread.memory.base() && thread.memory.allows(value, 1, 0))
      value = u64(thread.memory.host(value));
  return thread.host(SYS_prctl, host[0], host[1], host[2], host[3], host[4]);
}

// A filter would judge the emulator's calls, which are not the guest's.
s64 call_seccomp(UserThread&, const Call&, const u64* arg) { return arg[0] == 2 ? -EOPNOTSUPP : -EINVAL; }

s64 call_semctl(UserThread& thread, const Call&, const u64* arg) {
  struct GuestSemaphores {  // struct semid64_ds of the generic ABI
    ipc_perm permissions;
    s64 operated, changed;
    u64 count, unused[2];
  };
  const int command = int(arg[2]) & ~0x100;  // IPC_64
  if (command != IPC_STAT && command != SEM_STAT && command != 20 && command != IPC_SET) {
    const bool pointer = command == GETALL || command == SETALL || command == IPC_INFO || command == SEM_INFO;
    if (pointer && !thread.memory.in_range(arg[3])) return -EFAULT;
    return thread.host(SYS_semctl, arg[0], arg[1], arg[2], pointer ? host_or_null(thread, arg[3]) : arg[3]);
  }
  semid_ds host{};
  GuestSemaphores guest{};
  if (command == IPC_SET) {
    if (s64 error = thread.memory.get(guest, arg[3])) return error;
    host.sem_perm = guest.permissions;
    return thread.host(SYS_semctl, arg[0], arg[1], arg[2], u64(&host));
  }
  const s64 result = thread.host(SYS_semctl, arg[0], arg[1], arg[2], u64(&host));
  if (result < 0) return result;
  guest.permissions = host.sem_perm;
  guest.operated = host.sem_otime;
  guest.changed = host.sem_ctime;
  guest.count = host.sem_nsems;
  if (s64 error = thread.memory.put(arg[3], guest)) return error;
  return result;
}

s64 call_riscv_hwprobe(UserThread& thread, const Call&, const u64* arg) {
  struct Pair {
    s64 key;
    u64 value;
  };
  if (arg[4]) return -EINVAL;
  for (u64 i = 0; i < arg[1]; i++) {
    Pair pair;
    const GuestVa at = arg[0] + i * sizeof pair;
    if (s64 error = thread.memory.get(pair, at)) return error;
    const auto value = thread.isa.hardware_probe(pair.key);
    pair = value ? Pair{pair.key, *value} : Pair{-1, 0};
    if (s64 error = thread.memory.put(at, pair)) return error;
  }
  return 0;
}

}  // namespace mimus::user
