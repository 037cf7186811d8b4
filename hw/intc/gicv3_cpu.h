// What a GICv3 keeps for each CPU: its redistributor and its CPU interface.
#pragma once

#include "hw/intc/gicv3.h"

namespace mimus {

class Gicv3::Port final : public CpuInterruptPort {
 public:
  Port(Gicv3& gic, Cpu& cpu) : gic_(gic), cpu_(cpu) {}
  bool has_registers() const override { return true; }
  u64 read(u32 reg) override;
  void write(u32 reg, u64 value) override;
  void set_irq(unsigned intid, bool level) override;

 private:
  Gicv3& gic_;
  Cpu& cpu_;
};

struct Gicv3::Cpu {
  Cpu(Gicv3& gic, PhysicalMemory& memory, u32 number, IrqSink* sink)
      : number(number), sink(sink), lpis(memory), port(gic, *this) {}

  const u32 number;
  IrqSink* const sink;
  // Redistributor.
  gic::Bank own{0, gic::kPrivate};
  gic::Lpis lpis;
  bool asleep = true;  // GICR_WAKER
  // CPU interface.
  gic::Priorities priorities;
  gic::Groups groups = 0;         // ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1
  bool split_completion = false;  // ICC_CTLR_EL1.EOImode
  // What follows from all that.
  gic::Candidate best;  // the highest-priority pending interrupt
  bool irq = false, fiq = false;
  Port port;
};

}  // namespace mimus
