// GICv2: distributor and memory-mapped CPU interfaces of Arm's Generic Interrupt Controller, for up to 8 CPUs.
//
// Specification: Arm Generic Interrupt Controller Architecture Specification, version 2.0, IHI 0048B, chapters 3 and 4.
// Without the Security Extensions; groups 0 and 1 exist all the same (GICC_CTLR.FIQEn makes group 0 FIQs). 256 SPIs, 5
// priority bits; SGIs are always enabled; no virtualization extensions.
//
// Wiring: as GICv3 (hw/intc/gicv3.h), with the CPU interface in region kCpuInterface. Which CPU accesses a register
// matters: accesses must come through cpu_read() and cpu_write(); others count as CPU 0's.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/device/cpu_interrupt_port.h"
#include "core/device/device.h"
#include "hw/intc/gic_bank.h"
#include "hw/intc/gic_priorities.h"

namespace mimus {

class Gicv2 final : public Device, public IrqSink {
 public:
  enum Region : RegionId { kDistributor, kCpuInterface };
  static constexpr u64 kDistributorSize = 0x1000;
  static constexpr u64 kCpuInterfaceSize = 0x2000;
  static constexpr unsigned kMaxCpus = 8;

  explicit Gicv2(std::span<IrqSink* const> cpus);
  ~Gicv2() override;

  CpuInterruptPort& cpu_port(unsigned cpu);

  std::string_view name() const override { return "gic"; }
  u64 read(RegionId region, u64 offset, unsigned width) override { return cpu_read(0, region, offset, width); }
  void write(RegionId region, u64 offset, unsigned width, u64 value) override {
    cpu_write(0, region, offset, width, value);
  }
  u64 cpu_read(u32 cpu, RegionId region, u64 offset, unsigned width) override;
  void cpu_write(u32 cpu, RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;
  bool needs_machine_lock() const override { return false; }
  void set_irq(unsigned spi, bool level) override;

 private:
  class Port;
  struct Cpu;

  // -- signalling (gicv2.cc); the lock is held --
  gic::Bank& bank_of(Cpu& cpu, u32 intid);
  void update(Cpu& cpu);
  void update_targets(u32 spi);
  void update_all();

  // -- distributor (gicv2_distributor.cc) --
  u32 read_distributor(Cpu& cpu, u64 offset, unsigned width);
  void write_distributor(Cpu& cpu, u64 offset, unsigned width, u32 value);
  void write_bank(Cpu& cpu, u64 offset, unsigned width, u32 value);
  u8* target_register(u64 offset);
  void generate_sgi(Cpu& from, u32 value);
  void set_sgi(Cpu& cpu, u32 intid, u8 sources);

  // -- CPU interface (gicv2_cpu_interface.cc) --
  u32 read_interface(Cpu& cpu, u64 offset);
  void write_interface(Cpu& cpu, u64 offset, u32 value);
  u32 with_source(const Cpu& cpu, u32 intid) const;
  u32 highest_pending(const Cpu& cpu, bool alias) const;
  u32 acknowledge(Cpu& cpu, bool alias);
  void end_of_interrupt(Cpu& cpu, u32 value, u32 split);
  void deactivate(Cpu& cpu, u32 intid);

  std::mutex lock_;                     // leaf but for the sinks
  gic::Groups distributor_groups_ = 0;  // GICD_CTLR.EnableGrp0, EnableGrp1
  gic::Bank spis_{gic::kPrivate, gic::kSpis};
  std::array<u8, gic::kSpis> targets_{};  // GICD_ITARGETSR
  std::vector<std::unique_ptr<Cpu>> cpus_;
};

}  // namespace mimus
