// An image whose bytes are the disk's bytes: a file or a block device.
// A size that is not a multiple of 512 is rounded up: what is missing of the last sector reads 0, and a write to that
// sector completes the file.
#pragma once

#include "machines/host/block/host_file.h"
#include "machines/host/block/image.h"

namespace mimus {

class RawImage final : public BlockImage {
 public:
  // `guard_format`: the format was guessed, so the guest must not be able to turn the disk into something that the
  // next start takes for another format (and whose backing file it could choose): such a write fails.
  static Expected<std::unique_ptr<BlockImage>> open(HostFile file, bool guard_format);

  u64 size_bytes() const override { return size_; }
  bool read_only() const override { return file_.access() == HostFile::Access::read_only; }
  Status read(u64 offset, std::span<const iovec> buffers) override;
  bool read_now(u64 offset, std::span<const iovec> buffers) override;
  Status write(u64 offset, std::span<const iovec> buffers) override;
  Status flush() override;
  Status discard(u64 offset, u64 bytes) override;
  Status write_zeroes(u64 offset, u64 bytes, bool may_unmap) override;

 private:
  RawImage(HostFile file, bool guard_format);
  bool changes_format(std::span<const iovec> buffers) const;
  Status write_zero_bytes(u64 offset, u64 bytes);

  HostFile file_;
  u64 size_;
  bool guard_format_;
  bool flush_failed_ = false;
};

}  // namespace mimus
