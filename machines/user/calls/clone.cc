// New threads and processes, and the end of both.
//
// A thread is a host thread. A process made by fork is a fork of the emulator. vfork's child shares the parent's
// memory, the emulator's included: it runs on a host stack of its own with objects of its own, while the parent's
// thread sleeps.
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <semaphore>

#include "machines/user/host_signals.h"
#include "machines/user/strace.h"
#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

constexpr u64 kClearSighand = u64{1} << 32;  // CLONE_CLEAR_SIGHAND
constexpr u64 kIntoCgroup = u64{1} << 33;    // CLONE_INTO_CGROUP
constexpr u64 kThreadFlags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
constexpr u64 kHostStack = u64{1} << 20;

// What clone and clone3 have in common.
struct CloneRequest {
  u64 flags = 0;  // without the signal
  GuestVa pidfd = 0, child_tid = 0, parent_tid = 0;
  int exit_signal = 0;
  GuestVa stack = 0;  // its upper end; 0: the parent's
  u64 tls = 0;
};

void prepare_child(UserThread& child, UserThread& parent, const CloneRequest& request) {
  const UserIsa& isa = child.isa;
  isa.copy_registers(child.state(), parent.state());
  isa.set_result(child.state(), 0);
  isa.set_child(child.state(), request.stack ? std::optional(request.stack) : std::nullopt,
                request.flags & CLONE_SETTLS ? std::optional(request.tls) : std::nullopt);
  if (request.flags & CLONE_CHILD_CLEARTID) child.clear_child_tid = request.child_tid;
}

void store_tid(UserThread& thread, const CloneRequest& request, u64 flag, GuestVa at, int tid) {
  if (request.flags & flag) thread.memory.put(at, tid);
}

// -- threads --

struct ThreadStart {
  std::unique_ptr<UserThread> thread;
  const CloneRequest& request;
  std::binary_semaphore started{0};
  int tid = 0;
};

void* thread_main(void* argument) {
  auto& start = *static_cast<ThreadStart*>(argument);
  std::unique_ptr<UserThread> thread = std::move(start.thread);
  start.tid = int(syscall(SYS_gettid));
  store_tid(*thread, start.request, CLONE_CHILD_SETTID, start.request.child_tid, start.tid);
  store_tid(*thread, start.request, CLONE_PARENT_SETTID, start.request.parent_tid, start.tid);
  start.started.release();
  thread->run();
  return nullptr;
}

s64 clone_thread(UserThread& parent, const CloneRequest& request) {
  ThreadStart start{std::make_unique<UserThread>(parent.process, parent.actions), request, std::binary_semaphore{0}, 0};
  UserThread& child = *start.thread;
  prepare_child(child, parent, request);
  child.inherit_signals(parent, false);
  child.tracer = parent.tracer;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kHostStack);
  pthread_t id;
  int error = 0;
  {
    SignalsBlocked blocked;  // the child starts like that
    error = pthread_create(&id, &attributes, thread_main, &start);
  }
  pthread_attr_destroy(&attributes);
  if (error) {
    parent.process.remove(child);
    return -error;
  }
  start.started.acquire();
  return start.tid;
}

// -- fork --

s64 host_fork(const CloneRequest& request) {
  constexpr u64 kOwnWork = CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS |
                           CLONE_VFORK | CLONE_PIDFD | kClearSighand;
  const u64 special = request.flags & ~kOwnWork;
  if (!special && request.exit_signal == SIGCHLD && !(request.flags & CLONE_PIDFD)) {
    const pid_t pid = fork();
    return pid < 0 ? -errno : pid;
  }
  // Namespaces and the like: the C library's fork knows none of it.
  const u64 pidfd = request.flags & CLONE_PIDFD ? request.pidfd : 0;
  const long pid =
      syscall(SYS_clone, special | (request.flags & CLONE_PIDFD) | u64(request.exit_signal), 0, pidfd, 0, 0);
  return pid < 0 ? -errno : pid;
}

// In the child of a fork: the debugger stays with the parent.
void leave_debugger(UserThread& thread) {
  thread.process.debugger->forked_away();
  thread.process.debugger = nullptr;
  thread.tracer = nullptr;
  thread.set_all_actions_of_host();
}

s64 clone_process(UserThread& thread, CloneRequest request) {
  if (request.flags & CLONE_PIDFD) {
    if (!thread.memory.in_range(request.pidfd, 4)) return -EFAULT;
    request.pidfd = u64(thread.memory.host(request.pidfd));
  }
  Process& process = thread.process;
  SignalsBlocked blocked;
  process.accelerator.before_fork();
  process.mutex().lock();
  process.memory.mutex().lock();
  thread.actions->mutex().lock();
  const s64 pid = host_fork(request);
  thread.actions->mutex().unlock();
  process.memory.mutex().unlock();
  process.mutex().unlock();
  if (pid != 0) {
    process.accelerator.after_fork_in_parent();
    if (pid > 0) store_tid(thread, request, CLONE_PARENT_SETTID, request.parent_tid, int(pid));
    return pid;
  }
  process.only_thread(thread);
  process.accelerator.after_fork_in_child(thread.cpu());
  if (process.debugger) leave_debugger(thread);
  thread.adopt_tid();
  thread.clear_child_tid = request.flags & CLONE_CHILD_CLEARTID ? request.child_tid : 0;
  thread.robust_list = 0;
  thread.isa.set_child(thread.state(), request.stack ? std::optional(request.stack) : std::nullopt,
                       request.flags & CLONE_SETTLS ? std::optional(request.tls) : std::nullopt);
  store_tid(thread, request, CLONE_CHILD_SETTID, request.child_tid, thread.tid());
  if (request.flags & kClearSighand) thread.clear_handlers();
  return 0;
}

