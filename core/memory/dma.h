// Direct memory access: ranges of guest memory as pieces of host memory, and copies between them and host buffers with
// the page marks and code invalidation that DMA owes.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "core/base/types.h"
#include "core/memory/physical.h"

namespace mimus::dma {

// Bytes of guest RAM that are contiguous in the host. What crosses memory ranges becomes several pieces.
struct Piece {
  const MemoryRange* range;
  GuestPa pa;
  std::span<u8> bytes;
};
using Pieces = std::vector<Piece>;

u64 total_bytes(std::span<const Piece> pieces);

// Appends [pa, pa + length) to `pieces`. False if a byte of it is not RAM (ROM will do when `writable` is false).
bool resolve(const PhysicalMemory& memory, GuestPa pa, u64 length, bool writable, Pieces& pieces);

// Copies from byte `offset` of the pieces on; returns how many bytes there were (fewer than asked at the end).
size_t gather(std::span<const Piece> pieces, u64 offset, std::span<u8> out);

// Copies into the pieces from byte `offset` on, with the marks and code invalidation of DMA.
size_t scatter(PhysicalMemory& memory, std::span<const Piece> pieces, u64 offset, std::span<const u8> data);

// To be called after the bytes of the pieces were written in place: see PhysicalMemory::note_written.
void note_written(PhysicalMemory& memory, std::span<const Piece> pieces);

// The spans of bytes [offset, offset + length) of the pieces; clipped at their end.
template <class Byte>
std::vector<std::span<Byte>> slice(std::span<const Piece> pieces, u64 offset, u64 length) {
  std::vector<std::span<Byte>> out;
  for (const Piece& piece : pieces) {
    if (length == 0) break;
    if (offset >= piece.bytes.size()) {
      offset -= piece.bytes.size();
      continue;
    }
    const u64 count = std::min<u64>(piece.bytes.size() - offset, length);
    out.push_back(piece.bytes.subspan(offset, count));
    length -= count;
    offset = 0;
  }
  return out;
}

}  // namespace mimus::dma
