// The system calls, as one table (syscalls.def): dispatch, --strace and docs/reference/syscalls.md come from it.
#pragma once

#include <span>
#include <string_view>

#include "machines/user/isa.h"
#include "machines/user/thread.h"

namespace mimus::user {

// What an argument or a result is: how --strace shows it, and what a passed-through call does with it.
enum class Kind : u8 {
  none,
  number,  // signed decimal
  size,    // unsigned decimal
  hex,
  octal,  // file modes
  access,
  fd,
  dirfd,  // AT_FDCWD by name
  open_flags,
  prot,
  map_flags,
  signal,
  whence,
  clock,
  advice,  // of madvise
  at_flags,
  clone_flags,
  futex_op,
  // -- addresses: in range, or the call is EFAULT --
  pointer,        // a structure that the kernel reads or writes
  in,             // bytes to be read; the next argument counts them
  out,            // bytes to be written; the next argument counts them
  path,           // a file name; looked up in the sysroot
  path_nofollow,  // the same; a symbolic link at the end is meant itself
  text,           // a zero-terminated string
  address,        // a guest address that is not accessed (mmap)
};
constexpr bool is_pointer(Kind kind) { return kind >= Kind::pointer && kind <= Kind::text; }

struct Call;
using CallFunction = s64 (*)(UserThread& thread, const Call& call, const u64* arg);

struct Call {
  std::string_view name;
  s16 generic;  // number in the generic 64-bit table (RISC-V, AArch64); -1: none
  s16 x86_64;
  s32 host;  // number on this host, for calls that are passed through; -1: none
  CallFunction function;
  Kind args[6];
  Kind result;
};

std::span<const Call> call_table();
const Call* find_call(CallNumbers numbers, u64 number);  // null: unknown

// Makes the call; the result, -errno, kRestart, kNotBegun or kNoResult.
s64 make_call(UserThread& thread, const CallArgs& args);

// `arg` as the host's kernel wants it. 0, or -errno. `text` holds what has to be copied for a path.
s64 host_argument(UserThread& thread, Kind kind, u64 arg, u64& host, std::string& text);
// The host's call of the same name with the same structures.
s64 pass(UserThread& thread, const Call& call, const u64* arg);
s64 no_such_call(UserThread& thread, const Call& call, const u64* arg);  // ENOSYS on purpose

std::string call_reference();  // the text of docs/reference/syscalls.md

// Functions of calls that need more than passing on; in calls/*.cc.
#define CALL(name, generic, x86_64, how, result, ...) CALL_DECLARE_##how(name)
#define CALL_DECLARE_own(name) s64 call_##name(UserThread& thread, const Call& call, const u64* arg);
#define CALL_DECLARE_pass(name)
#define CALL_DECLARE_absent(name)
#include "machines/user/syscalls.def"
#undef CALL_DECLARE_own
#undef CALL_DECLARE_pass
#undef CALL_DECLARE_absent
#undef CALL

}  // namespace mimus::user
