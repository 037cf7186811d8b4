#include "machines/host/block/host_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "machines/host/block/file_lock.h"
#include "machines/host/block/iovecs.h"

namespace mimus {

namespace {

struct Advice {
  int error;
  const char* text;
};

std::string explain_open(const std::string& path, int error, HostFile::Access access) {
  static constexpr Advice kAdvice[] = {
      {ENOENT, "no such file; a new empty disk is made with: mimus img create FILE 8G"},
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

Expected<std::unique_ptr<HostFile>> HostFile::open(const std::string& path, Access access) {
  MIMUS_TRY(auto file, open_path(path, access));
  MIMUS_CHECK(lock_image(file->fd_, path, access == Access::read_write));
  return file;
}

Expected<std::unique_ptr<HostFile>> HostFile::open_unlocked(const std::string& path) {
  return open_path(path, Access::read_only);
}

Expected<std::unique_ptr<HostFile>> HostFile::open_path(const std::string& path, Access access) {
  // O_NONBLOCK: opening a FIFO must not wait for its other end. It means nothing for files and disks.
  const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (access == Access::read_write ? O_RDWR : O_RDONLY);
  const int fd = ::open(path.c_str(), flags);
  if (fd < 0) return fail(explain_open(path, errno, access));
  std::unique_ptr<HostFile> file(new HostFile(fd, path, access));
  MIMUS_CHECK(file->inspect());
  return file;
}

Expected<std::unique_ptr<HostFile>> HostFile::create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_RDWR | O_CREAT, 0666);
  if (fd < 0) return fail(path + ": cannot be created: " + std::strerror(errno));
  std::unique_ptr<HostFile> file(new HostFile(fd, path, Access::read_write));
  MIMUS_CHECK(file->inspect());
  MIMUS_CHECK(lock_image(fd, path, true));
  if (file->grows() && file->resize(0) != 0) return fail(path + ": cannot be emptied: " + std::strerror(errno));
  return file;
}

Expected<std::unique_ptr<HostFile>> HostFile::temporary() {
  const char* set = std::getenv("TMPDIR");
  const std::string folder = set && *set ? set : "/var/tmp";
  int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {  // not every file system has O_TMPFILE
    std::string path = folder + "/mimus-XXXXXX";
    fd = mkostemp(path.data(), O_CLOEXEC);
    if (fd >= 0) unlink(path.c_str());
  }
  if (fd < 0) return fail(folder + ": a temporary file cannot be made there: " + std::strerror(errno));
  std::unique_ptr<HostFile> file(new HostFile(fd, "temporary file in " + folder, Access::read_write));
  file->throw_away_ = true;
  MIMUS_CHECK(file->inspect());
  return file;
}

Expected<std::unique_ptr<HostFile>> HostFile::adopt(int fd, std::string name, Access access) {
  std::unique_ptr<HostFile> file(new HostFile(fd, std::move(name), access));
  MIMUS_CHECK(file->inspect());
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
  block_device_ = S_ISBLK(status.st_mode);
  device_ = block_device_ ? status.st_rdev : status.st_dev;
  inode_ = block_device_ ? 0 : status.st_ino;
  return {};
}

HostFile::~HostFile() { close(fd_); }

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

int HostFile::write_at(u64 offset, std::span<const iovec> buffers) {
  IovecCursor cursor(buffers);
  while (!cursor.done()) {
    const ssize_t count = pwritev(fd_, cursor.data(), cursor.count(), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    cursor.advance(size_t(count));
    offset += u64(count);
    size_ = std::max(size_, offset);
  }
  return 0;
}

// After a failed fdatasync the kernel may have dropped the dirty pages and report success next time. Nobody must take
// that for durability, so the failure stays.
int HostFile::sync() {
  if (throw_away_) return 0;
  if (!sync_failed_ && fdatasync(fd_) != 0) sync_failed_ = true;
  return sync_failed_ ? EIO : 0;
}

int HostFile::resize(u64 bytes) {
  if (ftruncate(fd_, off_t(bytes)) != 0) return errno;
  size_ = bytes;
  return 0;
}

// A hint: where the host cannot punch holes it is done with nothing.
int HostFile::discard(u64 offset, u64 bytes) {
  if (bytes == 0 || fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t(offset), off_t(bytes)) == 0)
    return 0;
  return errno == EIO ? EIO : 0;
}

int HostFile::zero(u64 offset, u64 bytes, bool may_unmap) {
  if (bytes == 0) return 0;
  const int mode = may_unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
  if (fallocate(fd_, mode | FALLOC_FL_KEEP_SIZE, off_t(offset), off_t(bytes)) == 0) return 0;
  if (errno == EIO || errno == ENOSPC) return errno;
  return write_zeroes(offset, bytes);
}

int HostFile::write_zeroes(u64 offset, u64 bytes) {
  static constexpr std::array<u8, 65536> kZeroes{};
  while (bytes != 0) {
    const u64 step = std::min<u64>(bytes, kZeroes.size());
    if (int error = write_at(offset, std::span<const u8>(kZeroes).first(step))) return error;
    offset += step;
    bytes -= step;
  }
  return 0;
}

}  // namespace mimus
