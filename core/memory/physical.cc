#include "core/memory/physical.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace mimus {
namespace {

std::string hex(u64 value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

// Anonymous, so that the host can back it with huge pages: a boot touches memory all over, and faulting it in by 4 KiB
// costs a tenth of it. Sharing (other processes, KVM beside us) will want a memfd instead.
Expected<u8*> map_memory(const std::string& name, u64 size) {
  void* host = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host == MAP_FAILED) {
    return fail("cannot map " + std::to_string(size >> 20) + " MiB for '" + name + "': " + std::strerror(errno) +
                "; try a smaller --memory");
  }
  madvise(host, size, MADV_HUGEPAGE);  // a hint only
  return static_cast<u8*>(host);
}

}  // namespace

PhysicalMemory::PhysicalMemory() = default;

PhysicalMemory::~PhysicalMemory() {
  for (auto& range : ranges_) {
    if (range->host) munmap(range->host, align_up(range->size, kPageSize));
    delete[] range->marks;
  }
}

Expected<void> PhysicalMemory::insert(std::unique_ptr<MemoryRange> range) {
  if (range->size == 0 || range->base + range->size - 1 < range->base) {
    return fail("memory map: '" + range->name + "' at " + hex(range->base) + " has an impossible size " +
                hex(range->size));
  }
  auto at = std::ranges::upper_bound(ranges_, range->base, {}, [](const auto& r) { return r->base; });
  auto overlaps = [&](const MemoryRange& other) {
    return range->base < other.base + other.size && other.base < range->base + range->size;
  };
  const MemoryRange* clash = nullptr;
  if (at != ranges_.end() && overlaps(**at)) clash = at->get();
  if (at != ranges_.begin() && overlaps(**std::prev(at))) clash = std::prev(at)->get();
  if (clash) {
    return fail("memory map: '" + range->name + "' at " + hex(range->base) + " (" + hex(range->size) +
                " bytes) overlaps '" + clash->name + "' at " + hex(clash->base) + " (" + hex(clash->size) + " bytes)");
  }
  ranges_.insert(at, std::move(range));
  return {};
}

Expected<void> PhysicalMemory::add_ram(std::string name, GuestPa base, u64 size) {
  MIMUS_TRY(u8 * host, map_memory(name, size));
  auto range = std::make_unique<MemoryRange>();
  range->base = base;
  range->size = size;
  range->name = std::move(name);
  range->host = host;
  range->marks = new std::atomic<u8>[size >> kPageBits]();
  return insert(std::move(range));
}

Expected<void> PhysicalMemory::add_rom(std::string name, GuestPa base, std::span<const u8> contents) {
  const u64 size = align_up(std::max<u64>(contents.size(), 1), kPageSize);
  MIMUS_TRY(u8 * host, map_memory(name, size));
  std::memcpy(host, contents.data(), contents.size());
  auto range = std::make_unique<MemoryRange>();
  range->base = base;
  range->size = size;
  range->name = std::move(name);
  range->host = host;
  range->marks = new std::atomic<u8>[size >> kPageBits]();
  range->writable = false;
  return insert(std::move(range));
}

Expected<void> PhysicalMemory::add_device(std::string name, GuestPa base, u64 size, Device& device, u32 region) {
  auto range = std::make_unique<MemoryRange>();
  range->base = base;
  range->size = size;
  range->name = std::move(name);
  range->device = &device;
  range->region = region;
  return insert(std::move(range));
}

const MemoryRange* PhysicalMemory::find(GuestPa pa) const {
  auto at = std::ranges::upper_bound(ranges_, pa, {}, [](const auto& r) { return r->base; });
  if (at == ranges_.begin()) return nullptr;
  const MemoryRange& range = **std::prev(at);
  return pa - range.base < range.size ? &range : nullptr;
}

std::span<const std::unique_ptr<MemoryRange>> PhysicalMemory::ranges() const { return ranges_; }

u8* PhysicalMemory::host(GuestPa pa, u64 bytes) const {
  const MemoryRange* range = find(pa);
  return range && range->host && range->contains(pa, bytes) ? range->host + (pa - range->base) : nullptr;
}

bool PhysicalMemory::read(GuestPa pa, std::span<u8> out) const {
  while (!out.empty()) {
    const MemoryRange* range = find(pa);
    if (!range || !range->host) return false;
    const u64 part = std::min<u64>(out.size(), range->size - (pa - range->base));
    std::memcpy(out.data(), range->host + (pa - range->base), part);
    pa += part;
    out = out.subspan(part);
  }
  return true;
}

bool PhysicalMemory::write(GuestPa pa, std::span<const u8> data) {
  while (!data.empty()) {
    const MemoryRange* range = find(pa);
    if (!range || !range->host || !range->writable) return false;
    const u64 part = std::min<u64>(data.size(), range->size - (pa - range->base));
    std::memcpy(range->host + (pa - range->base), data.data(), part);
    note_written(*range, pa, part);
    pa += part;
    data = data.subspan(part);
  }
  return true;
}

bool PhysicalMemory::load_entry(GuestPa pa, unsigned bytes, u64& value) const {
  const u8* at = host(pa, bytes);
  if (!at) return false;
  value = bytes == 4 ? __atomic_load_n(reinterpret_cast<const u32*>(at), __ATOMIC_ACQUIRE)
                     : __atomic_load_n(reinterpret_cast<const u64*>(at), __ATOMIC_ACQUIRE);
  return true;
}

bool PhysicalMemory::update_entry(GuestPa pa, unsigned bytes, u64& expected, u64 desired, bool& swapped) {
  const MemoryRange* range = find(pa);
  if (!range || !range->host || !range->writable || !range->contains(pa, bytes)) return false;
  u8* at = range->host + (pa - range->base);
  if (bytes == 4) {
    u32 narrow = u32(expected);
    swapped = __atomic_compare_exchange_n(reinterpret_cast<u32*>(at), &narrow, u32(desired), false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST);
    expected = narrow;
  } else {
    swapped = __atomic_compare_exchange_n(reinterpret_cast<u64*>(at), &expected, desired, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST);
  }
  if (swapped) note_written(*range, pa, bytes);
  return true;
}

void PhysicalMemory::note_written(const MemoryRange& range, GuestPa pa, u64 bytes) {
  if (!range.marks || bytes == 0) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the stores before the look at the mark
  const u64 first = (pa - range.base) >> kPageBits, last = (pa + bytes - 1 - range.base) >> kPageBits;
  for (u64 page = first; page <= last; ++page) {
    const u8 marks = range.marks[page].load(std::memory_order_relaxed);
    if (!(marks & kPageDirty)) range.marks[page].fetch_or(kPageDirty, std::memory_order_relaxed);
    if ((marks & kPageHasCode) && watcher_) watcher_->code_page_written(range.base + (page << kPageBits));
  }
}

}  // namespace mimus
