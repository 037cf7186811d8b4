// CodeListener: told about every piece of code that goes live in a slab, for profilers and debuggers.
#pragma once

#include <string_view>

#include "core/base/types.h"

namespace mimus::emit {

class CodeListener {
 public:
  virtual ~CodeListener() = default;
  // `size` bytes at the executable address `exec`, never moved; `name` says what it is ("baseline 0x80200000"). Called
  // on any thread.
  virtual void code_added(u64 exec, u32 size, std::string_view name) = 0;
};

}  // namespace mimus::emit
