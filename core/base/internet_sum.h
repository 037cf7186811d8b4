// The Internet checksum. Source: RFC 1071.
#pragma once

#include <bit>
#include <cstring>
#include <span>

#include "core/base/types.h"

namespace mimus {

// The one's complement sum of big-endian 16-bit words, folded; an odd byte at the end counts as the high one of a word.
// `start` is the sum of what comes before (an even number of bytes).
inline u16 internet_sum(std::span<const u8> data, u32 start = 0) {
  // RFC 1071, 2 (B): the sum does not depend on byte order, but for a swap at the end.
  u64 sum = 0;
  while (data.size() >= 4) {
    u32 word;
    std::memcpy(&word, data.data(), sizeof word);
    sum += word;
    data = data.subspan(4);
  }
  if (!data.empty()) {
    u32 rest = 0;
    std::memcpy(&rest, data.data(), data.size());
    sum += rest;
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  if constexpr (std::endian::native == std::endian::little) sum = (sum >> 8 | sum << 8) & 0xffff;
  sum += start;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return u16(sum);
}

}  // namespace mimus
