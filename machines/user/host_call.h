// System calls of the host that a signal may abort before they begin: exact to the instruction. Async-signal-safe.
#pragma once

#include <atomic>

#include "core/base/types.h"

namespace mimus::user {

// In the kernel's numbers: a call that is to be made again after a signal, unless a handler without SA_RESTART ran.
inline constexpr s64 kRestart = -512;

// Makes a system call of the host. The result, or -errno. When `*pending` is set before the kernel has been entered, or
// the kernel would restart the call after a signal, the result is kRestart and nothing has happened: no signal is lost
// between looking at `*pending` and entering the kernel (see fix_context).
s64 host_call(const std::atomic<u32>& pending, long number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0,
              u64 f = 0);

// In the handler of an asynchronous signal that has made the call's `pending` true: a host_call that has not entered
// the kernel yet (or would enter it again) gives kRestart.
void abort_call(void* ucontext);

}  // namespace mimus::user
