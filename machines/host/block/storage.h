// What an image format keeps its bytes in: a file or block device of the host, or a test's model of one.
// Calls block; one thread at a time, except where said otherwise.
#pragma once

#include <sys/uio.h>

#include <span>
#include <string>

#include "core/base/types.h"

namespace mimus {

class Storage {
 public:
  virtual ~Storage() = default;
  virtual const std::string& name() const = 0;  // for messages
  virtual u64 size() const = 0;                 // bytes
  virtual bool writable() const = 0;
  // Bytes beyond the end can be written, and what is skipped reads 0: true for files, false for block devices.
  virtual bool grows() const { return true; }
  // For reading and writing contents past this interface; -1: not possible. Does not change; any thread.
  virtual int fd() const { return -1; }

  // Reads up to out.size() bytes; the number read is smaller only at the end. -errno on failure.
  virtual s64 read_at(u64 offset, std::span<u8> out) const = 0;

  // These return 0 or an errno value. After a failure any part of it may have been done.
  virtual int write_at(u64 offset, std::span<const iovec> buffers) = 0;
  virtual int sync() = 0;  // all that was written before is durable afterwards; without effect on contents
  virtual int resize(u64 bytes) = 0;
  virtual int zero(u64 offset, u64 bytes, bool may_unmap) = 0;  // [offset, offset + bytes) reads 0
  virtual int discard(u64 offset, u64 bytes) = 0;               // contents are of no interest any more

  int write_at(u64 offset, std::span<const u8> data) {
    const iovec buffer{const_cast<u8*>(data.data()), data.size()};
    return write_at(offset, std::span(&buffer, 1));
  }
};

}  // namespace mimus
