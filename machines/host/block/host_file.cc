#include "machines/host/block/host_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mimus {

namespace {

struct Advice {
  int error;
  const char* text;
};

std::string explain_open(const std::string& path, int error, HostFile::Access access) {
  static constexpr Advice kAdvice[] = {
      {ENOENT, "no such file; a new empty disk is made with: truncate -s 8G FILE"},
      {EISDIR, "is a directory, not a disk image"},
      {EROFS, "lies on a read-only file system; add ,readonly"},
      {EACCES, "permission denied; change its permissions or, to only read it, add ,readonly"},
      {EPERM, "permission denied; change its permissions or, to only read it, add ,readonly"},
  };
  for (const Advice& advice : kAdvice) {
    if (advice.error != error) continue;
    if ((error == EACCES || error == EPERM) && access == HostFile::Access::read_only) break;
    return path + ": " + advice.text;
  }
  return path + ": cannot be opened: " + std::strerror(error);
}

}  // namespace

Expected<HostFile> HostFile::open(const std::string& path, Access access) {
  HostFile file;
  file.name_ = path;
  file.access_ = access;
  // O_NONBLOCK: opening a FIFO must not wait for its other end. It means nothing for files and disks.
  const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (access == Access::read_write ? O_RDWR : O_RDONLY);
  file.fd_ = ::open(path.c_str(), flags);
  if (file.fd_ < 0) return fail(explain_open(path, errno, access));
  MIMUS_CHECK(file.inspect());
  MIMUS_CHECK(file.lock());
  return file;
}

Expected<HostFile> HostFile::adopt(int fd, std::string name, Access access) {
  HostFile file;
  file.fd_ = fd;
  file.name_ = std::move(name);
  file.access_ = access;
  MIMUS_CHECK(file.inspect());
  return file;
}

Expected<void> HostFile::inspect() {
  struct stat status{};
  if (fstat(fd_, &status) != 0) return fail(name_ + ": " + std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return fail(name_ + ": is a directory, not a disk image");
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
    return fail(name_ + ": is neither a file nor a block device");
  const off_t end = lseek(fd_, 0, SEEK_END);
  if (end < 0) return fail(name_ + ": its size cannot be determined: " + std::strerror(errno));
  size_ = u64(end);
  device_ = S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev;
  inode_ = S_ISBLK(status.st_mode) ? 0 : status.st_ino;
  return {};
}

Expected<void> HostFile::lock() {
  const bool writer = access_ == Access::read_write;
  if (flock(fd_, (writer ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};  // or no locks there
  return fail(name_ + (writer ? ": is in use by another machine; stop that one, or use ,readonly in both"
                              : ": is being written by another machine; stop that one first"));
}

HostFile& HostFile::operator=(HostFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(name_, other.name_);
  std::swap(access_, other.access_);
  std::swap(size_, other.size_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

HostFile::~HostFile() {
  if (fd_ >= 0) close(fd_);
}

s64 HostFile::read_at(u64 offset, std::span<u8> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = pread(fd_, out.data() + done, out.size() - done, off_t(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -errno;
    if (count == 0) break;
    done += size_t(count);
  }
  return s64(done);
}

}  // namespace mimus
