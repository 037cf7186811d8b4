#include "machines/user/host_signals.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>

#include "core/memory/guarded.h"
#include "machines/user/thread.h"

#ifdef __x86_64__
asm(".pushsection .text\n"
    ".type mimus_sigreturn, @function\n"
    "mimus_sigreturn:\n"
    "  mov $15, %eax\n"  // rt_sigreturn
    "  syscall\n"
    ".size mimus_sigreturn, . - mimus_sigreturn\n"
    ".popsection\n");
extern "C" void mimus_sigreturn();
#endif

namespace mimus::user {
namespace {

constexpr u64 kSaRestorer = 0x04000000;
constexpr unsigned kMaskBytes = 8;

struct KernelAction {
  void* handler;
  u64 flags;
  void (*restorer)();
  SignalMask mask;
};

void install(int signal, const KernelAction& action) {
  syscall(SYS_rt_sigaction, signal, &action, nullptr, kMaskBytes);
}

void restore_default(int signal) {
  install(signal, {reinterpret_cast<void*>(SIG_DFL), kSaRestorer, mimus_sigreturn, 0});
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  UserThread* thread = UserThread::current();
  const bool sent = info->si_code <= 0;
  const bool taken =
      !sent && (thread ? thread->cpu().host_fault(*info, context) : recover_guarded_access(*info, context));
  if (!taken) {
    if (info->si_code == kTraceRequestCode) {
      if (thread) thread->host_trace_request(u32(info->si_value.sival_int), context);
    } else if (info->si_code == kTraceStopCode) {
      if (thread) thread->trace_lost = true;
    } else if (is_kick(*info)) {
      if (thread) thread->host_kick(context);
    } else if (sent && thread)
      thread->host_signal(*info, context);
    else
      restore_default(signal);  // a bug of ours: the instruction faults again
  }
  errno = saved;
}

void on_signal(int, siginfo_t* info, void* context) {
  const int saved = errno;
  if (UserThread* thread = UserThread::current()) thread->host_signal(*info, context);
  errno = saved;
}

KernelAction handler(void (*function)(int, siginfo_t*, void*), u64 flags, SignalMask mask) {
  return {reinterpret_cast<void*>(function), SA_SIGINFO | SA_RESTART | kSaRestorer | flags, mimus_sigreturn, mask};
}

}  // namespace

// A fault inside the handling of another signal is possible (that of a fault is not), so nothing else is blocked.
void install_fault_handlers() {
  for (int signal : {SIGSEGV, SIGBUS}) install(signal, handler(on_fault, SA_NODEFER, 0));
}

void set_host_action(int signal, HostAction action, u64 flags) {
  const u64 passed = flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
  if (kFaultSignals & signal_bit(signal)) return;
  switch (action) {
    case HostAction::handle: return install(signal, handler(on_signal, passed, kAllSignals & ~kFaultSignals));
    case HostAction::ignore:
    case HostAction::by_default:
      const auto plain = action == HostAction::ignore ? SIG_IGN : SIG_DFL;
      return install(signal, {reinterpret_cast<void*>(plain), kSaRestorer | passed, mimus_sigreturn, 0});
  }
}

bool host_ignores(int signal) {
  KernelAction action{};
  syscall(SYS_rt_sigaction, signal, nullptr, &action, kMaskBytes);
  return action.handler == reinterpret_cast<void*>(SIG_IGN);
}

SignalMask set_host_mask(SignalMask mask) {
  SignalMask old = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, kMaskBytes);
  return old;
}

void die_by(int signal) {
  set_host_mask(kAllSignals);
  restore_default(signal);
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
  set_host_mask(~signal_bit(signal));
  _exit(128 + signal);
}

}  // namespace mimus::user
