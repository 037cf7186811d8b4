// Guarded accesses: to memory that may not be there or may not allow it, e.g. a process's own. Where a plain access
// would end in SIGSEGV or SIGBUS, these report the fault. Aligned accesses up to 8 bytes are single-copy atomic.
//
// The process's handler of the two signals must call recover_guarded_access(). Everything here is async-signal-safe and
// takes no lock.
#pragma once

#include <csignal>

#include "core/base/types.h"

namespace mimus {

struct GuardedResult {
  u64 value = 0;  // what was read; after a fault si_addr, which is 0 for non-canonical addresses (code SI_KERNEL)
  u64 fault = 0;  // 0: none; else the signal, with si_code shifted left by 8

  bool ok() const { return fault == 0; }
  int signal() const { return int(fault & 0xff); }
  int code() const { return int(u32(fault) >> 8); }
};

// bytes: 1, 2, 4 or 8. Values are zero-extended.
GuardedResult guarded_load(const u8* at, unsigned bytes);
GuardedResult guarded_store(u8* at, unsigned bytes, u64 value);
// value: what was there; the exchange was done if that equals `expected` (as far as the bytes go).
GuardedResult guarded_compare_exchange(u8* at, unsigned bytes, u64 expected, u64 desired);
GuardedResult guarded_load16(const u8* at, u64 out[2]);
GuardedResult guarded_store16(u8* at, const u64 value[2]);
// `expected` receives what was there. `at` is 16-byte aligned.
GuardedResult guarded_compare_exchange16(u8* at, u64 expected[2], const u64 desired[2]);
// Either side may be missing. What lies before the fault has been copied.
GuardedResult guarded_copy(void* to, const void* from, u64 bytes);
GuardedResult guarded_zero(u8* at, u64 bytes);

// For the handler: true if the fault was one of these functions' and `ucontext` has been changed so that it reports it.
bool recover_guarded_access(const siginfo_t& info, void* ucontext);

}  // namespace mimus
