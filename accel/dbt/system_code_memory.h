// Code in guest physical RAM: a page with translations bears a mark, which takes the writes to it off all fast paths.
#pragma once

#include <functional>

#include "accel/dbt/code_memory.h"
#include "core/memory/physical.h"

namespace mimus::dbt {

class SystemCodeMemory final : public CodeMemory {
 public:
  explicit SystemCodeMemory(PhysicalMemory& memory) : memory_(memory) {}
  // Takes write fast paths to a page away from all CPUs; set once by the accelerator.
  void set_write_path_remover(std::function<void(GuestPa)> remove) { remove_write_paths_ = std::move(remove); }

  std::span<const u8> read(GuestPa pa, u32 bytes, u8*) const override {
    const u8* host = memory_.host(pa, bytes);
    return host ? std::span<const u8>(host, bytes) : std::span<const u8>();
  }
  Watch watch(GuestPa page) override;
  void unwatch(GuestPa page) override;

 private:
  std::atomic<u8>* marks(GuestPa page) const;
  PhysicalMemory& memory_;
  std::function<void(GuestPa)> remove_write_paths_;
};

}  // namespace mimus::dbt
