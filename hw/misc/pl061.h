// PL061: eight general-purpose input/output pins with interrupts.
//
// Specification: Arm PrimeCell General Purpose Input/Output (PL061) Technical Reference Manual, DDI 0190B, chapter 3.
// Byte-wide registers at multiples of 4:
//   000..3fc GPIODATA (address bits 9:2 are a mask: only those pins are read or written)
//   400 DIR   404 IS    408 IBE   40c IEV   410 IE   414 RIS   418 MIS   41c IC   420 AFSEL   fe0..ffc identification
//
// Wiring: inputs 0..7 are the pins (set_irq), pulled low where nothing drives them; one interrupt line out (GPIOINTR,
// the combined one); a sink for the output pins (none: they lead nowhere).
#pragma once

#include "core/device/device.h"
#include "core/device/irq.h"

namespace mimus {

class Pl061 final : public Device, public IrqSink {
 public:
  static constexpr u64 kSize = 0x1000;
  static constexpr unsigned kPins = 8;

  explicit Pl061(IrqLine irq, IrqSink* outputs = nullptr);

  std::string_view name() const override { return "gpio"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;
  // Under the machine lock, as all of this device.
  void set_irq(unsigned pin, bool level) override;

 private:
  u8 pins() const { return u8((outputs_level_ & direction_) | (inputs_ & ~direction_)); }
  u8 level_interrupts() const;
  void update();

  IrqLine irq_;
  IrqSink* outputs_;
  u8 inputs_ = 0;         // what drives the pins from outside
  u8 outputs_level_ = 0;  // what GPIODATA drives where DIR says output
  u8 direction_ = 0;      // 1: output
  u8 level_sense_ = 0;    // IS: 1: level, 0: edge
  u8 both_edges_ = 0;     // IBE
  u8 event_ = 0;          // IEV: 1: rising or high, 0: falling or low
  u8 enable_ = 0;         // IE
  u8 edges_ = 0;          // edges seen and not cleared
  u8 alternate_ = 0;      // AFSEL: no other hardware is there
  u8 seen_ = 0;           // the pins when they were last looked at
};

}  // namespace mimus
