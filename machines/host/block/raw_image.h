// An image whose bytes are the disk's bytes: a file or a block device.
// A size that is not a multiple of 512 is rounded up: what is missing of the last sector reads 0, and a write to that
// sector completes the file.
#pragma once

#include "core/base/error.h"
#include "machines/host/block/image.h"
#include "machines/host/block/storage.h"

namespace mimus {

class RawImage final : public BlockImage {
 public:
  // `guard_format`: the format was guessed, so the guest must not be able to turn the disk into something that the
  // next start takes for another format (and whose backing file it could choose): such a write fails.
  static Expected<std::unique_ptr<BlockImage>> open(std::unique_ptr<Storage> file, bool guard_format);

  u64 size_bytes() const override { return size_; }
  bool read_only() const override { return !file_->writable(); }
  Status read(u64 offset, std::span<const iovec> buffers) override;
  Status write(u64 offset, std::span<const iovec> buffers) override;
  Status flush() override;
  Status discard(u64 offset, u64 bytes) override;
  Status write_zeroes(u64 offset, u64 bytes, bool may_unmap) override;
  bool map(u64 offset, u64 bytes, bool for_writing, std::vector<HostRange>& out) override;
  bool moves() const override { return false; }
  u64 next_data(u64 offset) override;

 private:
  RawImage(std::unique_ptr<Storage> file, bool guard_format);

  std::unique_ptr<Storage> file_;
  u64 file_bytes_;  // when it was opened
  u64 size_;
  bool guard_format_;
};

}  // namespace mimus
