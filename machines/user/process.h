// One Linux process as the emulator keeps it: what its threads share.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/engine/process.h"
#include "machines/user/address_space.h"
#include "machines/user/isa.h"
#include "machines/user/start_stack.h"
#include "machines/user/sysroot.h"

namespace mimus::user {

class UserThread;
class Strace;
class Tracer;
class PtraceTracer;

inline constexpr int kSignals = 64;

// sigaction's table. Shared by the threads of a process; a vfork child has a copy.
class SignalActions {
 public:
  GuestAction get(int signal) const {
    std::lock_guard lock(mutex_);
    return table_[size_t(signal)];
  }
  GuestAction exchange(int signal, const GuestAction& action) {
    std::lock_guard lock(mutex_);
    return std::exchange(table_[size_t(signal)], action);
  }
  std::shared_ptr<SignalActions> copy() const {
    auto other = std::make_shared<SignalActions>();
    std::lock_guard lock(mutex_);
    other->table_ = table_;
    return other;
  }
  std::mutex& mutex() const { return mutex_; }  // around fork

 private:
  mutable std::mutex mutex_;
  std::array<GuestAction, kSignals + 1> table_{};
};

// What the process was started with and what /proc shows of it.
struct Program {
  std::string exe;  // host path of the program, symbolic links resolved
  StackLayout stack;
  GuestVa stack_top = 0;
  u64 stack_bytes = 0;
  GuestVa vdso = 0, sigreturn = 0;
};

class Process {
 public:
  Process(AddressSpace& memory, const UserIsa& isa, UserAccelerator& accelerator, Sysroot& sysroot)
      : memory(memory), isa(isa), accelerator(accelerator), sysroot(sysroot) {}

  AddressSpace& memory;
  const UserIsa& isa;
  UserAccelerator& accelerator;
  Sysroot& sysroot;
  Program program;
  std::vector<std::string> exec_options;   // of `mimus exec`, for children of the same ISA
  Strace* strace = nullptr;                // null: off
  std::atomic<bool> starts_traced{false};  // by a tracee's execve
  PtraceTracer& ptrace();                  // what this process traces
  bool traces() const { return ptrace_used_.load(); }
  Tracer* debugger = nullptr;  // looks over all threads; null: nobody
  bool stats = false;
  std::atomic<u32> personality{0};
  std::set<int> own_fds;  // descriptors that the guest cannot close or replace; constant once the guest runs

  // -- threads --
  void add(UserThread& thread);
  // False when it was the last one.
  bool remove(UserThread& thread);
  size_t thread_count();
  std::vector<UserThread*> threads();
  void only_thread(UserThread& survivor);  // in the child of a fork
  std::mutex& mutex() { return mutex_; }   // around fork

  // -- statistics --
  void count_call() { calls_.fetch_add(1, std::memory_order_relaxed); }
  void count_unknown(u64 number);
  void print_stats();  // if wanted

 private:
  std::mutex mutex_;
  std::set<UserThread*> threads_;
  std::shared_ptr<PtraceTracer> ptrace_;
  std::atomic<bool> ptrace_used_{false};
  std::atomic<u64> calls_{0};
  std::map<u64, u64> unknown_;  // call number: how often
};

}  // namespace mimus::user
