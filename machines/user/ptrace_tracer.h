// The tracer's side of ptrace(2): which processes this one traces, and what their stops mean (docs/exec.md). The host's
// ptrace does the tracing; what it stops are emulators. A stop of the guest is a stop of the host that its emulator has
// brought about itself, when its state was exact; other stops of the host are passed over.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "machines/user/ptrace_block.h"
#include "machines/user/thread.h"

namespace mimus::user {

class PtraceTracer {
 public:
  // ptrace(2) itself, as the host thread of `thread`. A result or -errno.
  s64 request(UserThread& thread, u64 request, int tid, u64 address, u64 data);
  // What wait4(2) has said of `tid`: the status that the guest sees, or nothing: wait again.
  std::optional<int> translate(int tid, int status);
  // The guest has written to the memory of a process that it may be tracing.
  void memory_written(int tid, u64 address, u64 bytes);
  // What /proc/TID/`entry` shows of a traced process; nothing: the host's is right.
  std::optional<std::string> proc_text(int tid, const std::string& entry);

 private:
  struct Tracee {
    enum class At : u8 { running, own_stop, host_stop };  // own: of its emulator's
    At at = At::running;
    u64 block = 0;  // the address of its TraceBlock; 0: not known yet
    bool seized = false;
    u64 options = 0;
    int group = 0;   // its process
    u32 wanted = 0;  // TraceRequest, not delivered yet: signals of one number do not queue up
    int status = 0;  // of the stop, as the guest has been told
  };
  using Function = s64 (PtraceTracer::*)(UserThread& thread, int tid, Tracee& tracee, u64 address, u64 data);
  struct Row;
  static const Row* find_row(u64 request);

  Tracee& record(int tid);
  s64 trace_me(UserThread& thread);
  s64 attach(int tid, bool seize, u64 options);
  s64 peek(UserThread&, int, Tracee&, u64, u64);
  s64 poke(UserThread&, int, Tracee&, u64, u64);
  s64 go(UserThread&, int, Tracee&, u64, u64);
  s64 go_to_call(UserThread&, int, Tracee&, u64, u64);
  s64 step(UserThread&, int, Tracee&, u64, u64);
  s64 detach(UserThread&, int, Tracee&, u64, u64);
  s64 listen(UserThread&, int, Tracee&, u64, u64);
  s64 interrupt(UserThread&, int, Tracee&, u64, u64);
  s64 kill(UserThread&, int, Tracee&, u64, u64);
  s64 set_options(UserThread&, int, Tracee&, u64, u64);
  s64 event_message(UserThread&, int, Tracee&, u64, u64);
  s64 get_info(UserThread&, int, Tracee&, u64, u64);
  s64 set_info(UserThread&, int, Tracee&, u64, u64);
  s64 get_registers(UserThread&, int, Tracee&, u64, u64);
  s64 set_registers(UserThread&, int, Tracee&, u64, u64);
  s64 get_mask(UserThread&, int, Tracee&, u64, u64);
  s64 set_mask(UserThread&, int, Tracee&, u64, u64);
  s64 call_info(UserThread&, int, Tracee&, u64, u64);
  void note_pages(int group, u64 address, u64 bytes);
  s64 resume(int tid, Tracee& tracee, long how, u64 signal, bool calls, bool single);
  std::optional<int> translate_own(int tid, Tracee& tracee);
  std::optional<int> pass(int tid, int signal);
  std::optional<int> pass_over(int tid, Tracee& tracee);
  static void send_request(int tid, Tracee& tracee, u32 requests);
  std::optional<int> tell(Tracee& tracee, Tracee::At at, int status);
  std::optional<int> signal_stop(int tid, Tracee* known, int status);

  std::mutex mutex_;
  std::map<int, Tracee> tracees_;
};

}  // namespace mimus::user
