// A generic PCI Express host bridge: configuration space through ECAM, windows into the bus's address spaces, four INTx
// wires, one bus with functions and root ports. Slot 0 is the bridge itself; everything is function 0 of its slot.
//
// Wiring: the regions of enum Region; the intx sinks are level-triggered, shared between slots (swizzled).
// Source: PCI Express Base Specification 4.0, 7.2.2 (ECAM), 2.2.8.1 (INTx swizzling); PCI Bus Binding to IEEE 1275
// (what the device tree says of it).
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/device/device.h"
#include "core/device/irq.h"
#include "core/memory/physical.h"
#include "hw/pci/function.h"
#include "hw/pci/root_port.h"

namespace mimus::pci {

inline constexpr unsigned kIntxLines = 4;
// Which of the four wires INTA# of a slot ends at.
constexpr unsigned intx_line(unsigned slot) { return slot % kIntxLines; }

class HostBridge final : public Device, private Bus {
 public:
  enum Region : RegionId { kEcam, kIoWindow, kMemoryWindow32, kMemoryWindow64, kRegions };
  static constexpr u64 kEcamBytesPerBus = u64{1} << 20;

  // windows[region]: the bus address of the window's first byte.
  HostBridge(PhysicalMemory& memory, std::array<IrqLine, kIntxLines> intx, std::array<u64, kRegions> windows);
  ~HostBridge() override;

  // Puts a function into the next free slot; false if there is none.
  bool add(std::unique_ptr<Function> function);
  // Puts a root port there, with the function behind it.
  bool add_behind_port(std::unique_ptr<Function> function);

  std::string_view name() const override { return "pci"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

 private:
  struct Mapping {
    u64 base, bytes;  // on the bus
    Function* function;
    unsigned bar;
  };

  void set_intx(unsigned slot, bool level) override;
  void send(u32 requester, u64 address, u32 data) override;
  void decoding_changed() override { stale_ = true; }
  Function* addressed(u64 ecam_offset);
  const Mapping* find(RegionId region, u64 address, unsigned width);
  void decode();
  void decode(Function& function, const RootPort* port);

  PhysicalMemory& memory_;
  std::array<IrqLine, kIntxLines> intx_;
  std::array<u64, kRegions> windows_;
  std::vector<std::unique_ptr<Function>> slots_;
  std::vector<RootPort*> ports_;            // among slots_
  std::array<u32, kIntxLines> asserted_{};  // bit per slot
  std::vector<Mapping> io_, memory_map_;
  bool stale_ = true;
};

}  // namespace mimus::pci
