// Signals: actions, masks, waiting. Sending and what is pending are the host's.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "machines/user/host_signals.h"
#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

s64 get_mask(UserThread& thread, GuestVa at, u64 bytes, SignalMask& mask) {
  return bytes != sizeof mask ? -EINVAL : thread.memory.get(mask, at);
}

}  // namespace

s64 call_rt_sigaction(UserThread& thread, const Call&, const u64* arg) {
  const u64 signal = arg[0];
  if (arg[3] != sizeof(SignalMask) || signal < 1 || signal > kSignals) return -EINVAL;
  u8 bytes[64];
  const std::span<u8> record(bytes, thread.isa.action_bytes());
  GuestAction old = thread.actions->get(int(signal));
  if (arg[1]) {
    if (signal == SIGKILL || signal == SIGSTOP) return -EINVAL;
    if (s64 error = thread.memory.copy_in(record.data(), arg[1], record.size())) return error;
    GuestAction action = thread.isa.read_action(record);
    action.mask &= ~kUnblockable;
    old = thread.actions->exchange(int(signal), action);
    thread.set_action_of_host(int(signal));
  }
  if (!arg[2]) return 0;
  thread.isa.write_action(record, old);
  return thread.memory.copy_out(arg[2], record.data(), record.size());
}

s64 call_rt_sigprocmask(UserThread& thread, const Call&, const u64* arg) {
  if (arg[3] != sizeof(SignalMask)) return -EINVAL;
  const SignalMask old = thread.mask();
  if (arg[1]) {
    SignalMask change = 0;
    if (s64 error = thread.memory.get(change, arg[1])) return error;
    if (arg[0] > SIG_SETMASK) return -EINVAL;
    thread.set_mask(arg[0] == SIG_BLOCK ? old | change : arg[0] == SIG_UNBLOCK ? old & ~change : change);
  }
  return arg[2] ? thread.memory.put(arg[2], old) : 0;
}

s64 call_rt_sigpending(UserThread& thread, const Call&, const u64* arg) {
  SignalMask pending = 0;
  if (arg[1] > sizeof pending) return -EINVAL;
  const s64 result = thread.host(SYS_rt_sigpending, u64(&pending), sizeof pending);
  return result < 0 ? result : thread.memory.copy_out(arg[0], &pending, arg[1]);
}

s64 call_rt_sigsuspend(UserThread& thread, const Call&, const u64* arg) {
  SignalMask mask = 0;
  if (s64 error = get_mask(thread, arg[0], arg[1], mask)) return error;
  const SignalMask host = thread.begin_temporary_mask(mask);
  return thread.host(SYS_rt_sigsuspend, u64(&host), sizeof host);
}

s64 call_rt_sigtimedwait(UserThread& thread, const Call&, const u64* arg) {
  SignalMask mask = 0;
  timespec timeout{};
  siginfo_t info{};
  if (s64 error = get_mask(thread, arg[0], arg[3], mask)) return error;
  if (arg[2])
    if (s64 error = thread.memory.get(timeout, arg[2])) return error;
  const s64 signal = thread.host(SYS_rt_sigtimedwait, u64(&mask), u64(&info), arg[2] ? u64(&timeout) : 0, sizeof mask);
  if (signal > 0 && arg[1])
    if (s64 error = thread.memory.put(arg[1], info)) return error;
  return signal;
}

s64 call_rt_sigreturn(UserThread& thread, const Call&, const u64*) { return thread.signal_return(); }

s64 call_sigaltstack(UserThread& thread, const Call&, const u64* arg) {
  const GuestStack old = thread.alternate_stack();
  if (arg[0]) {
    GuestStack stack;
    if (s64 error = thread.memory.get(stack, arg[0])) return error;
    if (s64 error = thread.set_alternate_stack(stack)) return error;
  }
  return arg[1] ? thread.memory.put(arg[1], old) : 0;
}

s64 call_restart_syscall(UserThread&, const Call&, const u64*) { return -EINTR; }

}  // namespace mimus::user
