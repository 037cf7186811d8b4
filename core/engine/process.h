// A Linux process as a machine: the contract between what knows the operating system (machines/user) and what runs the
// process's threads (accel/dbt with flat memory). The guest's addresses are host addresses at a constant offset
// (`ProcessMemory::base`): generated code accesses them directly, and SIGSEGV/SIGBUS tell what may not be accessed.
//
// Locks: the accelerator calls ProcessMemory with its own code lock held. So ProcessMemory's functions must not call
// back, and no UserAccelerator function may be called with a lock held that they take.
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
  // Bits that accesses and branches ignore in addresses (AArch64's tags).
  virtual u64 ignored_address_bits() const { return 0; }
  // Was `page` mapped so that indirect branches to it are checked (AArch64's PROT_BTI; core/engine/guarded_mode.h)?
  virtual bool guarded(GuestVa /*page*/) { return false; }
  // May others write to what `page` shows: is it mapped MAP_SHARED?
  virtual bool shared(GuestVa /*page*/) { return false; }
  // Does `page` show what a file holds (or something else that is the same in every run)?
  virtual bool from_file(GuestVa page) = 0;
  // The page holds code that has been translated, or no longer does: while it does, the host mapping is not writable
  // whatever the guest asked for, then or later. A write of the guest is dealt with by host_fault; system calls call
  // UserAccelerator::page_written first. False: nothing is mapped there. Calls come in pairs.
  virtual bool watch_writes(GuestVa page) = 0;
  virtual void unwatch_writes(GuestVa page) = 0;
};

// One thread of the guest, as machines/user sees it. All calls come on that thread, outside generated code, with
// state.pc exact and every slot of the state readable and writable; the guest goes on at state.pc (so a system call has
// to step over its instruction). They may block: nothing waits for a thread that is in one of them.
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
  // With UserCpu::set_single_step: an instruction has been executed, or its exception reported by the calls above.
  virtual void stepped() {}
};

// What runs one thread. Belongs to the host thread that calls run().
class UserCpu {
 public:
  virtual ~UserCpu() = default;
  virtual CpuState& state() = 0;
  virtual void run() = 0;    // until leave(); may be called again
  virtual void leave() = 0;  // from a ProcessThread call: run() returns when the call has returned
  virtual void kick() = 0;   // any thread, async-signal-safe: ProcessThread::poll soon
  // Before run(), or from a ProcessThread call: from the instruction at state.pc on, ProcessThread::stepped comes after
  // each.
  virtual void set_single_step(bool on) = 0;
  // For the process's SIGSEGV/SIGBUS handler on this thread; async-signal-safe. True: the fault was the guest's
  // (generated code, or a guarded access, core/memory/guarded.h) and the context has been changed so that the thread
  // goes on and reports it. False: not the guest's doing. The handler may run on this thread's stack or on an
  // alternate one.
  virtual bool host_fault(const siginfo_t& info, void* ucontext) = 0;
};

class UserAccelerator {
 public:
  virtual ~UserAccelerator() = default;
  // The state is the frontend's reset state of a thread (Frontend::reset_user); `thread` outlives the CPU.
  virtual std::unique_ptr<UserCpu> make_cpu(ProcessThread& thread) = 0;
  // The range has been (not: will be) unmapped, remapped or lost its execute permission: when this returns, no thread
  // enters a translation of what was there, and none stays in one beyond its next jump.
  virtual void forget(GuestVa start, u64 bytes) = 0;
  // A system call is about to write to the page on the guest's behalf: if it is watched, drops its translations and
  // unwatches it. True if it was watched.
  virtual bool page_written(GuestVa page) = 0;
  // The guest has asked that code written so far to the range be seen (riscv_flush_icache and its like; the
  // instructions for it are dealt with by the accelerator).
  virtual void sync_code(GuestVa start = 0, u64 bytes = ~u64{0}) = 0;
  // Around fork(2) on a CPU's thread, from a ProcessThread call: stops the other CPUs and the compile thread. In the
  // child only `survivor` lives; the objects of the other CPUs may be destroyed there.
  virtual void before_fork() = 0;
  virtual void after_fork_in_parent() = 0;
  virtual void after_fork_in_child(UserCpu& survivor) = 0;
  virtual const StateLayout& layout() const = 0;  // of the CPUs' states
  // The process is about to end, or to become another program: translations may be kept for later runs.
  virtual void save_translations() {}
  virtual std::string stats() const = 0;  // lines of "name value", for --stats
};

}  // namespace mimus
