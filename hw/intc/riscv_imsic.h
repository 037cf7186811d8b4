// IMSIC: the incoming MSI controller of each hart, with an interrupt file for M-mode and one for S-mode.
//
// Specification: The RISC-V Advanced Interrupt Architecture 1.0, chapter 3. Window 0 has a page for the M-level file of
// each hart, window 1 one for the S-level file:
//   0x000  seteipnum_le  write: the interrupt of that number becomes pending
//   0x004  seteipnum_be  the same, with the bytes in the other order
// The rest reads 0. Registers behind siselect and miselect (3.8), 64 bits wide as in RV64:
//   0x70 eidelivery, 0x72 eithreshold, 0x80 + 2i eip, 0xc0 + 2i eie
//
// Wiring: messages through write(); outputs 11 (MEI) and 9 (SEI) of each hart's sink; the hart's own registers through
// port(hart).
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/device/cpu_interrupt_port.h"
#include "core/device/device.h"
#include "core/device/irq.h"

namespace mimus {

class RiscvImsic final : public Device {
 public:
  static constexpr unsigned kIdentities = 255;  // 1 to 255
  static constexpr u64 kPageBytes = 0x1000;

  explicit RiscvImsic(std::span<IrqSink* const> harts);
  ~RiscvImsic() override;

  CpuInterruptPort& port(unsigned hart);

  std::string_view name() const override { return "imsic"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;
  bool needs_machine_lock() const override { return false; }

 private:
  class Hart;
  std::vector<std::unique_ptr<Hart>> harts_;
};

}  // namespace mimus
