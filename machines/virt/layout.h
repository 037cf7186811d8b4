// Where a "virt" board has the peripherals that all ISAs share, and their inputs of the interrupt controller.
#pragma once

#include "core/base/types.h"

namespace mimus::virt {

struct Window {
  GuestPa base = 0;
  u64 size = 0;
};

struct Layout {
  Window ram;
  struct {
    GuestPa base;
    u64 stride;  // from one slot to the next
    u32 slots;
    u32 irq;  // slot i: irq + i
  } virtio;
  struct {
    GuestPa base;  // two banks, one behind the other
    u64 bank_size;
  } flash;
  GuestPa fw_cfg;
  struct {
    Window ecam, io, memory32, memory64;
    u32 irq;  // INTx wire i: irq + i
  } pci;
};

}  // namespace mimus::virt
