// The tracee's side of ptrace(2): this process's threads stop for a tracer that is another process (docs/exec.md).
#pragma once

#include "machines/user/ptrace_block.h"
#include "machines/user/tracer.h"

namespace mimus::user {

class PtraceTracee final : public Tracer {
 public:
  static PtraceTracee& instance();  // has no state

  // The thread has become a tracee of the host's ptrace: from now on it stops for its tracer.
  static void begin(UserThread& thread);

  TraceResume stopped(UserThread& thread, const TraceStop& stop) override;
  TraceResume thread_started(UserThread& thread) override;
  void thread_ended(UserThread&) override {}
  void process_exits(UserThread& thread, int status) override;
  void process_dies(UserThread&, int) override {}
  void forked_away() override {}
  // Around calls of the host in which its ptrace may stop the thread by itself: what the tracer sees is current.
  void before_host_stop(UserThread& thread) override;
  void after_host_stop(UserThread& thread) override;
};

}  // namespace mimus::user
