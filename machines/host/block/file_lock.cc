#include "machines/host/block/file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>

namespace mimus {

namespace {

namespace fs = std::filesystem;

constexpr off_t kUsed = 100, kNotGranted = 200;
constexpr off_t kConsistentRead = 0, kWrite = 1, kResize = 3;

struct flock byte_lock(short type, off_t at) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = at;
  lock.l_len = 1;
  return lock;
}

bool hold(int fd, off_t at) {
  struct flock lock = byte_lock(F_RDLCK, at);
  return fcntl(fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);  // else: no locks there
}

// Has another user of the file a lock on this byte?
bool taken(int fd, off_t at) {
  struct flock lock = byte_lock(F_WRLCK, at);
  // A lock for writing needs no descriptor that is open for writing when it is only asked about.
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool holds_locks(const fs::path& fdinfo) {
  std::ifstream in(fdinfo);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("lock:")) return true;
  return false;
}

// "process 123 (mimus)": who else has the file open with a lock on it; empty if that cannot be seen.
std::string find_owner(int fd) {
  struct stat ours{};
  std::error_code error;
  if (fstat(fd, &ours) != 0) return {};
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const std::string id = process.path().filename();
    if (id.find_first_not_of("0123456789") != std::string::npos) continue;
    for (const auto& entry : fs::directory_iterator(process.path() / "fd", error)) {
      struct stat theirs{};
      const std::string number = entry.path().filename();
      if (id == std::to_string(getpid()) && number == std::to_string(fd)) continue;
      if (stat(entry.path().c_str(), &theirs) != 0 || theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
        continue;
      if (!holds_locks(process.path() / "fdinfo" / number)) continue;
      if (id == std::to_string(getpid())) return "this process, as another disk";
      std::string name;
      std::getline(std::ifstream(process.path() / "comm"), name);
      return "process " + id + (name.empty() ? "" : " (" + name + ")");
    }
  }
  return {};
}

std::unexpected<Error> in_use(int fd, const std::string& name, bool write) {
  const std::string owner = find_owner(fd);
  const std::string by = owner.empty() ? "another machine or program" : owner;
  return fail(name + (write ? ": is in use by " + by + "; stop that one, or use ,readonly in both"
                            : ": is being written by " + by + "; stop that one first"));
}

}  // namespace

Expected<void> lock_image(int fd, const std::string& name, bool write) {
  // First the own locks, then the look at those of others: of two that start at once, at least one sees the other.
  bool held = hold(fd, kUsed + kConsistentRead) && hold(fd, kNotGranted + kWrite) && hold(fd, kNotGranted + kResize);
  if (write) held = held && hold(fd, kUsed + kWrite) && hold(fd, kUsed + kResize);
  bool conflict =
      !held || taken(fd, kNotGranted + kConsistentRead) || taken(fd, kUsed + kWrite) || taken(fd, kUsed + kResize);
  if (write) conflict = conflict || taken(fd, kNotGranted + kWrite) || taken(fd, kNotGranted + kResize);
  if (conflict) return in_use(fd, name, write);
  return {};
}

}  // namespace mimus
