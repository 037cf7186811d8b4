// The registers of GICv2's CPU interfaces (IHI 0048B, 4.4).
#include "hw/intc/gicv2_cpu.h"

namespace mimus {
namespace {

enum Register : u64 {
  kCtlr = 0x00,
  kPmr = 0x04,
  kBpr = 0x08,
  kIar = 0x0c,
  kEoir = 0x10,
  kRpr = 0x14,
  kHppir = 0x18,
  kAbpr = 0x1c,
  kAiar = 0x20,
  kAeoir = 0x24,
  kAhppir = 0x28,
  kApr0 = 0xd0,
  kNsapr0 = 0xe0,
  kIidr = 0xfc,
  kDir = 0x1000,
};

}  // namespace

// IAR and HPPIR name the CPU that an SGI comes from; of several, the lowest.
u32 Gicv2::with_source(const Cpu& cpu, u32 intid) const {
  if (intid >= gic::kSgis) return intid;
  return intid | (u32(std::countr_zero(cpu.sgi_sources[intid])) & 7) << 10;
}

// The alias registers are for group 1 only; the others show it with AckCtl.
u32 Gicv2::highest_pending(const Cpu& cpu, bool alias) const {
  if (!cpu.best) return gic::kSpurious;
  if (alias && cpu.best.group == 0) return gic::kSpurious;
  if (!alias && cpu.best.group == 1 && !(cpu.control & kGiccAckCtl)) return gic::kOtherGroup;
  return with_source(cpu, cpu.best.intid);
}

u32 Gicv2::acknowledge(Cpu& cpu, bool alias) {
  const gic::Candidate best = cpu.best;
  if (!cpu.priorities.admits(best)) return gic::kSpurious;
  const u32 value = highest_pending(cpu, alias);
  if (value == gic::kSpurious || value == gic::kOtherGroup) return value;
  cpu.priorities.activate(best);
  bank_of(cpu, best.intid).activate(best.intid);
  if (best.intid < gic::kSgis) {
    u8& sources = cpu.sgi_sources[best.intid];
    sources &= u8(sources - 1);
    cpu.own.set_pending(best.intid, sources != 0);
  }
  if (best.intid >= gic::kPrivate) update_targets(best.intid - gic::kPrivate);
  update(cpu);
  return value;
}

// Priority drop, and deactivation unless GICC_DIR does that (`split`).
void Gicv2::end_of_interrupt(Cpu& cpu, u32 value, u32 split) {
  const u32 intid = value & 0x3ff;
  if (intid >= 1020 || cpu.priorities.running() == gic::kIdlePriority) return;
  cpu.priorities.drop();
  if (!split) deactivate(cpu, intid);
  update(cpu);
}

void Gicv2::deactivate(Cpu& cpu, u32 intid) {
  if (intid >= gic::kPrivate + gic::kSpis) return;
  bank_of(cpu, intid).deactivate(intid);
  if (intid < gic::kPrivate) return update(cpu);
  update_targets(intid - gic::kPrivate);
}

u32 Gicv2::read_interface(Cpu& cpu, u64 offset) {
  switch (offset) {
    case kCtlr: return cpu.control;
    case kPmr: return cpu.priorities.mask();
    case kBpr: return cpu.priorities.binary_point(0);
    case kIar: return acknowledge(cpu, false);
    case kRpr: return cpu.priorities.running();
    case kHppir: return highest_pending(cpu, false);
    case kAbpr: return cpu.priorities.binary_point(1);
    case kAiar: return acknowledge(cpu, true);
    case kAhppir: return highest_pending(cpu, true);
    case kApr0: return cpu.priorities.active(0);
    case kNsapr0: return cpu.priorities.active(1);
    case kIidr: return 0x0002043b;  // architecture version 2
    default: return 0;
  }
}

void Gicv2::write_interface(Cpu& cpu, u64 offset, u32 value) {
  switch (offset) {
    case kCtlr:
      cpu.control = value & kGiccControlMask;
      cpu.priorities.set_common_binary_point(value & kGiccCbpr);
      break;
    case kPmr: cpu.priorities.set_mask(u8(value)); break;
    case kBpr: cpu.priorities.set_binary_point(0, u8(value)); break;
    case kAbpr: cpu.priorities.set_binary_point(1, u8(value)); break;
    case kEoir: end_of_interrupt(cpu, value, cpu.control & kGiccEoiMode0); break;
    case kAeoir: end_of_interrupt(cpu, value, cpu.control & kGiccEoiMode1); break;
    case kApr0: cpu.priorities.set_active(0, value); break;
    case kNsapr0: cpu.priorities.set_active(1, value); break;
    case kDir: deactivate(cpu, value & 0x3ff); break;
    default: return;  // read-only and reserved
  }
  update(cpu);
}

}  // namespace mimus
