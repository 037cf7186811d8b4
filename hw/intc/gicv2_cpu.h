// What a GICv2 keeps for each CPU: its banked interrupts and its CPU interface.
#pragma once

#include "hw/intc/gicv2.h"

namespace mimus {

class Gicv2::Port final : public CpuInterruptPort {
 public:
  Port(Gicv2& gic, Cpu& cpu) : gic_(gic), cpu_(cpu) {}
  bool has_registers() const override { return false; }
  u64 read(u32) override { return 0; }
  void write(u32, u64) override {}
  void set_irq(unsigned intid, bool level) override;

 private:
  Gicv2& gic_;
  Cpu& cpu_;
};

struct Gicv2::Cpu {
  Cpu(Gicv2& gic, u32 number, IrqSink* sink) : number(number), sink(sink), port(gic, *this) {}

  const u32 number;
  IrqSink* const sink;
  gic::Bank own{0, gic::kPrivate};
  std::array<u8, gic::kSgis> sgi_sources{};  // the CPUs whose SGI is pending
  gic::Priorities priorities;
  u32 control = 0;  // GICC_CTLR
  // What follows from all that.
  gic::Candidate best;
  bool irq = false, fiq = false;
  Port port;
};

// GICC_CTLR; EnableGrp0 and EnableGrp1 are bits 0 and 1.
enum GiccControl : u32 {
  kGiccGroups = 3,
  kGiccAckCtl = 4,
  kGiccFiqEn = 8,
  kGiccCbpr = 0x10,
  kGiccEoiMode0 = 0x200,
  kGiccEoiMode1 = 0x400,
  kGiccControlMask = 0x7ff,
};

}  // namespace mimus
