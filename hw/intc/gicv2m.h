// GICv2m: a frame that turns messages into SPIs, for a GICv2.
//
// Specification: Arm Server Base System Architecture 2.2, DEN 0029, appendix E. 32-bit registers:
//   008 MSI_TYPER  first INTID and number of SPIs      040 MSI_SETSPI_NS  write: INTID to make pending
//   fcc MSI_IIDR
//
// Wiring: SPIs `first_spi` to `first_spi + count - 1` of the controller. Guests configure them as edge-triggered.
#pragma once

#include "core/device/device.h"
#include "core/device/irq.h"

namespace mimus {

class Gicv2m final : public Device {
 public:
  static constexpr u64 kSize = 0x1000;

  Gicv2m(IrqSink& controller, u32 first_spi, u32 count) : controller_(controller), first_(first_spi), count_(count) {}

  std::string_view name() const override { return "gicv2m"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind) override {}
  void visit_state(StateVisitor&) override {}  // none
  bool needs_machine_lock() const override { return false; }

 private:
  IrqSink& controller_;
  u32 first_, count_;
};

}  // namespace mimus
