// The FIFO of a serial port: at most N bytes, the oldest first.
#pragma once

#include <algorithm>
#include <array>

#include "core/state/visitor.h"

namespace mimus {

template <u8 N>
struct ByteFifo {
  std::array<u8, N> bytes{};
  u8 count = 0;

  void push(u8 byte) { bytes[count++] = byte; }  // not when full
  void drop(unsigned n) {
    std::copy(bytes.begin() + n, bytes.begin() + count, bytes.begin());
    count = u8(count - n);
  }
  void visit(StateVisitor& visitor, std::string_view name) {
    visitor.begin(name, 1);
    visitor.field("bytes", bytes);
    visitor.index("count", count, N + 1);
    visitor.end();
  }
};

}  // namespace mimus
