// CodeMemory: where guest code is read from, and how writes to it are noticed. Guest physical RAM for a machine
// (system_code_memory.h), the address space itself for a process (user_code_memory.h).
#pragma once

#include <span>

#include "core/base/types.h"

namespace mimus::dbt {

class CodeMemory {
 public:
  virtual ~CodeMemory() = default;

  // The memory at [pa, pa + bytes), which lies in one page: in place, or copied to `copy` (of `bytes` bytes). Empty:
  // nothing is there (any more).
  virtual std::span<const u8> read(GuestPa pa, u32 bytes, u8* copy) const = 0;

  // Whether indirect branches to the page are checked (core/engine/guarded_mode.h). Equal in every run where the page
  // is lasting.
  virtual bool guarded(GuestPa /*page*/) const { return false; }

  // Whether it may be written at other addresses as well, where a watch does not see it.
  virtual bool aliased(GuestPa /*page*/) const { return false; }

  // Whether what the page holds is likely to be there again in another run, so that its translations are worth keeping.
  virtual bool lasting(GuestPa /*page*/) const { return true; }

  enum class Watch : u8 {
    failed,   // nothing to watch: nothing is mapped there, or it is never written (ROM)
    watched,  // every write from now on ends in CodeCache::code_page_written
    racing    // so, but a write that began before may still land unnoticed (CodeCache::fence_check finds it)
  };
  // Both are called with the code-cache lock held, once per change. watch() comes before the page's bytes are read.
  virtual Watch watch(GuestPa page) = 0;
  virtual void unwatch(GuestPa page) = 0;
};

}  // namespace mimus::dbt
