// The part of an interrupt controller that belongs to one CPU: the registers that this CPU reaches by instructions
// instead of memory (Arm GICv3: ICC_*, RISC-V IMSIC), and the inputs of the devices inside the CPU (timers, performance
// counters).
#pragma once

#include "core/base/types.h"
#include "core/device/irq.h"

namespace mimus {

// As an IrqSink: input = the controller's number of the private interrupt (GIC: INTID 16..31). Any thread; the machine
// lock is not needed.
class CpuInterruptPort : public IrqSink {
 public:
  // False: there are no such registers, and instructions that name them are undefined (GICv2).
  virtual bool has_registers() const = 0;
  // `reg` is the register's number in the ISA (AArch64: op0:op1:CRn:CRm:op2 in bits 15:0; RISC-V: kRiscv* below). The
  // caller has checked the privilege; what the controller does not have reads 0 / is ignored.
  virtual u64 read(u32 reg) = 0;
  virtual void write(u32 reg, u64 value) = 0;
};

// RISC-V AIA: what siselect selects in the interrupt file (0x70 to 0xff), and the identity of the most urgent interrupt
// (stopei), which is 0 if there is none; writing an identity claims it. The M-level file has the same above
// kRiscvMachine.
inline constexpr u32 kRiscvTopInterrupt = 0x100, kRiscvMachineFile = 0x1000;

}  // namespace mimus
