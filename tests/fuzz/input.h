// The input of a fuzz target as a stream, read from front to back, so that a mutation of the bytes is a mutation of the
// guest's program. At its end there are only zeroes.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "core/base/types.h"

namespace mimus {

class FuzzInput {
 public:
  FuzzInput(const u8* data, size_t size) : rest_(data, size) {}
  bool empty() const { return rest_.empty(); }
  template <class T>
  T number() {
    T value = 0;
    const auto from = bytes(sizeof value);
    if (!from.empty()) std::memcpy(&value, from.data(), from.size());
    return value;
  }
  bool flag() { return number<u8>() & 1; }
  u32 below(u32 limit) { return (limit <= 256 ? number<u8>() : number<u16>()) % limit; }
  std::vector<u8> bytes(size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return {taken.begin(), taken.end()};
  }

 private:
  std::span<const u8> rest_;
};

}  // namespace mimus
