// GICv3: distributor, redistributors with LPIs, and CPU interfaces of Arm's Generic Interrupt Controller.
//
// Specification: Arm Generic Interrupt Controller Architecture Specification, GICv3 and GICv4, IHI 0069H: 12.9 (GICD),
// 12.11 (GICR), 12.2 (ICC). One security state (GICD_CTLR.DS is 1), affinity routing always on, CPU interfaces with
// system registers only. 256 SPIs, 5 priority bits, no 1-of-N routing. Redistributors are always awake: what
// GICR_WAKER says has no effect. Groups 0 and 1 reach a CPU as FIQ and IRQ.
//
// Wiring: CPU n has affinity 0.0.0.n. Inputs through set_irq(): SPIs, counted from 0 (INTID 32) as device trees do.
// cpu_port(n): the system registers of CPU n and its PPIs. Outputs: inputs 0 (IRQ) and 1 (FIQ) of each CPU's sink.
// An ITS (hw/intc/gicv3_its.h) delivers LPIs.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/device/cpu_interrupt_port.h"
#include "core/device/device.h"
#include "core/memory/physical.h"
#include "hw/intc/gic_bank.h"
#include "hw/intc/gic_priorities.h"
#include "hw/intc/gicv3_lpis.h"

namespace mimus {

class Gicv3 final : public Device, public IrqSink {
 public:
  enum Region : RegionId { kDistributor, kRedistributors };
  static constexpr u64 kDistributorSize = 0x10000;
  static constexpr u64 kRedistributorSize = 0x20000;  // for each CPU

  Gicv3(PhysicalMemory& memory, std::span<IrqSink* const> cpus);
  ~Gicv3() override;

  CpuInterruptPort& cpu_port(unsigned cpu);
  unsigned cpus() const { return unsigned(cpus_.size()); }

  std::string_view name() const override { return "gic"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;
  bool needs_machine_lock() const override { return false; }
  void set_irq(unsigned spi, bool level) override;

  // -- for the ITS; `cpu` < cpus(), any intid --
  void set_lpi(unsigned cpu, u32 intid, bool pending);
  void move_lpi(unsigned from, unsigned to, u32 intid);
  void move_all_lpis(unsigned from, unsigned to);
  void invalidate_lpi(unsigned cpu, u32 intid);
  void invalidate_lpis(unsigned cpu);

 private:
  class Port;
  struct Cpu;
  struct Icc;  // the system registers

  static constexpr u32 kNowhere = ~u32{0};

  // -- signalling (gicv3.cc); the lock is held --
  gic::Bank& bank_of(Cpu& cpu, u32 intid);
  gic::Groups groups_of(const Cpu& cpu) const;
  void update(Cpu& cpu);
  void update_all();
  void update_target(u32 spi);
  void route(u32 spi, u64 affinity);

  // -- registers in memory (gicv3_registers.cc) --
  u64 read_distributor(u64 offset, unsigned width);
  void write_distributor(u64 offset, unsigned width, u64 value);
  u64 read_redistributor(Cpu& cpu, u64 offset, unsigned width);
  void write_redistributor(Cpu& cpu, u64 offset, unsigned width, u64 value);
  u64 redistributor_type(const Cpu& cpu) const;

  // -- system registers (gicv3_cpu_interface.cc) --
  u32 highest_pending(const Cpu& cpu, u8 group) const;
  u32 acknowledge(Cpu& cpu, u8 group);
  void end_of_interrupt(Cpu& cpu, u8 group, u32 intid);
  void deactivate(Cpu& cpu, u32 intid);
  void generate_sgi(Cpu& from, u8 group, u64 value);

  std::mutex lock_;                     // leaf but for the sinks and guest memory
  gic::Groups distributor_groups_ = 0;  // GICD_CTLR.EnableGrp0, EnableGrp1
  gic::Bank spis_{gic::kPrivate, gic::kSpis};
  struct Route {
    u64 affinity = 0;  // GICD_IROUTER
    u32 cpu = 0;       // which that is, or kNowhere
  };
  std::array<Route, gic::kSpis> routes_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
};

}  // namespace mimus
