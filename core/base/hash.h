// A fast 64-bit hash of bytes, the same in every process. It tells damage and difference, and keeps nobody out who
// wants two inputs to have one hash.
#pragma once

#include <cstring>
#include <span>

#include "core/base/types.h"

namespace mimus {

constexpr u64 mix64(u64 a, u64 b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return u64(product) ^ u64(product >> 64);
}

// Multiplies 8 bytes at a time with 8 others, each xored with a constant and what has come before, in two lanes.
inline u64 hash_bytes(std::span<const u8> bytes, u64 seed = 0) {
  constexpr u64 k0 = 0x9e3779b97f4a7c15, k1 = 0xc2b2ae3d27d4eb4f, k2 = 0x165667b19e3779f9, k3 = 0xd6e8feb86659fd93;
  const auto word = [&](size_t at) {
    u64 value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  u64 a = seed ^ k0, b = mix64(seed ^ k1, bytes.size() ^ k2);
  size_t at = 0;
  for (; at + 32 <= bytes.size(); at += 32) {
    a = mix64(word(at) ^ k0 ^ a, word(at + 8) ^ k1) + k3;
    b = mix64(word(at + 16) ^ k2 ^ b, word(at + 24) ^ k3) + k0;
  }
  for (; at + 8 <= bytes.size(); at += 8) a = mix64(word(at) ^ k0 ^ a, k1 ^ b) + k3;
  u64 rest = 0;
  if (at < bytes.size()) std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  a = mix64(rest ^ k2 ^ a, k3 ^ b);
  return mix64(a ^ k0, b ^ k1) ^ a;
}

}  // namespace mimus
