#include "machines/user/syscalls.h"

#include <sys/syscall.h>

#include <array>
#include <cerrno>

#include "machines/user/paths.h"

// Newer than the headers of some hosts. From 424 on the numbers are the same on all architectures.
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

namespace mimus::user {
namespace {

#define CALL_FUNCTION_own(name) call_##name
#define CALL_FUNCTION_pass(name) pass
#define CALL_FUNCTION_absent(name) no_such_call
#define CALL_HOST_own(name) -1
#define CALL_HOST_pass(name) SYS_##name
#define CALL_HOST_absent(name) -1
#define CALL(name, generic, x86_64, how, result, ...) \
  Call{#name, generic, x86_64, CALL_HOST_##how(name), CALL_FUNCTION_##how(name), {__VA_ARGS__}, result},

constexpr auto make_table() {
  using enum Kind;
  return std::to_array<Call>({
#include "machines/user/syscalls.def"
  });
}
constexpr auto kTable = make_table();

constexpr size_t kNumbers = 480;
using Index = std::array<s16, kNumbers>;
constexpr Index make_index(s16 Call::* column) {
  Index index{};
  index.fill(-1);
  for (size_t i = 0; i < kTable.size(); i++)
    if (kTable[i].*column >= 0) index[size_t(kTable[i].*column)] = s16(i);
  return index;
}
constexpr Index kIndexes[] = {make_index(&Call::generic), make_index(&Call::x86_64)};  // by CallNumbers

}  // namespace

std::span<const Call> call_table() { return kTable; }

const Call* find_call(CallNumbers numbers, u64 number) {
  const Index& index = kIndexes[size_t(numbers)];
  return number < kNumbers && index[number] >= 0 ? &kTable[size_t(index[number])] : nullptr;
}

s64 make_call(UserThread& thread, const CallArgs& args) {
  const Call* call = find_call(thread.isa.facts().calls, args.number);
  if (!call) {
    thread.process.count_unknown(args.number);
    return -ENOSYS;
  }
  u64 arg[6];
  for (unsigned i = 0; i < 6; i++)
    arg[i] = call->args[i] == Kind::open_flags ? thread.isa.open_flags_to_host(args.arg[i]) : args.arg[i];
  return call->function(thread, *call, arg);
}

s64 host_argument(UserThread& thread, Kind kind, u64 arg, u64& host, std::string& text) {
  host = arg;
  if (!is_pointer(kind) || !arg) return 0;
  if (!thread.memory.in_range(arg)) return -EFAULT;
  if (kind == Kind::path || kind == Kind::path_nofollow) {
    if (s64 error = get_path(thread, text, arg, kind == Kind::path)) return error;
    host = reinterpret_cast<u64>(text.c_str());
  } else {
    host = reinterpret_cast<u64>(thread.memory.host(arg));
  }
  return 0;
}

s64 pass(UserThread& thread, const Call& call, const u64* arg) {
  u64 host[6];
  std::string text[6];
  for (unsigned i = 0; i < 6; i++) {
    if (s64 error = host_argument(thread, call.args[i], arg[i], host[i], text[i])) return error;
    if (call.args[i] == Kind::out)
      thread.memory.prepare_write(arg[i], arg[i + 1]);
    else if (call.args[i] == Kind::pointer)
      thread.memory.prepare_write(arg[i], 256);  // structures are small
  }
  return thread.host(call.host, host[0], host[1], host[2], host[3], host[4], host[5]);
}

s64 no_such_call(UserThread&, const Call&, const u64*) { return -ENOSYS; }

}  // namespace mimus::user
