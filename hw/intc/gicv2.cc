#include "hw/intc/gicv2.h"

#include "hw/intc/gicv2_cpu.h"

namespace mimus {

using gic::kPrivate;

Gicv2::Gicv2(std::span<IrqSink* const> cpus) {
  for (IrqSink* sink : cpus.first(std::min<size_t>(cpus.size(), kMaxCpus)))
    cpus_.push_back(std::make_unique<Cpu>(*this, u32(cpus_.size()), sink));
}

Gicv2::~Gicv2() = default;

CpuInterruptPort& Gicv2::cpu_port(unsigned cpu) { return cpus_.at(cpu)->port; }

gic::Bank& Gicv2::bank_of(Cpu& cpu, u32 intid) { return intid < kPrivate ? cpu.own : spis_; }

// Chooses the most urgent pending interrupt anew and drives the CPU's lines.
void Gicv2::update(Cpu& cpu) {
  gic::Candidate best;
  if (const auto groups = gic::Groups(distributor_groups_ & cpu.control & kGiccGroups)) {
    cpu.own.best(best, groups, [](u32) { return true; });
    spis_.best(best, groups, [&](u32 intid) { return bit(targets_[intid - kPrivate], cpu.number); });
  }
  cpu.best = best;
  const bool signal = cpu.priorities.admits(best);
  const bool fiq = signal && best.group == 0 && (cpu.control & kGiccFiqEn);
  const bool irq = signal && !fiq;
  if (irq != cpu.irq) cpu.sink->set_irq(gic::kIrqInput, irq);
  if (fiq != cpu.fiq) cpu.sink->set_irq(gic::kFiqInput, fiq);
  cpu.irq = irq;
  cpu.fiq = fiq;
}

void Gicv2::update_all() {
  for (auto& cpu : cpus_) update(*cpu);
}

void Gicv2::update_targets(u32 spi) {
  for (auto& cpu : cpus_)
    if (bit(targets_[spi], cpu->number)) update(*cpu);
}

void Gicv2::set_irq(unsigned spi, bool level) {
  if (spi >= gic::kSpis) return;
  std::scoped_lock guard(lock_);
  spis_.set_line(kPrivate + spi, level);
  update_targets(spi);
}

void Gicv2::Port::set_irq(unsigned intid, bool level) {
  if (intid < gic::kSgis || intid >= kPrivate) return;
  std::scoped_lock guard(gic_.lock_);
  cpu_.own.set_line(intid, level);
  gic_.update(cpu_);
}

u64 Gicv2::cpu_read(u32 cpu, RegionId region, u64 offset, unsigned width) {
  if (cpu >= cpus_.size() || offset % width || width > 4) return 0;
  std::scoped_lock guard(lock_);
  if (region == kDistributor) return read_distributor(*cpus_[cpu], offset, width);
  return width == 4 ? read_interface(*cpus_[cpu], offset) : 0;
}

void Gicv2::cpu_write(u32 cpu, RegionId region, u64 offset, unsigned width, u64 value) {
  if (cpu >= cpus_.size() || offset % width || width > 4) return;
  std::scoped_lock guard(lock_);
  if (region == kDistributor) return write_distributor(*cpus_[cpu], offset, width, u32(value));
  if (width == 4) write_interface(*cpus_[cpu], offset, u32(value));
}

// With one CPU, everything is for it: the target registers read 0 and cannot be written.
void Gicv2::reset(ResetKind) {
  std::scoped_lock guard(lock_);
  distributor_groups_ = 0;
  spis_.reset();
  targets_.fill(cpus_.size() == 1 ? 1 : 0);
  for (auto& cpu : cpus_) {
    cpu->own.reset();
    cpu->own.write(0x100, 4, (u32{1} << gic::kSgis) - 1);  // GICD_ISENABLER0
    cpu->sgi_sources = {};
    cpu->priorities.reset();
    cpu->control = 0;
    update(*cpu);
  }
}

// Left out: what update() works out.
void Gicv2::visit_state(StateVisitor& visitor) {
  std::scoped_lock guard(lock_);
  visitor.begin("gic", 1);
  visitor.index("groups", distributor_groups_, 4);
  spis_.visit_state(visitor);
  visitor.field("targets", targets_);
  for (auto& cpu : cpus_) {
    visitor.begin("cpu", 1);
    cpu->own.visit_state(visitor);
    visitor.field("sgi_sources", cpu->sgi_sources);
    cpu->priorities.visit_state(visitor);
    visitor.index("control", cpu->control, kGiccControlMask + 1);
    visitor.end();
  }
  visitor.end();
}

void Gicv2::after_load() {
  std::scoped_lock guard(lock_);
  for (auto& cpu : cpus_) {
    cpu->irq = cpu->fiq = false;
    cpu->sink->set_irq(gic::kIrqInput, false);
    cpu->sink->set_irq(gic::kFiqInput, false);
    update(*cpu);
  }
}

}  // namespace mimus
