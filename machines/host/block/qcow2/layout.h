// Numbers and table entries of the qcow2 format; everything is big-endian.
// Source: "The QCOW2 Disk Image Format" (docs/interop/qcow2.txt of QEMU 7.2), sections "Cluster mapping", "L1 table
// entry", "Standard Cluster Descriptor", "Compressed Clusters Descriptor".
#pragma once

#include <span>
#include <vector>

#include "core/base/types.h"

namespace mimus::qcow2 {

template <class T>
T load_be(const u8* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = T(u64(value) << 8 | at[i]);
  return value;
}
template <class T>
void store_be(u8* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = u8(value >> (8 * (sizeof(T) - 1 - i)));
}
// A table of 64-bit entries.
inline std::vector<u64> decode_table(std::span<const u8> bytes) {
  std::vector<u64> entries(bytes.size() / 8);
  for (size_t i = 0; i < entries.size(); ++i) entries[i] = load_be<u64>(&bytes[8 * i]);
  return entries;
}
inline std::vector<u8> encode_table(std::span<const u64> entries) {
  std::vector<u8> bytes(entries.size() * 8);
  for (size_t i = 0; i < entries.size(); ++i) store_be(&bytes[8 * i], entries[i]);
  return bytes;
}

// Of L1 and L2 entries.
inline constexpr u64 kOffsetMask = bits(~u64{0}, 0, 56) & ~u64{0x1ff};  // bits 9..55
inline constexpr u64 kCopied = u64{1} << 63;                            // the reference count is exactly 1
// Of L2 entries.
inline constexpr u64 kCompressed = u64{1} << 62;
inline constexpr u64 kZero = 1;  // version 3: reads 0, whatever the offset says

// What an L2 entry says of its cluster.
struct Entry {
  enum class Kind { unallocated, zero, data, compressed, damaged };
  Kind kind;
  u64 offset = 0;  // data, and zero if a cluster is kept for it: where it lies; compressed: first byte
  u64 bytes = 0;   // compressed: up to the end of the last sector that it touches
  bool copied = false;

  bool points() const { return kind == Kind::compressed || offset != 0; }  // to somewhere in the file
};

inline Entry parse_entry(u64 raw, u32 version, u32 cluster_bits) {
  using enum Entry::Kind;
  if (raw & kCompressed) {
    // The offset in the low bits, above it the number of further 512-byte sectors.
    const unsigned offset_bits = 70 - cluster_bits;
    const u64 offset = bits(raw, 0, offset_bits);
    const u64 sectors = bits(raw, offset_bits, 62 - offset_bits) + 1;
    return {compressed, offset, sectors * 512 - (offset & 511)};
  }
  const u64 offset = raw & kOffsetMask;
  const bool copied = raw & kCopied;
  if (offset % (u64{1} << cluster_bits)) return {damaged};
  if (version >= 3 && (raw & kZero)) return {zero, offset, 0, copied};
  if (offset == 0) return {unallocated};
  return {data, offset, 0, copied};
}

}  // namespace mimus::qcow2
