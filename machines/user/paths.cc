#include "machines/user/paths.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "machines/user/ptrace_tracer.h"

namespace mimus::user {
namespace {

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_number(std::string_view& text, long& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(size_t(end - text.data()));
  return true;
}

}  // namespace

std::string own_proc_entry(const std::string& path) {
  std::string_view rest = path;
  long number = 0;
  if (!take(rest, "/proc/")) return {};
  if (rest == "cpuinfo") return "cpuinfo";
  if (take(rest, "thread-self/")) return std::string(rest);
  if (!take(rest, "self/") && !(take_number(rest, number) && number == getpid() && take(rest, "/"))) return {};
  if (std::string_view task = rest; take(task, "task/") && take_number(task, number) && take(task, "/")) rest = task;
  return std::string(rest);
}

std::string host_path(UserThread& thread, std::string path, bool follow) {
  if (path.starts_with("/proc/")) return follow && own_proc_entry(path) == "exe" ? thread.process.program.exe : path;
  return thread.process.sysroot.to_host(std::move(path), follow);
}

s64 get_path(UserThread& thread, std::string& path, GuestVa address, bool follow) {
  if (s64 error = thread.memory.get_string(path, address)) return error;
  path = host_path(thread, std::move(path), follow);
  return 0;
}

std::optional<std::string> traced_proc_text(UserThread& thread, const std::string& path) {
  std::string_view rest = path;
  long number = 0;
  if (!thread.process.traces() || !take(rest, "/proc/") || !take_number(rest, number) || !take(rest, "/"))
    return std::nullopt;
  if (std::string_view task = rest; take(task, "task/") && take_number(task, number) && take(task, "/")) rest = task;
  return thread.process.ptrace().proc_text(int(number), std::string(rest));
}

int process_of_memory_file(const std::string& path) {
  std::string_view rest = path;
  long number = 0, task_number = 0;
  if (!take(rest, "/proc/") || !take_number(rest, number) || !take(rest, "/")) return 0;
  if (take(rest, "task/") && !(take_number(rest, task_number) && take(rest, "/"))) return 0;
  return rest == "mem" ? int(number) : 0;
}

s64 open_text(const std::string& text, int flags) {
  if ((flags & O_ACCMODE) != O_RDONLY) return -EACCES;
  const int fd = memfd_create("proc", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
  if (fd < 0) return -errno;
  if (write(fd, text.data(), text.size()) != ssize_t(text.size())) {
    close(fd);
    return -ENOMEM;
  }
  lseek(fd, 0, SEEK_SET);
  return fd;
}

}  // namespace mimus::user
