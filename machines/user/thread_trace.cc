// UserThread's part of being debugged. A thread that is to stop is sent SIGSEGV with a code of our own: all other
// signals may be blocked or the guest's.
#include <sys/syscall.h>
#include <unistd.h>

#include "machines/user/host_signals.h"
#include "machines/user/ptrace_tracee.h"
#include "machines/user/thread.h"

namespace mimus::user {
namespace {

// Below all codes of the kernel's own.
constexpr int kKickCode = -0x6d69;

}  // namespace

bool is_kick(const siginfo_t& info) { return info.si_signo == SIGSEGV && info.si_code == kKickCode; }

void UserThread::request_stop() {
  stop_wanted_.store(true);
  cpu_->kick();
  siginfo_t info{};
  info.si_signo = SIGSEGV;
  info.si_code = kKickCode;
  syscall(SYS_rt_tgsigqueueinfo, getpid(), tid_, SIGSEGV, &info);
}

void UserThread::host_kick(void* context) {
  pending_.store(1, std::memory_order_relaxed);
  cpu_->kick();
  abort_call(context);
}

// A call that waits to be made again is shown before its instruction, so that a debugger may let the thread do
// something else first.
TraceResume UserThread::trace_stop(const TraceStop& stop) {
  const bool again = restarting_;
  if (again) isa.step_back(state());
  const GuestPc pc = state().pc;
  const TraceResume resume = tracer->stopped(*this, stop);
  if (again && state().pc == pc)
    isa.step_over_call(state());
  else
    restarting_ = false;
  cpu_->set_single_step(resume.step);
  return resume;
}

void UserThread::act_on_resumption(const TraceResume& resume) {
  if (!resume.signal) return;
  siginfo_t info{};
  info.si_signo = resume.signal;
  info.si_code = SI_USER;
  info.si_pid = getpid();
  info.si_uid = getuid();
  act_on(info, false);
}

void UserThread::host_trace_request(u32 requests, void* context) {
  trace_requests_.fetch_or(requests);
  stop_wanted_.store(true);
  host_kick(context);
}

void UserThread::end_being_traced() {
  tracer = nullptr;
  trace_calls = false;
  cpu_->set_single_step(false);
  set_all_actions_of_host();
}

// What request_stop() or another process has asked for.
void UserThread::stop_as_wanted() {
  const u32 requests = trace_requests_.exchange(0);
  if (!tracer && requests) PtraceTracee::begin(*this);
  if (!tracer) return;
  if (requests & kTraceRequestStop) {
    siginfo_t info{};
    info.si_signo = SIGSTOP;
    act_on_resumption(trace_stop({TraceStop::Kind::signal, info}));
  }
  if (process.debugger || requests & kTraceRequestInterrupt) {
    siginfo_t info{};
    info.si_signo = SIGTRAP;
    act_on_resumption(trace_stop({TraceStop::Kind::requested, info}));
  }
}

void UserThread::trace_call_entry(CallArgs& args) {
  siginfo_t info{};
  info.si_signo = SIGTRAP;
  TraceStop stop{TraceStop::Kind::call_entry, info};
  stop.call = args;
  act_on_resumption(trace_stop(stop));
  args = isa.call(state());
}

// A call that is to be made again shows that, and nothing of it is left in the state.
void UserThread::trace_call_exit(s64 result) {
  siginfo_t info{};
  info.si_signo = SIGTRAP;
  TraceStop stop{TraceStop::Kind::call_exit, info};
  stop.result = result == kNoResult ? s64(isa.call(state()).arg[0]) : result;
  const bool again = std::exchange(restarting_, false);
  const u64 first = isa.call(state()).arg[0];
  if (again) isa.set_result(state(), result);
  const TraceResume resume = trace_stop(stop);
  if (again) isa.set_first_argument(state(), first);
  restarting_ = again;
  act_on_resumption(resume);
}

// The host stops all threads; a tracer is told by it.
void UserThread::stop_by_default() {
  if (trace_block && tracer) {
    tracer->before_host_stop(*this);
    trace_block->self_stop = 1;
  }
  syscall(SYS_tgkill, getpid(), tid_, SIGSTOP);
  if (trace_block && tracer) tracer->after_host_stop(*this);
}

void UserThread::start_traced() {
  const TraceResume resume = tracer->thread_started(*this);
  cpu_->set_single_step(resume.step);
  act_on_resumption(resume);
}

void UserThread::stepped() {
  TraceStop stop{TraceStop::Kind::stepped, {}};
  stop.info.si_signo = SIGTRAP;
  stop.info.si_code = TRAP_TRACE;
  stop.info.si_addr = reinterpret_cast<void*>(state().pc);
  if (tracer) act_on_resumption(trace_stop(stop));
}

// What the tracer has been asked to do with a signal, if there is a tracer. False: nothing more is to be done.
bool UserThread::trace_signal(siginfo_t& info) {
  const TraceResume resume = trace_stop({TraceStop::Kind::signal, info});
  if (resume.signal == info.si_signo) return true;
  act_on_resumption(resume);
  return false;
}

}  // namespace mimus::user