// -- vfork --

int vfork_main(void* argument) {
  auto& child = *static_cast<UserThread*>(argument);
  child.run();
  _exit(child.exit_status());
}

s64 clone_vfork(UserThread& parent, const CloneRequest& request) {
  UserThread child(parent.process, parent.actions->copy());
  prepare_child(child, parent, request);
  child.inherit_signals(parent, true);
  child.vfork_child = true;
  child.tracer = parent.process.debugger ? nullptr : parent.tracer;
  void* stack = mmap(nullptr, kHostStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  s64 result = -ENOMEM;
  if (stack != MAP_FAILED) {
    SignalsBlocked blocked;
    int pidfd = -1;
    const int flags = CLONE_VM | CLONE_VFORK | int(request.flags & CLONE_PIDFD) | request.exit_signal;
    if (request.flags & kClearSighand) child.clear_handlers_at_start = true;
    parent.waits_for_vfork = true;
    const int pid = clone(vfork_main, static_cast<u8*>(stack) + kHostStack, flags, &child, &pidfd);
    result = pid < 0 ? -errno : pid;
    parent.waits_for_vfork = false;
    UserThread::become(&parent);
    munmap(stack, kHostStack);
    if (pid > 0) {
      store_tid(parent, request, CLONE_PARENT_SETTID, request.parent_tid, pid);
      if (request.flags & CLONE_PIDFD) parent.memory.put(request.pidfd, pidfd);
    }
  }
  parent.process.remove(child);
  return result;
}

s64 make_untraced_child(UserThread& thread, const CloneRequest& request) {
  if (request.flags & (CLONE_THREAD | CLONE_SIGHAND) && (request.flags & kThreadFlags) != kThreadFlags) return -EINVAL;
  if (request.flags & kIntoCgroup) return -EOPNOTSUPP;
  if (request.flags & CLONE_THREAD) return clone_thread(thread, request);
  if (!(request.flags & CLONE_VM)) return clone_process(thread, request);
  return request.flags & CLONE_VFORK ? clone_vfork(thread, request) : -EINVAL;
}

// A tracer may be told of the child in the midst of the host's call.
s64 make_child(UserThread& thread, const CloneRequest& request) {
  if (!thread.trace_block || !thread.tracer) return make_untraced_child(thread, request);
  const int tid = thread.tid();
  thread.tracer->before_host_stop(thread);
  const s64 result = make_untraced_child(thread, request);
  if (thread.tid() == tid) {
    if (thread.tracer) thread.tracer->after_host_stop(thread);
  } else {
    thread.isa.set_result(thread.state(), 0);
    thread.start_traced();
    thread.fresh_process = true;
  }
  return result;
}

}  // namespace

// RISC-V, AArch64: flags, stack, parent_tid, tls, child_tid (CONFIG_CLONE_BACKWARDS).
s64 call_clone(UserThread& thread, const Call&, const u64* arg) {
  CloneRequest request;
  request.flags = u32(arg[0]) & ~u64{CSIGNAL};
  request.exit_signal = int(arg[0] & CSIGNAL);
  request.stack = arg[1];
  request.parent_tid = request.pidfd = arg[2];
  request.tls = arg[3];
  request.child_tid = arg[4];
  if (request.flags & CLONE_PIDFD && request.flags & CLONE_PARENT_SETTID) return -EINVAL;
  return make_child(thread, request);
}

s64 call_clone3(UserThread& thread, const Call&, const u64* arg) {
  struct Arguments {  // struct clone_args, version 2
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
  } a{};
  constexpr u64 kFirstVersion = 64;
  if (arg[1] < kFirstVersion) return -EINVAL;
  if (arg[1] > kPageSize) return -E2BIG;
  if (s64 error = thread.memory.copy_in(&a, arg[0], std::min<u64>(arg[1], sizeof a))) return error;
  if (a.set_tid_size || a.flags & CSIGNAL || a.flags & CLONE_DETACHED || a.exit_signal > u64(kSignals)) return -EINVAL;
  if (!a.stack != !a.stack_size) return -EINVAL;
  return make_child(thread, {a.flags, a.pidfd, a.child_tid, a.parent_tid, int(a.exit_signal),
                             a.stack ? a.stack + a.stack_size : 0, a.tls});
}

s64 call_exit(UserThread& thread, const Call&, const u64* arg) {
  thread.exit_thread(int(arg[0] & 0xff));
  return kNoResult;
}

s64 call_exit_group(UserThread& thread, const Call&, const u64* arg) { thread.exit_process(int(arg[0] & 0xff)); }

s64 call_set_tid_address(UserThread& thread, const Call&, const u64* arg) {
  thread.clear_child_tid = arg[0];
  return thread.tid();
}

// With base 0 the kernel can walk the list by itself when the process is killed.
s64 call_set_robust_list(UserThread& thread, const Call&, const u64* arg) {
  if (arg[1] != 24) return -EINVAL;
  thread.robust_list = arg[0];
  if (!thread.memory.base() && thread.memory.in_range(arg[0])) thread.host(SYS_set_robust_list, arg[0], arg[1]);
  return 0;
}

s64 call_get_robust_list(UserThread& thread, const Call&, const u64* arg) {
  const int tid = int(arg[0]);
  u64 list = 0, bytes = 24;
  if (tid == 0 || tid == thread.tid()) {
    list = thread.robust_list;
  } else {
    const s64 result = thread.host(SYS_get_robust_list, u64(s64(tid)), u64(&list), u64(&bytes));
    if (result < 0) return result;
  }
  if (s64 error = thread.memory.put(arg[1], list)) return error;
  return thread.memory.put(arg[2], bytes);
}

}  // namespace mimus::user
