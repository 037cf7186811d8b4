// A Linux process as a machine: the contract between what knows the operating system (machines/user) and what runs the
// process's threads (accel/dbt with flat memory). The guest's addresses are host addresses at a constant offset
// (`ProcessMemory::base`): generated code accesses them directly, and SIGSEGV/SIGBUS tell what may not be accessed.
#pragma once

#include <csignal>
#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/base/types.h"
#include "core/engine/frontend.h"

namespace mimus {

struct CpuState;

// The guest's address space, as machines/user keeps it. Any thread.
class ProcessMemory {
 public:
  virtual ~ProcessMemory() = default;
  virtual u8* base() const = 0;   // host address of guest address 0; constant for the life of the process
  virtual u64 limit() const = 0;  // guest addresses are below it
  // May the guest execute at `page` (4 KiB, aligned)? False also where nothing is mapped.
  virtual bool executable(GuestVa page) = 0;
  // The page holds code that has been translated, or no longer does: while it does, the host mapping is not writable
  // whatever the guest asked for, and a write ends in UserAccelerator::page_written. False: nothing is mapped there.
  virtual bool watch_writes(GuestVa page) = 0;
  virtual void unwatch_writes(GuestVa page) = 0;
};

// One thread of the guest, as machines/user sees it. All calls come on that thread, outside generated code, with
// state.pc exact and every slot of the state readable and writable; the guest goes on at state.pc.
class ProcessThread {
 public:
  virtual ~ProcessThread() = default;
  // A synchronous exception of the instruction at state.pc, in the frontend's numbers: system calls, breakpoints,
  // illegal instructions, misaligned accesses.
  virtual void trap(const Fault& fault) = 0;
  // An access (or fetch) at `address` that the memory does not allow. `signal` and `code` are the host's (SIGSEGV or
  // SIGBUS, si_code); for a fetch SEGV_MAPERR or SEGV_ACCERR.
  virtual void access_fault(GuestVa address, Access access, int signal, int code) = 0;
  // After UserCpu::kick: asynchronous signals are delivered here.
  virtual void poll() = 0;
};

// What runs one thread. Belongs to the host thread that calls run().
class UserCpu {
 public:
  virtual ~UserCpu() = default;
  virtual CpuState& state() = 0;
  virtual void run() = 0;    // until leave(); may be called again
  virtual void leave() = 0;  // from a ProcessThread call: run() returns when the call has returned
  virtual void kick() = 0;   // any thread, async-signal-safe: ProcessThread::poll soon
  // Both for the process's SIGSEGV/SIGBUS handler on this thread; async-signal-safe. True: the fault was the guest's
  // (generated code, or a slow path that accessed guest memory for it) and the context has been changed so that the
  // thread goes on and reports it. False: not the guest's doing.
  virtual bool host_fault(const siginfo_t& info, void* ucontext) = 0;
};

class UserAccelerator {
 public:
  virtual ~UserAccelerator() = default;
  // The state is the frontend's reset state in its user mode; `thread` outlives the CPU.
  virtual std::unique_ptr<UserCpu> make_cpu(ProcessThread& thread) = 0;
  // The range has been unmapped, remapped or lost its execute permission: translations of it are dropped before this
  // returns to generated code of any thread.
  virtual void forget(GuestVa start, u64 bytes) = 0;
  // A guest write (or a system call on its behalf) is about to change a watched page: drops its translations and
  // unwatches it. Async-signal-safe as far as host_fault needs it.
  virtual void page_written(GuestVa page) = 0;
  // Around fork(2) on a CPU's thread outside generated code: quiesces the compile thread and holds the code lock. In
  // the child only `survivor` lives, with code memory of its own.
  virtual void before_fork() = 0;
  virtual void after_fork_in_parent() = 0;
  virtual void after_fork_in_child(UserCpu& survivor) = 0;
  virtual std::string stats() const = 0;  // lines of "name value", for --stats
};

}  // namespace mimus
