// Arrays that live on the stack unless they would be too large for it. Contents start undefined.
#pragma once

#include <memory>

#include "core/base/types.h"

namespace mimus::passes {

template <class T, u32 Small>
class Workspace {
 public:
  explicit Workspace(u32 count) {
    if (count <= Small) {
      data_ = reinterpret_cast<T*>(small_);
    } else {
      large_ = std::make_unique_for_overwrite<T[]>(count);
      data_ = large_.get();
    }
  }
  T* get() { return data_; }
  T& operator[](u32 i) { return data_[i]; }

 private:
  alignas(T) u8 small_[Small * sizeof(T)];
  std::unique_ptr<T[]> large_;
  T* data_;
};

}  // namespace mimus::passes
