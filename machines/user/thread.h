// One thread of the guest: runs on a host thread of its own, makes its system calls, takes its signals.
//
// Signals: the host's mask of the thread is the guest's (SIGSEGV and SIGBUS apart, which stay open for faults), so the
// kernel keeps what is pending. The host's handler takes one signal, blocks all others and asks for a poll; delivering
// it builds the guest's frame and opens the host's mask again.
#pragma once

#include <cerrno>
#include <optional>

#include "core/engine/process.h"
#include "machines/user/host_call.h"
#include "machines/user/process.h"
#include "machines/user/ptrace_block.h"
#include "machines/user/tracer.h"

namespace mimus::user {

inline constexpr s64 kNoResult = -513;  // of a system call: the registers are right as they are (sigreturn)

class UserThread final : public ProcessThread {
 public:
  UserThread(Process& process, std::shared_ptr<SignalActions> actions);
  ~UserThread() override;

  Process& process;
  AddressSpace& memory;
  const UserIsa& isa;
  std::shared_ptr<SignalActions> actions;

  UserCpu& cpu() { return *cpu_; }
  CpuState& state() { return cpu_->state(); }
  int tid() const { return tid_; }

  // On the host thread that is to be this one: runs the guest until the thread exits.
  void run();
  static UserThread* current();

  // -- ProcessThread --
  void trap(const Fault& fault) override;
  void access_fault(GuestVa address, Access access, int signal, int code) override;
  void poll() override { deliver_signals(); }
  void stepped() override;

  // -- system calls --
  // A call of the host that a signal may interrupt; -errno, kRestart or kNotBegun.
  s64 host(long number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
    const s64 result = host_call(pending_, number, a, b, c, d, e, f);
    if (result != -EINTR || !tracer) return result;
    // Perhaps nothing that the guest sees has interrupted it.
    fails_if_handled_ = true;
    return kRestart;
  }
  // The thread ends after the current call.
  void exit_thread(int status);
  [[noreturn]] void exit_process(int status);
  bool exiting() const { return exiting_; }
  int exit_status() const { return exit_status_; }
  void adopt_tid();       // after a fork, in the child
  void clear_handlers();  // handled signals back to their default action

  GuestVa clear_child_tid = 0;
  GuestVa robust_list = 0;
  // What execve needs to the end. A vfork child that succeeds leaves it to the parent, whose memory it is.
  std::shared_ptr<void> exec_state;
  bool vfork_child = false;              // a process of its own in the parent's memory
  bool clear_handlers_at_start = false;  // of such a child (CLONE_CLEAR_SIGHAND)

  // -- signals --
  SignalMask mask() const { return mask_; }
  void set_mask(SignalMask mask);
  // The host's action becomes what the guest's asks for. A tracer is told even of signals that are ignored.
  void set_action_of_host(int signal);
  void set_all_actions_of_host();
  // For the length of a call that installs a mask (ppoll, sigsuspend): the guest's, as the host shall have it.
  SignalMask begin_temporary_mask(SignalMask mask);
  s64 set_alternate_stack(const GuestStack& stack);
  GuestStack alternate_stack() const;
  s64 signal_return();
  void force_signal(siginfo_t info);  // of the current instruction; cannot be blocked or ignored
  [[noreturn]] void die(int signal);
  // What a child thread or process takes over.
  void inherit_signals(const UserThread& parent, bool keep_alternate_stack);

  // -- being debugged (thread_trace.cc) --
  Tracer* tracer = nullptr;                  // null: nobody looks
  std::atomic<bool> waits_for_vfork{false};  // does not stop before the child lets it go on
  std::unique_ptr<TraceBlock> trace_block;   // of a tracee (ptrace_tracee.h)
  bool trace_calls = false;                  // stop before and behind system calls
  volatile bool trace_lost = false;          // a stop has found nobody who looks
  bool fresh_process = false;                // in the call that has made it, whose end is no stop
  void end_being_traced();
  void start_traced();  // on its host thread
  void request_stop();  // any thread: Tracer::stopped soon

  // -- on the host's side; async-signal-safe --
  void host_signal(const siginfo_t& info, void* ucontext);
  void host_kick(void* ucontext);
  void host_trace_request(u32 requests, void* ucontext);
  static void become(UserThread* thread);  // the host thread's current guest thread; null: none

 private:
  void system_call();
  void deliver_signals();
  bool deliver(siginfo_t info, bool forced);  // true: a handler will run
  bool act_on(const siginfo_t& info, bool forced);
  void enter_handler(const siginfo_t& info, const GuestAction& action);
  TraceResume trace_stop(const TraceStop& stop);
  void act_on_resumption(const TraceResume& resume);
  bool trace_signal(siginfo_t& info);
  void stop_as_wanted();
  void trace_call_entry(CallArgs& args);
  void trace_call_exit(s64 result);
  void stop_by_default();
  bool on_alternate_stack(GuestVa sp) const;
  GuestVa frame_stack(const GuestAction& action) const;
  void open_host_mask();
  void finish();  // the last steps of a thread that others outlive

  std::unique_ptr<UserCpu> cpu_;
  int tid_ = 0;
  bool exiting_ = false;
  int exit_status_ = 0;

  // -- signals --
  static constexpr unsigned kQueue = 4;  // one, and the faults that cannot be blocked
  std::atomic<u32> pending_{0};
  std::atomic<u32> queued_{0};
  siginfo_t queue_[kQueue];
  bool host_closed_ = false;  // the handler has blocked everything
  SignalMask mask_ = 0;
  std::optional<SignalMask> temporary_mask_;
  GuestStack alternate_;
  bool restarting_ = false;        // the current call is to be made again
  bool fails_if_handled_ = false;  // but ends with EINTR, whatever SA_RESTART says, if a handler runs

  // -- being debugged --
  std::atomic<bool> stop_wanted_{false};
  std::atomic<u32> trace_requests_{0};  // TraceRequest
};

// A signal with which request_stop() wakes a thread.
bool is_kick(const siginfo_t& info);

}  // namespace mimus::user
