// A disk image: what lies behind a BlockEndpoint. Calls block; one thread at a time, except map().
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>
#include <vector>

#include "core/base/types.h"
#include "core/endpoint/block_endpoint.h"

namespace mimus {

class BlockImage {
 public:
  using Status = BlockEndpoint::Status;

  // Bytes of the disk that lie one after the other in a file of the host.
  struct HostRange {
    int fd;  // -1: they read 0
    u64 offset;
    u64 bytes;
  };

  virtual ~BlockImage() = default;
  virtual u64 size_bytes() const = 0;  // a multiple of 512
  virtual bool read_only() const = 0;
  // Ranges lie inside the image. Writing functions are not called on a read-only image.
  virtual Status read(u64 offset, std::span<const iovec> buffers) = 0;
  virtual Status write(u64 offset, std::span<const iovec> buffers) = 0;
  virtual Status flush() = 0;
  virtual Status discard(u64 offset, u64 bytes) = 0;
  virtual Status write_zeroes(u64 offset, u64 bytes, bool may_unmap) = 0;

  // Where these bytes are to be read from, or may be overwritten in place, if that can be said without waiting; `out`
  // is empty before. False: nothing was decided, call read() or write(). Any thread, also during other calls. The
  // answer holds until discard(), write_zeroes() or a snapshot operation if moves().
  virtual bool map(u64 offset, u64 bytes, bool for_writing, std::vector<HostRange>& out) { return false; }
  virtual bool moves() const { return true; }
  // The first byte at or after `offset` that may be something else than 0; size_bytes() if there is none.
  virtual u64 next_data(u64 offset) { return offset; }
};

}  // namespace mimus
