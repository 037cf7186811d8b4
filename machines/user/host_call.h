// System calls of the host that a signal may abort before they begin: exact to the instruction. Async-signal-safe.
#pragma once

#include <atomic>

#include "core/base/types.h"

namespace mimus::user {

// In the kernel's numbers: a signal has interrupted the call, which is to be made again unless a handler without
// SA_RESTART runs.
inline constexpr s64 kRestart = -512;
// A signal has come before the call began: it is to be made after the handler in any case.
inline constexpr s64 kNotBegun = -514;

// Makes a system call of the host. The result, -errno, or one of the above, when nothing has happened. When `*pending`
// is set before the kernel has been entered, that is kNotBegun: no signal is lost between looking at `*pending` and
// entering the kernel.
s64 host_call(const std::atomic<u32>& pending, long number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0,
              u64 f = 0);

// In the handler of an asynchronous signal that has set a call's `pending`: a host_call that has not entered the kernel
// yet, or would enter it again, does not.
void abort_call(void* ucontext);

}  // namespace mimus::user
