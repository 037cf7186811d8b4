// Delivery of signals to the guest: UserThread's part of signal(7).
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>

#include "machines/user/host_signals.h"
#include "machines/user/strace.h"
#include "machines/user/thread.h"

namespace mimus::user {
namespace {

constexpr u64 kMinStack = 2048;             // MINSIGSTKSZ
constexpr s32 kAutoDisarm = s32(1u << 31);  // SS_AUTODISARM

// The default action is to do nothing.
constexpr SignalMask kIgnoredByDefault =
    signal_bit(SIGCHLD) | signal_bit(SIGURG) | signal_bit(SIGWINCH) | signal_bit(SIGCONT);
constexpr SignalMask kStops = signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU);

}  // namespace

// -- the host's handlers --

void UserThread::host_signal(const siginfo_t& info, void* context) {
  const u32 count = queued_.load(std::memory_order_relaxed);
  if (count < kQueue) {
    queue_[count] = info;
    queued_.store(count + 1, std::memory_order_relaxed);
  }
  host_closed_ = true;
  pending_.store(1, std::memory_order_relaxed);
  cpu_->kick();
  // Until this one has been delivered the kernel keeps the others.
  const SignalMask closed = kAllSignals & ~kFaultSignals;
  std::memcpy(&static_cast<ucontext_t*>(context)->uc_sigmask, &closed, sizeof closed);
  abort_call(context);
}

// May let the next signal in, which sets pending_ again.
void UserThread::open_host_mask() {
  if (!host_closed_) return;
  host_closed_ = false;
  set_host_mask(mask_ & ~(kFaultSignals | kUnblockable));
}

// -- masks and stacks --

void UserThread::set_mask(SignalMask mask) {
  mask_ = mask & ~kUnblockable;
  if (!host_closed_) set_host_mask(mask_ & ~kFaultSignals);
}

SignalMask UserThread::begin_temporary_mask(SignalMask mask) {
  temporary_mask_ = mask & ~kUnblockable;
  return mask & ~kFaultSignals;
}

bool UserThread::on_alternate_stack(GuestVa sp) const {
  if (alternate_.flags & kAutoDisarm) return false;
  return alternate_.size && sp > alternate_.sp && sp - alternate_.sp <= alternate_.size;
}

GuestStack UserThread::alternate_stack() const {
  GuestStack stack = alternate_;
  if (!stack.size)
    stack.flags = SS_DISABLE;
  else if (on_alternate_stack(isa.stack_pointer(cpu_->state())))
    stack.flags |= SS_ONSTACK;
  return stack;
}

s64 UserThread::set_alternate_stack(const GuestStack& stack) {
  if (on_alternate_stack(isa.stack_pointer(state()))) return -EPERM;
  const s32 mode = stack.flags & ~kAutoDisarm;
  if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK) return -EINVAL;
  if (mode == SS_DISABLE) {
    alternate_ = {};
    alternate_.flags = 0;
    return 0;
  }
  if (stack.size < kMinStack) return -ENOMEM;
  alternate_ = {stack.sp, stack.flags & kAutoDisarm, 0, stack.size};
  return 0;
}

void UserThread::inherit_signals(const UserThread& parent, bool keep_alternate_stack) {
  mask_ = parent.mask_;
  if (keep_alternate_stack) alternate_ = parent.alternate_;
}

void UserThread::set_action_of_host(int signal) {
  const GuestAction action = actions->get(signal);
  HostAction how = HostAction::handle;
  if (!tracer && action.handler <= 1) how = action.handler ? HostAction::ignore : HostAction::by_default;
  // Children leave no zombies while SIGCHLD is ignored.
  const bool reaps = signal == SIGCHLD && action.handler == 1;
  set_host_action(signal, how, reaps ? action.flags | SA_NOCLDWAIT : action.flags);
}

void UserThread::set_all_actions_of_host() {
  for (int signal = 1; signal <= kSignals; signal++) set_action_of_host(signal);
}

void UserThread::clear_handlers() {
  for (int signal = 1; signal <= kSignals; signal++) {
    if (actions->get(signal).handler <= 1) continue;
    actions->exchange(signal, {});
    set_action_of_host(signal);
  }
}

