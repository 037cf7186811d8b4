// What a traced thread and the emulator of its tracer tell each other: a structure in the tracee's memory, which the
// tracer reads and writes while the tracee stands still in a stop of the host's ptrace. Both are the same program.
#pragma once

#include <signal.h>

#include "core/base/types.h"

namespace mimus::user {

// si_code of the SIGSEGV by which a thread stops itself; si_value is the address of its block. A tracee's tracer is
// told by the host and swallows the signal; the handler sees it only when there is no tracer any more.
inline constexpr int kTraceStopCode = -0x6d6a;
// si_code of the SIGSEGV by which a tracer wants something; si_value is a set of TraceRequest.
inline constexpr int kTraceRequestCode = -0x6d6b;
enum TraceRequest : u32 {
  kTraceRequestBegin = 1,      // be a tracee
  kTraceRequestStop = 2,       // stop with SIGSTOP
  kTraceRequestInterrupt = 4,  // PTRACE_INTERRUPT
};

struct TraceBlock {
  static constexpr u64 kMagic = 0x3170'7370'756d'696d;
  static constexpr unsigned kMostGeneral = 320, kMostFloating = 560, kMostMasks = 16, kMostPages = 128;
  u64 magic = kMagic;

  // -- by the tracee, at each stop --
  enum class Kind : u32 { none, signal, interrupted, stepped, call_entry, call_exit, started, executed };
  Kind kind = Kind::none;
  u32 architecture = 0;  // AUDIT_ARCH_*
  siginfo_t info{};
  u64 pc = 0, sp = 0;
  u64 call_number = 0, call_args[6] = {};
  s64 call_result = 0;
  u32 self_stop = 0;  // the next SIGSTOP is the tracee's own way to stop
  u64 base = 0, limit = 0;
  u64 auxv = 0, auxv_bytes = 0, arguments = 0, arguments_bytes = 0;  // guest addresses
  char program[512] = {};                                            // host path

  // -- by both: the registers as PTRACE_GETREGSET has them, and the mask --
  u32 general_bytes = 0, floating_bytes = 0, pac_mask_bytes = 0;
  u8 general[kMostGeneral] = {};
  u8 floating[kMostFloating] = {};
  u8 pac_masks[kMostMasks] = {};
  u64 mask = 0;

  // -- by the tracer, before the tracee goes on --
  u32 resumed = 0;
  u32 registers_changed = 0, mask_changed = 0, info_changed = 0;
  s32 signal = 0;
  u32 trace_calls = 0, step = 0, detach = 0;
  u32 pages = 0;  // of code that has been written; more than kMostPages: any
  u64 page[kMostPages] = {};
};

}  // namespace mimus::user
