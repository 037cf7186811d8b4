// Who looks over a thread of the guest: a GDB session (gdb_debugger.h), or another process (ptrace_tracee.h).
#pragma once

#include <signal.h>

#include "core/base/types.h"
#include "machines/user/isa.h"

namespace mimus::user {

class UserThread;

// Why a thread stands still: always between two instructions, with the state exact.
struct TraceStop {
  enum class Kind : u8 {
    signal,      // `info` is about to be delivered
    requested,   // UserThread::request_stop
    stepped,     // one instruction done, as Resume::step has asked
    call_entry,  // only with UserThread::trace_calls: before a system call,
    call_exit,   //   and behind it
  };
  Kind kind = Kind::requested;
  siginfo_t info{};
  CallArgs call{};  // of call_entry
  s64 result = 0;   // of call_exit
};

struct TraceResume {
  int signal = 0;     // to be delivered now; 0: none. After Kind::signal the same number goes on with the same info
  bool step = false;  // stop again after one instruction
};

// All calls come on the thread's own host thread, with no lock held, and may block. They must not throw.
class Tracer {
 public:
  virtual ~Tracer() = default;
  virtual TraceResume stopped(UserThread& thread, const TraceStop& stop) = 0;
  virtual TraceResume thread_started(UserThread& thread) = 0;  // before its first instruction
  virtual void thread_ended(UserThread& thread) = 0;
  virtual void process_exits(UserThread& thread, int status) = 0;
  virtual void process_dies(UserThread& thread, int signal) = 0;
  virtual void before_host_stop(UserThread&) {}
  virtual void after_host_stop(UserThread&) {}
  virtual void forked_away() = 0;  // this is a child process, which it does not look over
};

}  // namespace mimus::user