// -- delivery --

void UserThread::deliver_signals() {
  do {
    pending_.store(0, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (stop_wanted_.exchange(false, std::memory_order_relaxed)) stop_as_wanted();
    for (u32 i = 0; i < queued_.load(std::memory_order_relaxed); i++) {
      const siginfo_t info = queue_[i];
      deliver(info, false);
      if (exiting_) return;
    }
    queued_.store(0, std::memory_order_relaxed);
    open_host_mask();
  } while (pending_.load(std::memory_order_relaxed));
}

void UserThread::force_signal(siginfo_t info) { deliver(info, true); }

bool UserThread::deliver(siginfo_t info, bool forced) {
  if (process.strace) process.strace->signal(*this, info);
  if (tracer && !trace_signal(info)) return false;
  return act_on(info, forced);
}

bool UserThread::act_on(const siginfo_t& info, bool forced) {
  const int signal = info.si_signo;
  const GuestAction action = actions->get(signal);
  const bool handled = action.handler > 1;
  if (forced && (!handled || mask_ & signal_bit(signal))) die(signal);
  if (!handled) {
    // The action has changed since the host took the signal for us.
    if (action.handler == 1 || signal_bit(signal) & kIgnoredByDefault) return false;
    if (!(signal_bit(signal) & kStops)) die(signal);
    stop_by_default();
    return false;
  }
  if (action.flags & SA_RESETHAND) {
    GuestAction reset = action;
    reset.handler = 0;
    actions->exchange(signal, reset);
    set_action_of_host(signal);
  }
  enter_handler(info, action);
  return true;
}

GuestVa UserThread::frame_stack(const GuestAction& action) const {
  const GuestVa sp = isa.stack_pointer(cpu_->state());
  if (action.flags & SA_ONSTACK && alternate_.size && !on_alternate_stack(sp)) return alternate_.sp + alternate_.size;
  return sp;
}

void UserThread::enter_handler(const siginfo_t& info, const GuestAction& action) {
  if (restarting_) {
    restarting_ = false;
    if (action.flags & SA_RESTART && !fails_if_handled_)
      isa.step_back(state());
    else
      isa.set_result(state(), -EINTR);
  }
  const int signal = info.si_signo;
  const GuestVa sp = isa.stack_pointer(state());
  const GuestVa top = frame_stack(action);
  // An overflow of the alternate stack must not run on below it.
  const bool overflow = on_alternate_stack(sp) && sp - alternate_.sp < kMinStack / 2;
  const FrameContents contents{info, mask_, alternate_stack()};
  if (overflow || !isa.push_frame(state(), memory, top, signal, action, contents, process.program.sigreturn)) {
    if (signal == SIGSEGV) die(SIGSEGV);
    siginfo_t fault{};
    fault.si_signo = SIGSEGV;
    fault.si_code = SI_KERNEL;
    return force_signal(fault);
  }
  const SignalMask base = temporary_mask_ && !(*temporary_mask_ & signal_bit(signal)) ? *temporary_mask_ : mask_;
  temporary_mask_.reset();
  SignalMask next = base | action.mask;
  if (!(action.flags & SA_NODEFER)) next |= signal_bit(signal);
  if (alternate_.flags & kAutoDisarm && top == alternate_.sp + alternate_.size) alternate_ = {0, 0, 0, 0};
  set_mask(next);
}

s64 UserThread::signal_return() {
  FrameContents contents;
  if (!isa.pop_frame(state(), memory, contents)) {
    siginfo_t fault{};
    fault.si_signo = SIGSEGV;
    fault.si_code = SI_KERNEL;
    force_signal(fault);
    return kNoResult;
  }
  set_mask(contents.mask);
  GuestStack stack = contents.stack;
  stack.flags &= ~SS_ONSTACK;
  set_alternate_stack(stack);
  return kNoResult;
}

void UserThread::die(int signal) {
  if (tracer) tracer->process_dies(*this, signal);
  if (process.strace) process.strace->killed(*this, signal);
  process.print_stats();
  die_by(signal);
}

}  // namespace mimus::user
