#include "machines/user/sysroot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

namespace mimus::user {
namespace {

// The host's alone: devices, the kernel's files, and where people and programs put files of their own.
constexpr std::string_view kHostOnly[] = {"/dev", "/home", "/proc", "/root", "/run", "/sys", "/tmp", "/var/tmp"};

bool below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

}  // namespace

Sysroot::Sysroot(std::string root) : root_(std::move(root)) {
  char real[PATH_MAX];
  if (!root_.empty() && realpath(root_.c_str(), real)) root_ = real;
  if (root_ == "/") root_.clear();
}
Sysroot::~Sysroot() = default;

// The kernel walks the path as if the root were the file system's.
std::string Sysroot::resolve(const std::string& path, bool follow) const {
  const int root = open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return {};
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
  how.resolve = RESOLVE_IN_ROOT;
  const int file = int(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
  close(root);
  if (file < 0) return {};
  char real[PATH_MAX];
  const ssize_t length = readlink(fmt::format("/proc/self/fd/{}", file).c_str(), real, sizeof real);
  close(file);
  return length > 0 && length < PATH_MAX ? std::string(real, size_t(length)) : std::string();
}

const std::string* Sysroot::folder(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto it = folders_.find(path);
  if (it == folders_.end()) {
    std::string host = resolve(path, true);
    if (host.empty()) return nullptr;  // may appear later: not remembered
    it = folders_.emplace(path, host == "/" ? "" : std::move(host)).first;
  }
  return &it->second;
}

std::string Sysroot::to_host(std::string path, bool follow) {
  if (root_.empty() || path.empty() || path[0] != '/' || below(path, root_)) return path;
  for (std::string_view only : kHostOnly)
    if (below(path, only)) return path;
  size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return root_;  // "/"
  const size_t slash = path.rfind('/', end);
  const std::string name = path.substr(slash + 1);
  if (name.starts_with('.')) {  // "." and ".." have no name of their own
    std::string host = resolve(path, follow);
    return host.empty() ? path : host;
  }
  const std::string* parent = folder(slash ? path.substr(0, slash) : "/");
  if (!parent) return path;
  std::string candidate = *parent + "/" + name;
  struct stat info;
  if (lstat(candidate.c_str(), &info) != 0) return path;
  if (!S_ISLNK(info.st_mode) || !follow) return candidate;
  std::string host = resolve(path, true);
  return host.empty() ? path : host;
}

std::string Sysroot::to_guest(const std::string& path) const {
  if (root_.empty() || !below(path, root_)) return path;
  return path.size() == root_.size() ? "/" : path.substr(root_.size());
}

Expected<std::string> find_sysroot(const std::string& named, const std::string& interpreter, std::string_view isa,
                                   std::string_view triplet, std::string_view package) {
  struct stat info;
  if (!named.empty()) {
    if (stat(named.c_str(), &info) != 0) return fail(fmt::format("-L {}: {}", named, strerror(errno)));
    if (!S_ISDIR(info.st_mode)) return fail(fmt::format("-L {}: not a folder", named));
    return named;
  }
  if (const char* root = getenv("MIMUS_SYSROOT"); root && *root) {
    if (stat(root, &info) != 0 || !S_ISDIR(info.st_mode))
      return fail(fmt::format("MIMUS_SYSROOT names {}, which is not a folder", root));
    return std::string(root);
  }
  if (interpreter.empty() || exists(interpreter)) return std::string();
  std::string cross = fmt::format("/usr/{}", triplet);
  if (exists(cross + interpreter)) return cross;
  if (interpreter.find("ld-musl") != std::string::npos) {
    std::string musl = cross.substr(0, cross.rfind('-')) + "-musl";
    if (exists(musl + interpreter)) return musl;
  }
  return fail(
      fmt::format("the program needs the dynamic linker {0}, which is neither on this system nor below {1}; "
                  "install the Debian package {2}, or name a root of {3} programs with -L",
                  interpreter, cross, package, isa));
}

}  // namespace mimus::user
