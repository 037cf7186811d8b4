#include "machines/user/address_space.h"

#include <fmt/format.h>
#include <sys/shm.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "core/memory/guarded.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

namespace mimus::user {
namespace {

constexpr GuestVa kLowest = 0x10000;  // as vm.mmap_min_addr
constexpr int kGuestProt = PROT_READ | PROT_WRITE | PROT_EXEC;

// Where the emulator begins: program, libraries and stack, with room for what lies around them. With an unlimited stack
// the host puts its libraries below 2^46.
[[maybe_unused]] u64 lowest_of_emulator() {
  constexpr u64 kAround = u64{64} << 30;
  const int on_stack = 0;
  const u64 lowest = std::min({reinterpret_cast<u64>(&kGuestProt), reinterpret_cast<u64>(&strerror),
                               reinterpret_cast<u64>(stdin), reinterpret_cast<u64>(&on_stack)});
  return lowest > kAround ? align_down(lowest - kAround, kAround) : 0;
}

}  // namespace

Expected<std::unique_ptr<AddressSpace>> AddressSpace::create() {
  // Sanitizers keep their shadow in low memory.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const u64 limit = std::min(kLimit, lowest_of_emulator());
  void* probe = MAP_FAILED;
  if (limit >= 2 * kLowLimit)
    probe = mmap(reinterpret_cast<void*>(kLowest), kPageSize, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (probe == reinterpret_cast<void*>(kLowest)) {
    munmap(probe, kPageSize);
    return std::unique_ptr<AddressSpace>(new AddressSpace(nullptr, limit));
  }
  if (probe != MAP_FAILED) munmap(probe, kPageSize);
#endif
  void* window = mmap(nullptr, kLowLimit, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (window == MAP_FAILED) return fail(fmt::format("no room for the program's addresses: {}", strerror(errno)));
  return std::unique_ptr<AddressSpace>(new AddressSpace(static_cast<u8*>(window), kLowLimit));
}

// -- the map --

AddressSpace::Map::iterator AddressSpace::find(GuestVa address) {
  auto next = map_.upper_bound(address);
  if (next == map_.begin()) return map_.end();
  auto it = std::prev(next);
  return address < it->second.end ? it : map_.end();
}

void AddressSpace::split(GuestVa address) {
  auto it = find(address);
  if (it == map_.end() || it->first == address) return;
  map_.emplace(address, it->second);
  it->second.end = address;
}

bool AddressSpace::carve(GuestVa start, GuestVa end) {
  split(start);
  split(end);
  bool code = false;
  for (auto it = map_.lower_bound(start); it != map_.end() && it->first < end; it = map_.erase(it))
    code |= (it->second.prot & PROT_EXEC) != 0;
  return code;
}

void AddressSpace::insert(GuestVa start, Mapping mapping) {
  auto it = map_.insert_or_assign(start, mapping).first;
  auto next = std::next(it);
  if (next != map_.end() && next->first == it->second.end && next->second.same_kind(it->second)) {
    it->second.end = next->second.end;
    map_.erase(next);
  }
  if (it == map_.begin()) return;
  auto before = std::prev(it);
  if (before->second.end == it->first && before->second.same_kind(it->second)) {
    before->second.end = it->second.end;
    map_.erase(it);
  }
}

bool AddressSpace::is_free(GuestVa start, GuestVa end) {
  if (find(start) != map_.end()) return false;
  auto next = map_.lower_bound(start);
  return next == map_.end() || next->first >= end;
}

// The highest gap in [low, top) that holds the bytes; 0 when there is none.
GuestVa AddressSpace::find_free_below(GuestVa low, GuestVa top, u64 bytes, u64 alignment) {
  GuestVa ceiling = top;
  auto it = map_.lower_bound(top);
  while (true) {
    const bool first = it == map_.begin();
    if (!first) --it;
    const GuestVa floor = std::max(low, first ? 0 : std::min(it->second.end, ceiling));
    if (ceiling >= bytes) {
      const GuestVa start = align_down(ceiling - bytes, alignment);
      if (start >= floor) return start;
    }
    if (first || it->first <= low) return 0;
    ceiling = std::min(ceiling, it->first);
  }
}

GuestVa AddressSpace::find_free(u64 bytes, u64 alignment) {
  const GuestVa low = std::max(kLowest, align_up(break_, kPageSize));
  if (GuestVa found = find_free_below(std::min(low, top_), top_, bytes, alignment)) return found;
  return find_free_below(top_, limit_, bytes, alignment);
}

GuestVa AddressSpace::place(GuestVa hint, u64 bytes) {
  hint = align_down(hint, kPageSize);
  if (hint >= kLowest && in_range(hint, bytes) && is_free(hint, hint + bytes)) return hint;
  return find_free(bytes);
}

std::vector<AddressSpace::Range> AddressSpace::ranges() {
  std::lock_guard lock(mutex_);
  std::vector<Range> all;
  for (const auto& [start, mapping] : map_) all.push_back({start, mapping});
  return all;
}

// -- host side --

int AddressSpace::host_prot(int prot) const {
  return (prot & PROT_WRITE ? PROT_READ | PROT_WRITE : 0) | (prot & (PROT_READ | PROT_EXEC) ? PROT_READ : 0);
}

void AddressSpace::drop_watches(GuestVa start, GuestVa end, bool restore) {
  if (watched_.empty()) return;
  auto drop = [&](GuestVa page) {
    auto mapping = find(page);
    if (restore && mapping != map_.end() && mapping->second.prot & PROT_WRITE)
      mprotect(at(page), kPageSize, host_prot(mapping->second.prot));
  };
  if ((end - start) / kPageSize < watched_.size()) {
    for (GuestVa page = start; page < end; page += kPageSize)
      if (watched_.erase(page)) drop(page);
    return;
  }
  std::erase_if(watched_, [&](GuestVa page) {
    if (page < start || page >= end) return false;
    drop(page);
    return true;
  });
}

void AddressSpace::release_host(GuestVa start, u64 bytes) {
  if (!base_)
    munmap(at(start), bytes);
  else
    mmap(at(start), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

// -- system calls --

s64 AddressSpace::map(GuestVa address, u64 bytes, int prot, int flags, int fd, u64 offset, const char* label) {
  if (!bytes || offset & kPageMask) return -EINVAL;
  const bool exact = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
  if (exact && address & kPageMask) return -EINVAL;
  bytes = align_up(bytes, kPageSize);
  if (!bytes || bytes > limit_) return -ENOMEM;
  prot &= kGuestProt | guard_prot_;
  if (prot & guard_prot_) has_guarded_ = true;
  bool code = false;
  GuestVa start = address;
  {
    std::lock_guard lock(mutex_);
    if (exact) {
      if (!in_range(address, bytes)) return -ENOMEM;
      if (address < kLowest) return -EPERM;
      if (flags & MAP_FIXED_NOREPLACE && !is_free(address, address + bytes)) return -EEXIST;
    } else if (flags & MAP_HUGETLB) {
      start = find_free(bytes, u64{2} << 20);
    } else {
      start = place(address, bytes);
    }
    if (!start) return -ENOMEM;
    const int host_flags = (flags & ~(MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_32BIT)) | MAP_FIXED;
    if (mmap(at(start), bytes, host_prot(prot), host_flags, fd, off_t(offset)) == MAP_FAILED) return -errno;
    drop_watches(start, start + bytes, false);
    code = carve(start, start + bytes);
    const bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    insert(start, {start + bytes, u8(prot), shared, label, fd >= 0 || label == kVdsoLabel});
  }
  if (code) forget(start, bytes);
  return s64(start);
}

s64 AddressSpace::unmap(GuestVa address, u64 bytes) {
  address &= ~ignored_bits();
  if (address & kPageMask || !bytes) return -EINVAL;
  bytes = align_up(bytes, kPageSize);
  if (!bytes || !in_range(address, bytes)) return -EINVAL;
  bool code = false;
  {
    std::lock_guard lock(mutex_);
    drop_watches(address, address + bytes, false);
    code = carve(address, address + bytes);
    release_host(address, bytes);
  }
  if (code) forget(address, bytes);
  return 0;
}

s64 AddressSpace::protect(GuestVa address, u64 bytes, int prot) {
  address &= ~ignored_bits();
  if (address & kPageMask || prot & ~(kGuestProt | guard_prot_ | PROT_GROWSDOWN | PROT_GROWSUP)) return -EINVAL;
  bytes = align_up(bytes, kPageSize);
  if (!bytes) return 0;
  if (!in_range(address, bytes)) return -ENOMEM;
  prot &= kGuestProt | guard_prot_;
  if (prot & guard_prot_) has_guarded_ = true;
  bool code = false, other_guard = false;
  {
    std::lock_guard lock(mutex_);
    const GuestVa end = address + bytes;
    GuestVa next = address;  // as far as it is mapped
    for (auto it = find(address); it != map_.end() && it->first <= next && next < end; ++it) next = it->second.end;
    const bool complete = next >= end;
    next = std::min(next, end);
    if (next == address) return -ENOMEM;
    if (mprotect(at(address), next - address, host_prot(prot)) != 0) return -errno;
    split(address);
    split(next);
    for (auto it = map_.find(address); it != map_.end() && it->first < next;) {
      Mapping changed = it->second;
      const GuestVa start = it->first;
      code |= changed.prot & PROT_EXEC;
      other_guard |= changed.prot & PROT_EXEC && (changed.prot ^ prot) & guard_prot_;
      changed.prot = u8(prot);
      it = map_.erase(it);
      insert(start, changed);
      it = map_.lower_bound(std::min(changed.end, next));
    }
    if (prot & PROT_EXEC) {  // translations stay, unless branches to them are checked otherwise, and so do the watches
      code = other_guard;
      if (prot & PROT_WRITE)
        for (GuestVa page : watched_)
          if (page >= address && page < next) {
            writable_code_ = true;
            mprotect(at(page), kPageSize, PROT_READ);
          }
    } else {
      drop_watches(address, next, false);
    }
    if (!complete) return -ENOMEM;
  }
  if (code) forget(address, bytes);
  return 0;
}

s64 AddressSpace::remap(GuestVa old, u64 old_bytes, u64 new_bytes, int flags, GuestVa to) {
  constexpr int kDontUnmap = 4;
  if (old & kPageMask || flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | kDontUnmap)) return -EINVAL;
  if (flags & (MREMAP_FIXED | kDontUnmap) && !(flags & MREMAP_MAYMOVE)) return -EINVAL;
  old_bytes = align_up(old_bytes, kPageSize);
  new_bytes = align_up(new_bytes, kPageSize);
  if (!new_bytes || !in_range(old, std::max<u64>(old_bytes, 1))) return -EINVAL;
  if (flags & MREMAP_FIXED && (to & kPageMask || !in_range(to, new_bytes))) return -EINVAL;
  GuestVa start = old;
  {
    std::lock_guard lock(mutex_);
    auto it = find(old);
    if (it == map_.end()) return -EFAULT;
    const Mapping mapping = it->second;
    if (old_bytes > mapping.end - old) return -EFAULT;
    const bool moves = flags & (MREMAP_FIXED | kDontUnmap);
    if (!moves && new_bytes <= old_bytes) {  // shrinks where it is
      if (new_bytes == old_bytes) return s64(old);
      drop_watches(old + new_bytes, old + old_bytes, false);
      carve(old + new_bytes, old + old_bytes);
      release_host(old + new_bytes, old_bytes - new_bytes);
    } else {
      const bool in_place =
          !moves && old_bytes && in_range(old, new_bytes) && is_free(old + old_bytes, old + new_bytes);
      if (flags & MREMAP_FIXED)
        start = to;
      else if (!in_place)
        start = flags & MREMAP_MAYMOVE ? find_free(new_bytes) : 0;
      if (!start) return -ENOMEM;
      drop_watches(old, old + old_bytes, true);
      // In place: the window's own reservation would be in the way of growing, so it goes first.
      if (in_place && base_) munmap(at(old + old_bytes), new_bytes - old_bytes);
      void* moved = in_place ? mremap(at(old), old_bytes, new_bytes, 0)
                             : mremap(at(old), old_bytes, new_bytes,
                                      MREMAP_MAYMOVE | MREMAP_FIXED | (flags & kDontUnmap), at(start));
      if (moved == MAP_FAILED) {
        const int error = errno;
        if (in_place && base_) release_host(old + old_bytes, new_bytes - old_bytes);
        return -error;
      }
      if (!in_place && base_ && !(flags & kDontUnmap) && old_bytes) release_host(old, old_bytes);
      if (old_bytes && !(flags & kDontUnmap)) carve(old, old + old_bytes);
      drop_watches(start, start + new_bytes, false);
      carve(start, start + new_bytes);
      Mapping grown = mapping;
      grown.end = start + new_bytes;
      insert(start, grown);
    }
  }
  forget(old, std::max(old_bytes, kPageSize));
  if (start != old) forget(start, new_bytes);
  return s64(start);
}

void AddressSpace::discarded(GuestVa address, u64 bytes) {
  bool code = false;
  {
    std::lock_guard lock(mutex_);
    for (auto it = map_.begin(); it != map_.end() && it->first < address + bytes; ++it)
      code |= it->second.end > address && it->second.prot & PROT_EXEC;
  }
  if (code) forget(address, bytes);
}

s64 AddressSpace::set_break(GuestVa address) {
  if (address < break_start_ || !in_range(address)) return s64(break_);
  const GuestVa old_end = align_up(break_, kPageSize), new_end = align_up(address, kPageSize);
  if (new_end > old_end) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    if (map(old_end, new_end - old_end, PROT_READ | PROT_WRITE, flags, -1, 0, "[heap]") < 0) return s64(break_);
  } else if (new_end < old_end) {
    unmap(new_end, old_end - new_end);
  }
  break_ = address;
  return s64(break_);
}

s64 AddressSpace::attach_shared(int id, GuestVa address, int flags) {
  shmid_ds info{};
  if (shmctl(id, IPC_STAT, &info) != 0) return -errno;
  const u64 bytes = align_up(info.shm_segsz, kPageSize);
  if (address & kPageMask) {
    if (!(flags & SHM_RND)) return -EINVAL;
    address = align_down(address, kPageSize);
  }
  std::lock_guard lock(mutex_);
  if (address && (!in_range(address, bytes) || (!(flags & SHM_REMAP) && !is_free(address, address + bytes))))
    return -EINVAL;
  const GuestVa start = address ? address : find_free(bytes);
  if (!start) return -ENOMEM;
  const bool over = base_ || flags & SHM_REMAP;
  void* attached = shmat(id, at(start), (flags & (SHM_RDONLY | SHM_EXEC)) | (over ? SHM_REMAP : 0));
  if (attached == reinterpret_cast<void*>(-1)) return -errno;
  carve(start, start + bytes);
  const int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
  insert(start, {start + bytes, u8(prot), true});
  attached_[start] = bytes;
  return s64(start);
}

s64 AddressSpace::detach_shared(GuestVa address) {
  u64 bytes = 0;
  {
    std::lock_guard lock(mutex_);
    auto it = attached_.find(address);
    if (it == attached_.end()) return -EINVAL;
    bytes = it->second;
    attached_.erase(it);
    if (shmdt(at(address)) != 0) return -errno;
    if (base_) release_host(address, bytes);
    drop_watches(address, address + bytes, false);
    carve(address, address + bytes);
  }
  forget(address, bytes);
  return 0;
}

// -- translated code --

bool AddressSpace::executable(GuestVa page) {
  std::lock_guard lock(mutex_);
  auto it = find(page);
  return it != map_.end() && it->second.prot & PROT_EXEC;
}

bool AddressSpace::guarded(GuestVa page) {
  if (!has_guarded()) return false;
  std::lock_guard lock(mutex_);
  auto it = find(page);
  return it != map_.end() && it->second.prot & guard_prot_;
}

bool AddressSpace::shared(GuestVa page) {
  std::lock_guard lock(mutex_);
  auto it = find(page);
  return it != map_.end() && it->second.shared;
}

bool AddressSpace::from_file(GuestVa page) {
  std::lock_guard lock(mutex_);
  auto it = find(page);
  return it != map_.end() && it->second.file;
}

bool AddressSpace::watch_writes(GuestVa page) {
  std::lock_guard lock(mutex_);
  auto it = find(page);
  if (it == map_.end()) return false;
  if (watched_.insert(page).second && it->second.prot & PROT_WRITE) {
    writable_code_ = true;
    mprotect(at(page), kPageSize, PROT_READ);
  }
  return true;
}

void AddressSpace::unwatch_writes(GuestVa page) {
  std::lock_guard lock(mutex_);
  drop_watches(page, page + kPageSize, true);
}

bool AddressSpace::watched_writable(GuestVa address) {
  std::lock_guard lock(mutex_);
  if (!watched_.contains(align_down(address, kPageSize))) return false;
  auto it = find(address);
  return it != map_.end() && it->second.prot & PROT_WRITE;
}

void AddressSpace::prepare_write(GuestVa address, u64 bytes) {
  if (!writable_code_.load(std::memory_order_relaxed) || !bytes || !in_range(address, bytes)) return;
  address &= ~ignored_bits();
  constexpr u64 kMost = u64{64} << 20;  // what one call fills; the rest is looked at when it faults
  const GuestVa end = address + std::min(bytes, kMost);
  for (GuestVa page = align_down(address, kPageSize); page < end; page += kPageSize)
    if (watched_writable(page)) written_(page);
}

// -- access --

s64 AddressSpace::copy_in(void* to, GuestVa from, u64 bytes) const {
  return in_range(from, bytes) && guarded_copy(to, at(from), bytes).ok() ? 0 : -EFAULT;
}

s64 AddressSpace::copy_out(GuestVa to, const void* from, u64 bytes) {
  if (!in_range(to, bytes)) return -EFAULT;
  prepare_write(to, bytes);
  return guarded_copy(at(to), from, bytes).ok() ? 0 : -EFAULT;
}

s64 AddressSpace::get_string(std::string& text, GuestVa from, u64 limit) const {
  text.clear();
  char piece[256];
  while (text.size() < limit) {
    // Up to the end of the page: what lies behind may not be there.
    const u64 room = std::min<u64>(sizeof piece, kPageSize - (from & kPageMask));
    if (copy_in(piece, from, room) != 0) return -EFAULT;
    const char* end = static_cast<const char*>(std::memchr(piece, 0, room));
    text.append(piece, end ? size_t(end - piece) : room);
    if (end) return text.size() < limit ? 0 : -ENAMETOOLONG;
    from += room;
  }
  return -ENAMETOOLONG;
}

bool AddressSpace::allows(GuestVa address, u64 bytes, int prot) {
  if (!in_range(address, bytes)) return false;
  address &= ~ignored_bits();
  std::lock_guard lock(mutex_);
  const GuestVa end = address + bytes;
  while (address < end) {
    auto it = find(address);
    if (it == map_.end() || (it->second.prot & prot) != prot) return false;
    address = it->second.end;
  }
  return true;
}

bool AddressSpace::overlaps_shared(GuestVa address, u64 bytes) {
  std::lock_guard lock(mutex_);
  const GuestVa end = in_range(address, bytes) ? address + bytes : limit_;
  for (auto it = map_.begin(); it != map_.end() && it->first < end; ++it)
    if (it->second.end > address && it->second.shared && it->second.prot & PROT_EXEC) return true;
  return false;
}

}  // namespace mimus::user
