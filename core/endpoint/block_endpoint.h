// A disk as the block devices see it. Requests complete on the event thread under the machine lock.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "core/base/types.h"

namespace mimus {

class BlockEndpoint {
 public:
  enum class Status { ok, io_error, no_space, read_only, unsupported };
  using Done = std::function<void(Status)>;

  virtual ~BlockEndpoint() = default;
  virtual u64 size_bytes() const = 0;  // a multiple of 512
  virtual bool read_only() const = 0;
  virtual std::string serial() const = 0;  // at most 20 bytes
  // The bytes of the buffers stay valid until `done`; the list of buffers need not outlive the call. Offsets and total
  // lengths are multiples of 512 and lie inside the disk. One buffer may have any length.
  virtual void read(u64 offset, std::span<const std::span<u8>> buffers, Done done) = 0;
  virtual void write(u64 offset, std::span<const std::span<const u8>> buffers, Done done) = 0;
  virtual void flush(Done done) = 0;  // everything acknowledged before is durable afterwards
  virtual void discard(u64 offset, u64 bytes, Done done) = 0;
  virtual void write_zeroes(u64 offset, u64 bytes, bool may_unmap, Done done) = 0;
  // Returns when no buffer given so far is touched any more. Their `done` calls still come, on the event thread.
  virtual void quiesce() = 0;
};

}  // namespace mimus
