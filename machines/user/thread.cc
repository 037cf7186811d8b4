#include "machines/user/thread.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/memory/guarded.h"
#include "machines/user/host_signals.h"
#include "machines/user/strace.h"
#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

// The one thing that a signal handler can start from.
thread_local UserThread* current_thread = nullptr;

// struct robust_list_head of 64-bit ABIs.
struct RobustHead {
  u64 next;
  s64 futex_offset;
  u64 pending;
};

void release_robust(AddressSpace& memory, u64 entry, s64 offset, u32 tid, bool pending) {
  const GuestVa address = (entry & ~u64{1}) + u64(offset);
  if (address & 3 || !memory.in_range(address, 4)) return;
  auto* word = static_cast<u32*>(memory.host(address));
  u32 value = 0;
  if (memory.get(value, address) != 0) return;
  while (true) {
    if ((value & FUTEX_TID_MASK) != tid) {
      if (pending && !(value & FUTEX_TID_MASK)) syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
      return;
    }
    const u32 died = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    const auto old = guarded_compare_exchange(static_cast<u8*>(memory.host(address)), 4, value, died);
    if (!old.ok()) return;
    if (u32(old.value) == value) break;
    value = u32(old.value);
  }
  if (value & FUTEX_WAITERS) syscall(SYS_futex, word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

// What the kernel does at the end of a thread that holds robust mutexes (Documentation/locking/robust-futexes).
void walk_robust_list(AddressSpace& memory, GuestVa list, u32 tid) {
  constexpr unsigned kMost = 2048;
  RobustHead head;
  if (memory.get(head, list) != 0) return;
  u64 entry = head.next;
  for (unsigned i = 0; i < kMost && (entry & ~u64{1}) != list; i++) {
    u64 next = 0;
    if (memory.get(next, entry & ~u64{1}) != 0) return;
    if ((entry & ~u64{1}) != (head.pending & ~u64{1})) release_robust(memory, entry, head.futex_offset, tid, false);
    entry = next;
  }
  if (head.pending & ~u64{1}) release_robust(memory, head.pending, head.futex_offset, tid, true);
}

}  // namespace

UserThread::UserThread(Process& process, std::shared_ptr<SignalActions> actions)
    : process(process), memory(process.memory), isa(process.isa), actions(std::move(actions)) {
  cpu_ = process.accelerator.make_cpu(*this);
  tracer = process.debugger;
  process.add(*this);
}

UserThread::~UserThread() = default;

UserThread* UserThread::current() { return current_thread; }
void UserThread::become(UserThread* thread) { current_thread = thread; }

void UserThread::adopt_tid() { tid_ = int(syscall(SYS_gettid)); }

void UserThread::run() {
  adopt_tid();
  become(this);
  if (clear_handlers_at_start) clear_handlers();
  host_closed_ = true;
  open_host_mask();
  if (tracer) start_traced();
  if (memory.has_guarded()) isa.check_branches(state());
  if (!exiting_) cpu_->run();
  finish();
}

void UserThread::exit_thread(int status) {
  exiting_ = true;
  exit_status_ = status;
  cpu_->leave();
}

void UserThread::exit_process(int status) {
  if (tracer) tracer->process_exits(*this, status);
  if (!vfork_child) {
    process.accelerator.save_translations();
    process.print_stats();
  }
  _exit(status);
}

// Others may free this thread's memory as soon as clear_child_tid says that it has ended.
void UserThread::finish() {
  set_host_mask(kAllSignals);
  if (vfork_child) _exit(exit_status_);
  if (!process.remove(*this)) exit_process(exit_status_);
  if (tracer) tracer->thread_ended(*this);
  if (robust_list) {
    syscall(SYS_set_robust_list, nullptr, sizeof(RobustHead));
    walk_robust_list(memory, robust_list, u32(tid_));
  }
  if (clear_child_tid) {
    const u32 zero = 0;
    if (memory.put(clear_child_tid, zero) == 0)
      syscall(SYS_futex, memory.host(clear_child_tid), FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }
  become(nullptr);
}

// -- system calls --

void UserThread::trap(const Fault& fault) {
  if (auto signal = isa.signal_of(state(), fault)) {
    siginfo_t info{};
    info.si_signo = signal->signal;
    info.si_code = signal->code;
    info.si_addr = reinterpret_cast<void*>(signal->address);
    return force_signal(info);
  }
  system_call();
}

void UserThread::system_call() {
  CallArgs args = isa.call(state());
  isa.step_over_call(state());
  process.count_call();
  if (trace_calls) trace_call_entry(args);
  fails_if_handled_ = false;
  const s64 result = process.strace ? process.strace->traced_call(*this, args) : make_call(*this, args);
  if (result == kRestart) {
    restarting_ = true;
  } else if (result == kNotBegun) {
    isa.step_back(state());
    temporary_mask_.reset();
  } else if (result != kNoResult) {
    isa.set_result(state(), result);
  }
  if (trace_calls && !exiting_ && !fresh_process && result != kNotBegun) trace_call_exit(result);
  fresh_process = false;
  if (memory.has_guarded()) isa.check_branches(state());
  if (pending_.load(std::memory_order_relaxed) || host_closed_) deliver_signals();
  if (restarting_) {  // no handler ran: the call is simply made again
    restarting_ = false;
    isa.step_back(state());
  }
  temporary_mask_.reset();
}

void UserThread::access_fault(GuestVa address, Access access, int signal, int code) {
  // Inside a window, what the guest has not mapped is mapped for the host, without any access.
  if (signal == SIGSEGV && code == SEGV_ACCERR && !memory.allows(align_down(address, kPageSize), 1, 0))
    code = SEGV_MAPERR;
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = code;
  info.si_addr = reinterpret_cast<void*>(address);
  force_signal(info);
}

}  // namespace mimus::user
