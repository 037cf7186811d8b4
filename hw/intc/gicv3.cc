#include "hw/intc/gicv3.h"

#include "hw/intc/gicv3_cpu.h"

namespace mimus {

using gic::Bank;
using gic::Candidate;
using gic::kPrivate;

Gicv3::Gicv3(PhysicalMemory& memory, std::span<IrqSink* const> cpus) {
  for (IrqSink* sink : cpus) cpus_.push_back(std::make_unique<Cpu>(*this, memory, u32(cpus_.size()), sink));
}

Gicv3::~Gicv3() = default;

CpuInterruptPort& Gicv3::cpu_port(unsigned cpu) { return cpus_.at(cpu)->port; }

// intid < kPrivate + kSpis.
Bank& Gicv3::bank_of(Cpu& cpu, u32 intid) { return intid < kPrivate ? cpu.own : spis_; }

gic::Groups Gicv3::groups_of(const Cpu& cpu) const { return distributor_groups_ & cpu.groups; }

// Chooses the most urgent pending interrupt anew and drives the CPU's lines.
void Gicv3::update(Cpu& cpu) {
  Candidate best;
  if (const gic::Groups groups = groups_of(cpu)) {
    cpu.own.best(best, groups, [](u32) { return true; });
    spis_.best(best, groups, [&](u32 intid) { return routes_[intid - kPrivate].cpu == cpu.number; });
    if (groups & 2) cpu.lpis.best(best);
  }
  cpu.best = best;
  const bool signal = cpu.priorities.admits(best);
  const bool irq = signal && best.group == 1, fiq = signal && best.group == 0;
  if (irq != cpu.irq) cpu.sink->set_irq(gic::kIrqInput, irq);
  if (fiq != cpu.fiq) cpu.sink->set_irq(gic::kFiqInput, fiq);
  cpu.irq = irq;
  cpu.fiq = fiq;
}

void Gicv3::update_all() {
  for (auto& cpu : cpus_) update(*cpu);
}

void Gicv3::update_target(u32 spi) {
  if (routes_[spi].cpu != kNowhere) update(*cpus_[routes_[spi].cpu]);
}

// Affinity levels 3, 2, 1, 0 in bits 39:32, 23:16, 15:8, 7:0.
void Gicv3::route(u32 spi, u64 affinity) {
  routes_[spi] = {affinity, affinity < cpus_.size() ? u32(affinity) : kNowhere};
}

void Gicv3::set_irq(unsigned spi, bool level) {
  if (spi >= gic::kSpis) return;
  std::scoped_lock guard(lock_);
  spis_.set_line(kPrivate + spi, level);
  update_target(spi);
}

void Gicv3::Port::set_irq(unsigned intid, bool level) {
  if (intid < gic::kSgis || intid >= kPrivate) return;
  std::scoped_lock guard(gic_.lock_);
  cpu_.own.set_line(intid, level);
  gic_.update(cpu_);
}

// -- LPIs --

void Gicv3::set_lpi(unsigned cpu, u32 intid, bool pending) {
  std::scoped_lock guard(lock_);
  cpus_[cpu]->lpis.set_pending(intid, pending);
  update(*cpus_[cpu]);
}

void Gicv3::move_lpi(unsigned from, unsigned to, u32 intid) {
  std::scoped_lock guard(lock_);
  if (from == to || !cpus_[from]->lpis.pending(intid)) return;
  cpus_[from]->lpis.set_pending(intid, false);
  cpus_[to]->lpis.set_pending(intid, true);
  update(*cpus_[from]);
  update(*cpus_[to]);
}

void Gicv3::move_all_lpis(unsigned from, unsigned to) {
  std::scoped_lock guard(lock_);
  cpus_[from]->lpis.move_all_to(cpus_[to]->lpis);
  update(*cpus_[from]);
  update(*cpus_[to]);
}

void Gicv3::invalidate_lpi(unsigned cpu, u32 intid) {
  std::scoped_lock guard(lock_);
  cpus_[cpu]->lpis.invalidate(intid);
  update(*cpus_[cpu]);
}

void Gicv3::invalidate_lpis(unsigned cpu) {
  std::scoped_lock guard(lock_);
  cpus_[cpu]->lpis.invalidate_all();
  update(*cpus_[cpu]);
}

// -- reset and state --

void Gicv3::reset(ResetKind) {
  std::scoped_lock guard(lock_);
  distributor_groups_ = 0;
  spis_.reset();
  for (u32 spi = 0; spi < gic::kSpis; spi++) route(spi, 0);
  for (auto& cpu : cpus_) {
    cpu->own.reset();
    cpu->lpis.reset();
    cpu->asleep = true;
    cpu->priorities.reset();
    cpu->groups = 0;
    cpu->split_completion = false;
    update(*cpu);
  }
}

// Left out: what update() works out.
void Gicv3::visit_state(StateVisitor& visitor) {
  std::scoped_lock guard(lock_);
  visitor.begin("gic", 1);
  visitor.index("groups", distributor_groups_, 4);
  spis_.visit_state(visitor);
  for (u32 spi = 0; spi < gic::kSpis; spi++) {
    visitor.field("route", routes_[spi].affinity);
    if (visitor.loading()) route(spi, routes_[spi].affinity);
  }
  for (auto& cpu : cpus_) {
    visitor.begin("cpu", 1);
    cpu->own.visit_state(visitor);
    cpu->lpis.visit_state(visitor);
    visitor.field("asleep", cpu->asleep);
    cpu->priorities.visit_state(visitor);
    visitor.index("groups", cpu->groups, 4);
    visitor.field("split_completion", cpu->split_completion);
    visitor.end();
  }
  visitor.end();
}

void Gicv3::after_load() {
  std::scoped_lock guard(lock_);
  for (auto& cpu : cpus_) {
    cpu->lpis.after_load();
    cpu->irq = cpu->fiq = false;
    cpu->sink->set_irq(gic::kIrqInput, false);
    cpu->sink->set_irq(gic::kFiqInput, false);
    update(*cpu);
  }
}

}  // namespace mimus
