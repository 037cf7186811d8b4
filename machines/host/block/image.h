// A disk image: what lies behind a BlockEndpoint. Calls block; one thread at a time.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>

#include "core/base/types.h"
#include "core/endpoint/block_endpoint.h"

namespace mimus {

class BlockImage {
 public:
  using Status = BlockEndpoint::Status;

  virtual ~BlockImage() = default;
  virtual u64 size_bytes() const = 0;  // a multiple of 512
  virtual bool read_only() const = 0;
  // Ranges lie inside the image. Writing functions are not called on a read-only image.
  virtual Status read(u64 offset, std::span<const iovec> buffers) = 0;
  // Reads only if that needs no waiting for the disk; false: nothing was decided, call read(). The buffers may have
  // been written in part.
  virtual bool read_now(u64 offset, std::span<const iovec> buffers) { return false; }
  virtual Status write(u64 offset, std::span<const iovec> buffers) = 0;
  virtual Status flush() = 0;
  virtual Status discard(u64 offset, u64 bytes) = 0;
  virtual Status write_zeroes(u64 offset, u64 bytes, bool may_unmap) = 0;
};

}  // namespace mimus
