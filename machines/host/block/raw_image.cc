#include "machines/host/block/raw_image.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "machines/host/block/format.h"
#include "machines/host/block/status.h"

namespace mimus {

namespace {

// Looks at what would stand in the first bytes of the file.
bool changes_format(std::span<const iovec> buffers) {
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

}  // namespace

RawImage::RawImage(std::unique_ptr<Storage> file, bool guard_format)
    : file_(std::move(file)),
      file_bytes_(file_->size()),
      size_(align_up(file_bytes_, 512)),
      guard_format_(guard_format) {}

Expected<std::unique_ptr<BlockImage>> RawImage::open(std::unique_ptr<Storage> file, bool guard_format) {
  if (file->size() == 0) return fail(file->name() + ": is empty; give it a size, for example: truncate -s 8G FILE");
  return std::unique_ptr<BlockImage>(new RawImage(std::move(file), guard_format));
}

// The end of the file inside the rounded-up last sector is fine; otherwise the file has shrunk.
BlockImage::Status RawImage::read(u64 offset, std::span<const iovec> buffers) {
  for (const iovec& buffer : buffers) {
    const std::span<u8> out(static_cast<u8*>(buffer.iov_base), buffer.iov_len);
    const s64 got = file_->read_at(offset, out);
    if (got < 0) return status_of(int(-got));
    if (u64(got) < out.size() && offset + u64(got) < file_bytes_) return Status::io_error;
    std::ranges::fill(out.subspan(size_t(got)), 0);
    offset += out.size();
  }
  return Status::ok;
}

BlockImage::Status RawImage::write(u64 offset, std::span<const iovec> buffers) {
  if (guard_format_ && offset == 0 && changes_format(buffers)) return Status::io_error;
  return status_of(file_->write_at(offset, buffers));
}

BlockImage::Status RawImage::flush() { return status_of(file_->sync()); }

BlockImage::Status RawImage::discard(u64 offset, u64 bytes) { return status_of(file_->discard(offset, bytes)); }

BlockImage::Status RawImage::write_zeroes(u64 offset, u64 bytes, bool may_unmap) {
  return status_of(file_->zero(offset, bytes, may_unmap));
}

// The rounded-up end, and what guard_format_ looks at, take the slow way.
bool RawImage::map(u64 offset, u64 bytes, bool for_writing, std::vector<HostRange>& out) {
  if (file_->fd() < 0 || offset + bytes > file_bytes_ || (for_writing && guard_format_ && offset == 0)) return false;
  out.push_back({file_->fd(), offset, bytes});
  return true;
}

u64 RawImage::next_data(u64 offset) {
  if (file_->fd() < 0) return offset;
  const off_t found = lseek(file_->fd(), off_t(offset), SEEK_DATA);
  if (found >= 0) return std::min(u64(found), size_);
  return errno == ENXIO ? size_ : offset;
}

}  // namespace mimus
