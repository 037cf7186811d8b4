#include "machines/host/block/raw_image.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "machines/host/block/format.h"
#include "machines/host/block/iovecs.h"

namespace mimus {

namespace {

BlockImage::Status status_of(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG ? BlockImage::Status::no_space
                                                              : BlockImage::Status::io_error;
}

}  // namespace

RawImage::RawImage(HostFile file, bool guard_format)
    : file_(std::move(file)), size_(align_up(file_.size(), 512)), guard_format_(guard_format) {}

Expected<std::unique_ptr<BlockImage>> RawImage::open(HostFile file, bool guard_format) {
  if (file.size() == 0) return fail(file.name() + ": is empty; give it a size, for example: truncate -s 8G FILE");
  return std::unique_ptr<BlockImage>(new RawImage(std::move(file), guard_format));
}

BlockImage::Status RawImage::read(u64 offset, std::span<const iovec> buffers) {
  IovecCursor cursor(buffers);
  while (!cursor.done()) {
    ssize_t count = preadv(file_.fd(), cursor.data(), cursor.count(), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return status_of(errno);
    if (count == 0) {
      // The end of the file: fine inside the rounded-up last sector only; otherwise the file has shrunk.
      if (offset < file_.size()) return Status::io_error;
      std::memset(cursor.data()->iov_base, 0, cursor.data()->iov_len);
      count = ssize_t(cursor.data()->iov_len);
    }
    cursor.advance(size_t(count));
    offset += u64(count);
  }
  return Status::ok;
}

bool RawImage::read_now(u64 offset, std::span<const iovec> buffers) {
  if (buffers.size() > IOV_MAX) return false;
  const ssize_t count = preadv2(file_.fd(), buffers.data(), int(buffers.size()), off_t(offset), RWF_NOWAIT);
  return count >= 0 && u64(count) == total_bytes(buffers);
}

// Looks at what would stand in the first bytes of the file.
bool RawImage::changes_format(std::span<const iovec> buffers) const {
  std::array<u8, kFormatProbeBytes> head{};
  size_t filled = 0;
  for (const iovec& buffer : buffers) {
    const size_t count = std::min(head.size() - filled, buffer.iov_len);
    std::memcpy(head.data() + filled, buffer.iov_base, count);
    filled += count;
  }
  const ImageFormat format = probe_format(head);
  return format.name != "raw" && format.advice.empty();  // one that the next start would open
}

BlockImage::Status RawImage::write(u64 offset, std::span<const iovec> buffers) {
  if (guard_format_ && offset == 0 && changes_format(buffers)) return Status::io_error;
  IovecCursor cursor(buffers);
  while (!cursor.done()) {
    const ssize_t count = pwritev(file_.fd(), cursor.data(), cursor.count(), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return status_of(errno);
    cursor.advance(size_t(count));
    offset += u64(count);
  }
  return Status::ok;
}

// After a failed fdatasync the kernel may have dropped the dirty pages and report success next time. The guest must
// not take that for durability, so the failure stays.
BlockImage::Status RawImage::flush() {
  if (!flush_failed_ && fdatasync(file_.fd()) != 0) flush_failed_ = true;
  return flush_failed_ ? Status::io_error : Status::ok;
}

// A hint: where the host cannot punch holes it is done with nothing.
BlockImage::Status RawImage::discard(u64 offset, u64 bytes) {
  if (bytes == 0 || fallocate(file_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t(offset), off_t(bytes)) == 0)
    return Status::ok;
  return errno == EIO ? Status::io_error : Status::ok;
}

BlockImage::Status RawImage::write_zeroes(u64 offset, u64 bytes, bool may_unmap) {
  if (bytes == 0) return Status::ok;
  const int mode = may_unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
  if (fallocate(file_.fd(), mode | FALLOC_FL_KEEP_SIZE, off_t(offset), off_t(bytes)) == 0) return Status::ok;
  if (errno == EIO || errno == ENOSPC) return status_of(errno);
  return write_zero_bytes(offset, bytes);
}

BlockImage::Status RawImage::write_zero_bytes(u64 offset, u64 bytes) {
  static constexpr std::array<u8, 65536> kZeroes{};
  while (bytes != 0) {
    const ssize_t count = pwrite(file_.fd(), kZeroes.data(), std::min<u64>(bytes, kZeroes.size()), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return status_of(errno);
    offset += u64(count);
    bytes -= u64(count);
  }
  return Status::ok;
}

}  // namespace mimus
