#include "core/memory/dma.h"

#include <cstring>

namespace mimus::dma {

u64 total_bytes(std::span<const Piece> pieces) {
  u64 sum = 0;
  for (const Piece& piece : pieces) sum += piece.bytes.size();
  return sum;
}

bool resolve(const PhysicalMemory& memory, GuestPa pa, u64 length, bool writable, Pieces& pieces) {
  if (length > ~pa) return false;  // wraps around the address space
  while (length != 0) {
    const MemoryRange* range = memory.find(pa);
    if (!range || !range->host || (writable && !range->writable)) return false;
    const u64 count = std::min(length, range->size - (pa - range->base));
    pieces.push_back({range, pa, {range->host + (pa - range->base), count}});
    pa += count;
    length -= count;
  }
  return true;
}

namespace {

// Calls copy(piece, offset in it, bytes done so far, bytes now) over [offset, offset + length) of the pieces.
template <class Copy>
size_t walk(std::span<const Piece> pieces, u64 offset, size_t length, Copy copy) {
  size_t done = 0;
  for (const Piece& piece : pieces) {
    if (done == length) break;
    if (offset >= piece.bytes.size()) {
      offset -= piece.bytes.size();
      continue;
    }
    const size_t count = std::min<size_t>(piece.bytes.size() - offset, length - done);
    copy(piece, offset, done, count);
    done += count;
    offset = 0;
  }
  return done;
}

}  // namespace

size_t gather(std::span<const Piece> pieces, u64 offset, std::span<u8> out) {
  return walk(pieces, offset, out.size(), [&](const Piece& piece, u64 at, size_t done, size_t count) {
    std::memcpy(out.data() + done, piece.bytes.data() + at, count);
  });
}

size_t scatter(PhysicalMemory& memory, std::span<const Piece> pieces, u64 offset, std::span<const u8> data) {
  return walk(pieces, offset, data.size(), [&](const Piece& piece, u64 at, size_t done, size_t count) {
    std::memcpy(piece.bytes.data() + at, data.data() + done, count);
    memory.note_written(*piece.range, piece.pa + at, count);
  });
}

void note_written(PhysicalMemory& memory, std::span<const Piece> pieces) {
  for (const Piece& piece : pieces) memory.note_written(*piece.range, piece.pa, piece.bytes.size());
}

}  // namespace mimus::dma
