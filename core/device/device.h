// Device: what the bus sees of a piece of hardware. It does not know its address, nor who executes the guest.
#pragma once

#include <string_view>

#include "core/base/types.h"
#include "core/state/visitor.h"

namespace mimus {

using RegionId = u32;  // which of the device's register windows
enum class ResetKind { cold, warm };

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  // width is 1, 2, 4 or 8 bytes; offset + width lies inside the region. Values are in the low bytes. Called with the
  // machine lock held unless needs_machine_lock() is false. Accesses the specification forbids read 0 / are ignored.
  virtual u64 read(RegionId region, u64 offset, unsigned width) = 0;
  virtual void write(RegionId region, u64 offset, unsigned width, u64 value) = 0;
  // The same for a CPU's accesses, for devices that answer each CPU differently.
  virtual u64 cpu_read(u32 /*cpu*/, RegionId region, u64 offset, unsigned width) { return read(region, offset, width); }
  virtual void cpu_write(u32 /*cpu*/, RegionId region, u64 offset, unsigned width, u64 value) {
    write(region, offset, width, value);
  }
  // A message-signalled interrupt: a bus master's write of 4 bytes. `requester` tells which one (PCI: bus, device and
  // function number), for controllers that translate messages.
  virtual void message(RegionId region, u64 offset, u32 data, u32 /*requester*/) { write(region, offset, 4, data); }
  virtual void reset(ResetKind kind) = 0;
  virtual void visit_state(StateVisitor& visitor) = 0;
  // Called once every component and the RAM have been loaded: raise lines again, submit again what was in flight.
  virtual void after_load() {}
  virtual bool needs_machine_lock() const { return true; }
};

}  // namespace mimus
