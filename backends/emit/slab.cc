#include "backends/emit/slab.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mimus::emit {

namespace {

std::unexpected<Error> host_error(const char* what) {
  return fail(std::string("code cache: ") + what + ": " + std::strerror(errno));
}

}  // namespace

Expected<std::unique_ptr<CodeSlab>> CodeSlab::create(u64 bytes, Kind kind) {
  if (bytes == 0 || bytes > kMaxBytes) return fail("code cache: the size must lie between 1 byte and 512 MiB");
  std::unique_ptr<CodeSlab> slab(new CodeSlab);
  MIMUS_CHECK(slab->map(align_up(bytes, kPageSize) + kPermanentBytes, kind));
  slab->used_ = slab->sealed_ = kPermanentBytes;
  return slab;
}

Expected<void> CodeSlab::map(u64 bytes, Kind kind) {
  const bool once = kind == Kind::process;
  const u64 views = once ? bytes : 2 * bytes;
  data_bytes_ = align_up(bytes / 64, kPageSize);
  void* base = mmap(nullptr, views + data_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return host_error("reserving address space");
  reserved_ = views + data_bytes_;  // from here on the destructor unmaps
  bytes_ = bytes;
  exec_ = reinterpret_cast<u64>(base);
  write_ = static_cast<u8*>(base) + (once ? 0 : bytes);
  data_ = static_cast<u8*>(base) + views;
  if (once) {
    if (mprotect(base, bytes, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return host_error("making memory executable");
  } else {
    MIMUS_CHECK(map_twice(base));
  }
  if (mprotect(data_, data_bytes_, PROT_READ | PROT_WRITE) != 0) return host_error("mapping the data area");
  return {};
}

// Shared anonymous memory, whose pages mremap(2) maps once more when told to move none of them. A memfd would do, but
// perf takes a mapped file for a program and does not look into its map of generated code.
Expected<void> CodeSlab::map_twice(void* base) {
  if (mmap(write_, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    return host_error("mapping writable memory");
  if (mremap(write_, 0, bytes_, MREMAP_MAYMOVE | MREMAP_FIXED, base) == MAP_FAILED)
    return host_error("mapping the memory twice");
  if (mprotect(base, bytes_, PROT_READ | PROT_EXEC) != 0) return host_error("making memory executable");
  madvise(base, 2 * bytes_, MADV_DONTFORK);
  return {};
}

CodeSlab::~CodeSlab() {
  if (reserved_) munmap(reinterpret_cast<void*>(exec_), reserved_);
}

Expected<CodeSlab::Piece> CodeSlab::take(std::atomic<u64>& counter, u64 limit, u32 bytes, u32 align) {
  u64 used = counter.load(std::memory_order_relaxed);
  u64 start;
  do {
    start = align_up(used, align);
    if (start + bytes > limit) return fail("code cache: full");
  } while (!counter.compare_exchange_weak(used, start + bytes, std::memory_order_relaxed));
  return Piece{write_ + start, exec_ + start, bytes};
}

Expected<CodeSlab::Piece> CodeSlab::allocate(u32 bytes, u32 align) {
  auto piece = take(used_, bytes_, bytes, align);
  if (piece) populate(piece->exec - exec_ + bytes);
  return piece;
}

// Has pages mapped some at a time ahead of their use: a fault for each, once in each view, costs several times as much.
// Where the host refuses, pages are mapped as they are touched.
void CodeSlab::populate(u64 end) {
  constexpr u64 kLeast = 32 << 10, kMost = 512 << 10;
  u64 have = populated_.load(std::memory_order_relaxed);
  if (end <= have) return;
  const u64 want = std::min(bytes_, align_up(end + std::clamp(end / 8, kLeast, kMost), kPageSize));
  if (!populated_.compare_exchange_strong(have, want, std::memory_order_relaxed)) return;
  madvise(write_ + have, want - have, MADV_POPULATE_WRITE);
  if (reinterpret_cast<u64>(write_) != exec_)
    madvise(reinterpret_cast<void*>(exec_ + have), want - have, MADV_POPULATE_READ);
}

Expected<CodeSlab::Piece> CodeSlab::allocate_permanent(u32 bytes, u32 align) {
  return take(permanent_used_, kPermanentBytes, bytes, align);
}

u32* CodeSlab::allocate_counter() {
  const u64 offset = counters_.fetch_add(sizeof(u32), std::memory_order_relaxed);
  if (offset + sizeof(u32) > data_bytes_) return nullptr;
  return reinterpret_cast<u32*>(data_ + offset);
}

void CodeSlab::seal() { sealed_ = used(); }

void CodeSlab::reset(const CodeWriteToken&) {
  std::memset(data_, 0, std::min(counters_.load(), data_bytes_));
  counters_.store(0);
  used_.store(sealed_);
  generation_.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace mimus::emit
