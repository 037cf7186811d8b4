#include "machines/user/strace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "machines/user/own_fds.h"

namespace mimus::user {
namespace {

struct Name {
  u64 value;
  const char* name;
};

constexpr Name kOpenFlags[] = {{O_WRONLY, "O_WRONLY"},   {O_RDWR, "O_RDWR"},           {O_CREAT, "O_CREAT"},
                               {O_EXCL, "O_EXCL"},       {O_NOCTTY, "O_NOCTTY"},       {O_TRUNC, "O_TRUNC"},
                               {O_APPEND, "O_APPEND"},   {O_NONBLOCK, "O_NONBLOCK"},   {O_SYNC, "O_SYNC"},
                               {O_DSYNC, "O_DSYNC"},     {O_DIRECT, "O_DIRECT"},       {0100000, "O_LARGEFILE"},
                               {O_TMPFILE, "O_TMPFILE"}, {O_DIRECTORY, "O_DIRECTORY"}, {O_NOFOLLOW, "O_NOFOLLOW"},
                               {O_CLOEXEC, "O_CLOEXEC"}, {O_PATH, "O_PATH"},           {O_NOATIME, "O_NOATIME"}};
constexpr Name kProt[] = {{PROT_READ, "PROT_READ"}, {PROT_WRITE, "PROT_WRITE"}, {PROT_EXEC, "PROT_EXEC"}};
constexpr Name kMapFlags[] = {{MAP_SHARED_VALIDATE, "MAP_SHARED_VALIDATE"},
                              {MAP_SHARED, "MAP_SHARED"},
                              {MAP_PRIVATE, "MAP_PRIVATE"},
                              {MAP_FIXED, "MAP_FIXED"},
                              {MAP_ANONYMOUS, "MAP_ANONYMOUS"},
                              {MAP_GROWSDOWN, "MAP_GROWSDOWN"},
                              {MAP_DENYWRITE, "MAP_DENYWRITE"},
                              {MAP_NORESERVE, "MAP_NORESERVE"},
                              {MAP_POPULATE, "MAP_POPULATE"},
                              {MAP_STACK, "MAP_STACK"},
                              {MAP_HUGETLB, "MAP_HUGETLB"},
                              {MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE"}};
constexpr Name kAtFlags[] = {{AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"},
                             {AT_REMOVEDIR, "AT_REMOVEDIR"},
                             {AT_SYMLINK_FOLLOW, "AT_SYMLINK_FOLLOW"},
                             {AT_NO_AUTOMOUNT, "AT_NO_AUTOMOUNT"},
                             {AT_EMPTY_PATH, "AT_EMPTY_PATH"}};
constexpr Name kCloneFlags[] = {{CLONE_VM, "CLONE_VM"},
                                {CLONE_FS, "CLONE_FS"},
                                {CLONE_FILES, "CLONE_FILES"},
                                {CLONE_SIGHAND, "CLONE_SIGHAND"},
                                {CLONE_PIDFD, "CLONE_PIDFD"},
                                {CLONE_VFORK, "CLONE_VFORK"},
                                {CLONE_PARENT, "CLONE_PARENT"},
                                {CLONE_THREAD, "CLONE_THREAD"},
                                {CLONE_NEWNS, "CLONE_NEWNS"},
                                {CLONE_SYSVSEM, "CLONE_SYSVSEM"},
                                {CLONE_SETTLS, "CLONE_SETTLS"},
                                {CLONE_PARENT_SETTID, "CLONE_PARENT_SETTID"},
                                {CLONE_CHILD_CLEARTID, "CLONE_CHILD_CLEARTID"},
                                {CLONE_CHILD_SETTID, "CLONE_CHILD_SETTID"},
                                {SIGCHLD, "SIGCHLD"}};
constexpr Name kAccess[] = {{R_OK, "R_OK"}, {W_OK, "W_OK"}, {X_OK, "X_OK"}};
constexpr Name kWhence[] = {{SEEK_SET, "SEEK_SET"},
                            {SEEK_CUR, "SEEK_CUR"},
                            {SEEK_END, "SEEK_END"},
                            {SEEK_DATA, "SEEK_DATA"},
                            {SEEK_HOLE, "SEEK_HOLE"}};
constexpr Name kClocks[] = {{CLOCK_REALTIME, "CLOCK_REALTIME"},
                            {CLOCK_MONOTONIC, "CLOCK_MONOTONIC"},
                            {CLOCK_PROCESS_CPUTIME_ID, "CLOCK_PROCESS_CPUTIME_ID"},
                            {CLOCK_THREAD_CPUTIME_ID, "CLOCK_THREAD_CPUTIME_ID"},
                            {CLOCK_MONOTONIC_RAW, "CLOCK_MONOTONIC_RAW"},
                            {CLOCK_REALTIME_COARSE, "CLOCK_REALTIME_COARSE"},
                            {CLOCK_MONOTONIC_COARSE, "CLOCK_MONOTONIC_COARSE"},
                            {CLOCK_BOOTTIME, "CLOCK_BOOTTIME"}};
constexpr Name kAdvice[] = {{MADV_NORMAL, "MADV_NORMAL"},         {MADV_RANDOM, "MADV_RANDOM"},
                            {MADV_SEQUENTIAL, "MADV_SEQUENTIAL"}, {MADV_WILLNEED, "MADV_WILLNEED"},
                            {MADV_DONTNEED, "MADV_DONTNEED"},     {MADV_FREE, "MADV_FREE"},
                            {MADV_HUGEPAGE, "MADV_HUGEPAGE"},     {MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE"},
                            {MADV_DONTFORK, "MADV_DONTFORK"},     {MADV_DONTDUMP, "MADV_DONTDUMP"}};
constexpr Name kFutexOps[] = {{FUTEX_WAIT, "FUTEX_WAIT"},
                              {FUTEX_WAKE, "FUTEX_WAKE"},
                              {FUTEX_REQUEUE, "FUTEX_REQUEUE"},
                              {FUTEX_CMP_REQUEUE, "FUTEX_CMP_REQUEUE"},
                              {FUTEX_WAKE_OP, "FUTEX_WAKE_OP"},
                              {FUTEX_LOCK_PI, "FUTEX_LOCK_PI"},
                              {FUTEX_UNLOCK_PI, "FUTEX_UNLOCK_PI"},
                              {FUTEX_TRYLOCK_PI, "FUTEX_TRYLOCK_PI"},
                              {FUTEX_WAIT_BITSET, "FUTEX_WAIT_BITSET"},
                              {FUTEX_WAKE_BITSET, "FUTEX_WAKE_BITSET"}};

std::string one_of(std::span<const Name> names, u64 value) {
  for (const Name& n : names)
    if (n.value == value) return n.name;
  return fmt::format("{:#x}", value);
}

// `zero` is what no bits are called.
std::string flags_of(std::span<const Name> names, u64 value, const char* zero) {
  std::string text;
  for (const Name& n : names) {
    if (!n.value || (value & n.value) != n.value) continue;
    text += (text.empty() ? "" : "|") + std::string(n.name);
    value &= ~n.value;
  }
  if (value) text += fmt::format("{}{:#x}", text.empty() ? "" : "|", value);
  return text.empty() ? zero : text;
}

std::string open_flags(u64 value) {
  std::string text = flags_of(kOpenFlags, value, "O_RDONLY");
  return value & O_ACCMODE || text.starts_with("O_RDONLY") ? text : "O_RDONLY|" + text;
}

std::string futex_op(u64 value) {
  std::string text = one_of(kFutexOps, value & u64(FUTEX_CMD_MASK));
  if (value & FUTEX_PRIVATE_FLAG) text += "_PRIVATE";
  if (value & FUTEX_CLOCK_REALTIME) text += "|FUTEX_CLOCK_REALTIME";
  return text;
}

std::string quoted(std::string_view text, bool more) {
  std::string out = "\"";
  for (char c : text) {
    static constexpr std::string_view kSpecial = "\"\\\n\t\r\v\f", kLetters = "\"\\ntrvf";
    if (size_t at = kSpecial.find(c); at != std::string_view::npos && c)
      out += std::string("\\") + kLetters[at];
    else if (c >= ' ' && c < 127)
      out += c;
    else
      out += fmt::format("\\{:o}", u8(c));
  }
  return out + (more ? "\"..." : "\"");
}

std::string string_at(UserThread& thread, u64 address) {
  std::string text;
  if (!address) return "NULL";
  return thread.memory.get_string(text, address) == 0 ? quoted(text, false) : fmt::format("{:#x}", address);
}

std::string bytes_at(UserThread& thread, u64 address, u64 count) {
  constexpr u64 kShown = 32;
  std::string text(std::min(count, kShown), '\0');
  if (!address) return "NULL";
  if (thread.memory.copy_in(text.data(), address, text.size()) != 0) return fmt::format("{:#x}", address);
  return quoted(text, count > kShown);
}

std::string format_argument(UserThread& thread, Kind kind, u64 value, u64 next, s64 result) {
  switch (kind) {
    case Kind::none: return {};
    case Kind::fd:
    case Kind::number:
      return fmt::format("{}", s32(value) == s64(value) || value >> 32 == 0 ? s64(s32(value)) : s64(value));
    case Kind::size: return fmt::format("{}", value);
    case Kind::hex: return value ? fmt::format("{:#x}", value) : "0";
    case Kind::octal: return value ? fmt::format("0{:o}", value) : "0";
    case Kind::dirfd: return s32(value) == AT_FDCWD ? "AT_FDCWD" : fmt::format("{}", s32(value));
    case Kind::open_flags: return open_flags(thread.isa.open_flags_to_host(value));
    case Kind::prot: return flags_of(kProt, value, "PROT_NONE");
    case Kind::map_flags: return flags_of(kMapFlags, value, "0");
    case Kind::at_flags: return flags_of(kAtFlags, value, "0");
    case Kind::clone_flags: return flags_of(kCloneFlags, value, "0");
    case Kind::signal: return signal_name(int(value));
    case Kind::access: return flags_of(kAccess, value, "F_OK");
    case Kind::whence: return one_of(kWhence, value);
    case Kind::clock: return one_of(kClocks, value);
    case Kind::advice: return one_of(kAdvice, value);
    case Kind::futex_op: return futex_op(value);
    case Kind::in: return bytes_at(thread, value, next);
    case Kind::out: return result >= 0 ? bytes_at(thread, value, u64(result)) : fmt::format("{:#x}", value);
    case Kind::path:
    case Kind::path_nofollow:
    case Kind::text: return string_at(thread, value);
    case Kind::pointer:
    case Kind::address: return value ? fmt::format("{:#x}", value) : "NULL";
  }
  return {};
}

}  // namespace

std::string signal_name(int signal) {
  if (signal >= 32 && signal <= kSignals) return fmt::format("SIGRT_{}", signal - 32);
  const char* name = sigabbrev_np(signal);
  return name ? fmt::format("SIG{}", name) : fmt::format("{}", signal);
}

std::string format_arguments(UserThread& thread, const Call& call, const u64* arg, s64 result) {
  std::string text;
  for (unsigned i = 0; i < 6 && call.args[i] != Kind::none; i++) {
    // The mode of a file that is not created means nothing.
    if (i && call.args[i] == Kind::octal && call.args[i - 1] == Kind::open_flags && !(arg[i - 1] & O_CREAT)) break;
    if (i) text += ", ";
    text += format_argument(thread, call.args[i], arg[i], i < 5 ? arg[i + 1] : 0, result);
  }
  return text;
}

std::string format_result(const Call& call, s64 result) {
  if (result == kRestart || result == kNotBegun) return "? (to be restarted)";
  if (result == kNoResult) return "?";
  if (result < 0 && result > -4096) {
    const char* name = strerrorname_np(int(-result));
    return fmt::format("-1 {} ({})", name ? name : std::to_string(-result), strerror(int(-result)));
  }
  return call.result == Kind::hex     ? fmt::format("{:#x}", u64(result))
         : call.result == Kind::octal ? fmt::format("0{:o}", u64(result))
                                      : fmt::format("{}", result);
}

Strace::Strace(int fd) : fd_(copy_out_of_the_way(fd)) {}

s64 Strace::traced_call(UserThread& thread, const CallArgs& args) {
  const Call* call = find_call(thread.isa.facts().calls, args.number);
  if (!call) {
    line(thread, fmt::format("syscall_{:#x}({:#x}, {:#x}, {:#x}, {:#x}, {:#x}, {:#x}) = -1 ENOSYS\n", args.number,
                             args.arg[0], args.arg[1], args.arg[2], args.arg[3], args.arg[4], args.arg[5]));
    return make_call(thread, args);
  }
  // What does not come back, or comes back as something else, is shown before.
  const bool early = call->name.starts_with("exec") || call->name.starts_with("exit") || call->name == "rt_sigreturn";
  if (early) line(thread, fmt::format("{}({}) = ?\n", call->name, format_arguments(thread, *call, args.arg, -1)));
  const s64 result = make_call(thread, args);
  if (!early || (result < 0 && result > -4096))
    line(thread, fmt::format("{}({}) = {}\n", call->name, format_arguments(thread, *call, args.arg, result),
                             format_result(*call, result)));
  return result;
}

void Strace::signal(UserThread& thread, const siginfo_t& info) {
  std::string text = fmt::format("--- {0} {{si_signo={0}, si_code={1}", signal_name(info.si_signo), info.si_code);
  if (info.si_code <= 0 || info.si_signo == SIGCHLD)
    text += fmt::format(", si_pid={}, si_uid={}", info.si_pid, info.si_uid);
  else
    text += fmt::format(", si_addr={:#x}", reinterpret_cast<u64>(info.si_addr));
  line(thread, text + "} ---\n");
}

void Strace::killed(UserThread& thread, int signal) {
  line(thread, fmt::format("+++ killed by {} +++\n", signal_name(signal)));
}

void Strace::line(UserThread& thread, const std::string& text) {
  const std::string full = fmt::format("[pid {}] {}", thread.tid(), text);
  if (write(fd_, full.data(), full.size()) < 0) return;
}

}  // namespace mimus::user
