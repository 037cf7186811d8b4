// --strace: every system call and signal of the guest as a line on stderr, in strace's style, from the table of calls.
#pragma once

#include <csignal>
#include <string>

#include "machines/user/syscalls.h"

namespace mimus::user {

class Strace {
 public:
  // Writes to a copy of `fd` that the guest does not see.
  explicit Strace(int fd);
  int fd() const { return fd_; }

  s64 traced_call(UserThread& thread, const CallArgs& args);  // makes the call and prints it
  void signal(UserThread& thread, const siginfo_t& info);
  void killed(UserThread& thread, int signal);

 private:
  void line(UserThread& thread, const std::string& text);
  int fd_;
};

// "openat(AT_FDCWD, \"x\", O_RDONLY) = 3". Buffers that the call fills are shown when `result` says how much.
std::string format_arguments(UserThread& thread, const Call& call, const u64* arg, s64 result);
std::string format_result(const Call& call, s64 result);
std::string signal_name(int signal);  // "SIGINT", "SIGRT_3"

}  // namespace mimus::user
