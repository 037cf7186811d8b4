// Test finisher: the way in which software powers the board off or resets it.
//
// Specification: the "sifive,test0" / "sifive,test1" device as Linux (Documentation/devicetree/bindings) and OpenSBI
// know it. One 32-bit register at offset 0, written with a status in bits 15:0 and a code in bits 31:16:
//   0x3333  fail: power off, the code is the exit status     0x5555  pass: power off, exit status 0
//   0x7777  reset
// Other values are ignored; reads give 0.
//
// Wiring: the machine's control. No state.
#pragma once

#include "core/device/device.h"
#include "core/device/machine_control.h"

namespace mimus {

class TestFinisher final : public Device {
 public:
  static constexpr u64 kSize = 0x1000;
  static constexpr u32 kFail = 0x3333;
  static constexpr u32 kPass = 0x5555;
  static constexpr u32 kReset = 0x7777;

  explicit TestFinisher(MachineControl& machine) : machine_(machine) {}

  std::string_view name() const override { return "finisher"; }
  u64 read(RegionId, u64, unsigned) override { return 0; }
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind) override {}
  void visit_state(StateVisitor& visitor) override;

 private:
  MachineControl& machine_;
};

}  // namespace mimus
