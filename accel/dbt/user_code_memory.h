// Code in the address space of a process. Physical addresses are the process's own.
#pragma once

#include "accel/dbt/code_memory.h"
#include "core/engine/process.h"

namespace mimus::dbt {

class UserCodeMemory final : public CodeMemory {
 public:
  explicit UserCodeMemory(ProcessMemory& memory) : memory_(memory) {}

  // Nothing where the process may not execute. A copy, since other threads may unmap the page at any time.
  std::span<const u8> read(GuestPa pa, u32 bytes, u8* copy) const override;
  bool aliased(GuestPa page) const override { return memory_.shared(page); }
  bool guarded(GuestPa page) const override { return memory_.guarded(page); }
  bool lasting(GuestPa page) const override { return memory_.from_file(page); }
  Watch watch(GuestPa page) override { return memory_.watch_writes(page) ? Watch::watched : Watch::failed; }
  void unwatch(GuestPa page) override { memory_.unwatch_writes(page); }

 private:
  ProcessMemory& memory_;
};

}  // namespace mimus::dbt
