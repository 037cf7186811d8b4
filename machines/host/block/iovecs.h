// Walking a scatter list.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <climits>
#include <span>
#include <vector>

#include "core/base/types.h"

namespace mimus {

inline u64 total_bytes(std::span<const iovec> buffers) {
  u64 sum = 0;
  for (const iovec& buffer : buffers) sum += buffer.iov_len;
  return sum;
}

// What is left of a scatter list: the system takes at most IOV_MAX entries and may stop anywhere.
class IovecCursor {
 public:
  explicit IovecCursor(std::span<const iovec> buffers) : list_(buffers.begin(), buffers.end()) { skip_empty(); }
  bool done() const { return at_ == list_.size(); }
  const iovec* data() const { return list_.data() + at_; }
  int count() const { return int(std::min<size_t>(list_.size() - at_, IOV_MAX)); }
  void advance(size_t bytes) {
    while (bytes != 0) {
      const size_t step = std::min(bytes, list_[at_].iov_len);
      list_[at_].iov_base = static_cast<u8*>(list_[at_].iov_base) + step;
      list_[at_].iov_len -= step;
      bytes -= step;
      skip_empty();
    }
  }

 private:
  void skip_empty() {
    while (at_ < list_.size() && list_[at_].iov_len == 0) ++at_;
  }
  std::vector<iovec> list_;
  size_t at_ = 0;
};

// Cuts a scatter list into pieces from its beginning.
class IovecSlicer {
 public:
  explicit IovecSlicer(std::span<const iovec> buffers) : list_(buffers) {}
  std::vector<iovec> take(u64 bytes) {
    std::vector<iovec> piece;
    while (bytes != 0) {
      const iovec& at = list_[index_];
      const u64 step = std::min<u64>(bytes, at.iov_len - within_);
      if (step != 0) piece.push_back({static_cast<u8*>(at.iov_base) + within_, step});
      bytes -= step;
      within_ += step;
      if (within_ == at.iov_len) ++index_, within_ = 0;
    }
    return piece;
  }

 private:
  std::span<const iovec> list_;
  size_t index_ = 0;
  size_t within_ = 0;
};

}  // namespace mimus
