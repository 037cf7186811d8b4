// Bytes: a vector of bytes for whole files. Growing it does not zero what will be overwritten anyway, and large ones
// lie in huge pages, so that reading a kernel of some ten megabytes costs little more than its copy.
#pragma once

#include <sys/mman.h>

#include <memory>
#include <new>
#include <vector>

#include "core/base/types.h"

namespace mimus {

template <class T>
struct BulkAllocator {
  using value_type = T;
  static constexpr size_t kLarge = 2 << 20;

  BulkAllocator() = default;
  template <class U>
  BulkAllocator(const BulkAllocator<U>&) {}

  T* allocate(size_t count) {
    const size_t bytes = count * sizeof(T);
    if (bytes < kLarge) return std::allocator<T>().allocate(count);
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    madvise(memory, bytes, MADV_HUGEPAGE);  // a hint only
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) {
    const size_t bytes = count * sizeof(T);
    if (bytes < kLarge) return std::allocator<T>().deallocate(memory, count);
    munmap(memory, bytes);
  }
  // Leaves the bytes that resize() adds as they are: indeterminate.
  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
  bool operator==(const BulkAllocator&) const { return true; }
};

using Bytes = std::vector<u8, BulkAllocator<u8>>;

}  // namespace mimus
