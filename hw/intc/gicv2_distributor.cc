// The registers of GICv2's distributor (IHI 0048B, 4.3). Those of interrupts 0-31 are banked by CPU.
#include "hw/intc/gicv2_cpu.h"

namespace mimus {
namespace {

using gic::kPrivate;
using gic::kSgis;

enum Register : u64 {
  kCtlr = 0x000,
  kTyper = 0x004,
  kIidr = 0x008,
  kIsenabler0 = 0x100,
  kIcenabler0 = 0x180,
  kIspendr0 = 0x200,
  kIcpendr0 = 0x280,
  kItargetsr = 0x800,
  kSgir = 0xf00,
  kCpendsgir = 0xf10,
  kSpendsgir = 0xf20,
  kIdentification = 0xfd0,
};
constexpr u32 kSgiMask = (u32{1} << kSgis) - 1;

}  // namespace

void Gicv2::set_sgi(Cpu& cpu, u32 intid, u8 sources) {
  cpu.sgi_sources[intid] = sources;
  cpu.own.set_pending(intid, sources != 0);
  update(cpu);
}

// GICD_SGIR: SGIINTID, CPUTargetList, TargetListFilter (list, all others, itself, reserved). NSATT: the group is the
// target's own.
void Gicv2::generate_sgi(Cpu& from, u32 value) {
  const u32 intid = u32(bits(value, 0, 4)), self = u32{1} << from.number;
  const u32 targets[4] = {u32(bits(value, 16, 8)), ~self, self, 0};
  for (auto& cpu : cpus_) {
    if (bit(targets[bits(value, 24, 2)], cpu->number)) set_sgi(*cpu, intid, u8(cpu->sgi_sources[intid] | self));
  }
}

// SGIs stay enabled, and are made pending by other registers.
void Gicv2::write_bank(Cpu& cpu, u64 offset, unsigned width, u32 value) {
  if (offset == kIcenabler0 || offset == kIspendr0 || offset == kIcpendr0) value &= ~kSgiMask;
  cpu.own.write(offset, width, value);
  spis_.write(offset, width, value);
  update_all();
}

// A byte of GICD_ITARGETSR (writable part only); null elsewhere.
u8* Gicv2::target_register(u64 offset) {
  const u64 index = offset - kItargetsr - kPrivate;
  return offset >= kItargetsr + kPrivate && index < targets_.size() && cpus_.size() > 1 ? &targets_[index] : nullptr;
}

u32 Gicv2::read_distributor(Cpu& cpu, u64 offset, unsigned width) {
  if (gic::Bank::has(offset)) return cpu.own.read(offset, width) | spis_.read(offset, width);
  if (offset >= kItargetsr && offset < 0xc00) {
    u32 value = 0;
    for (unsigned i = 0; i < width; i++) {
      const u8* byte = target_register(offset + i);
      const bool own = offset + i < kItargetsr + kPrivate && cpus_.size() > 1;
      value |= u32(own ? 1 << cpu.number : byte ? *byte : 0) << (8 * i);
    }
    return value;
  }
  if (offset >= kCpendsgir && offset < kSpendsgir + kSgis) {
    u32 value = 0;
    for (unsigned i = 0; i < width; i++) value |= u32{cpu.sgi_sources[(offset + i) % kSgis]} << (8 * i);
    return value;
  }
  if (width != 4) return 0;
  if (offset >= kIdentification) {
    static constexpr u8 kIds[12] = {0x04, 0, 0, 0, 0x90, 0xb4, 0x2b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    return kIds[(offset - kIdentification) / 4];
  }
  switch (offset) {
    case kCtlr: return distributor_groups_;
    case kTyper: return ((kPrivate + gic::kSpis) / 32 - 1) | u32(cpus_.size() - 1) << 5;
    case kIidr: return 0x43b;
    default: return 0;
  }
}

void Gicv2::write_distributor(Cpu& cpu, u64 offset, unsigned width, u32 value) {
  if (gic::Bank::has(offset)) return write_bank(cpu, offset, width, value);
  for (unsigned i = 0; i < width; i++) {
    const u8 byte = u8(value >> (8 * i));
    const u64 at = offset + i;
    if (u8* target = target_register(at)) *target = byte & u8((1 << cpus_.size()) - 1);
    u8* sources = cpu.sgi_sources.data();
    if (at >= kCpendsgir && at < kSpendsgir) set_sgi(cpu, u32(at - kCpendsgir), sources[at - kCpendsgir] & u8(~byte));
    if (at >= kSpendsgir && at < kSpendsgir + kSgis)
      set_sgi(cpu, u32(at - kSpendsgir), sources[at - kSpendsgir] | (byte & u8((1 << cpus_.size()) - 1)));
  }
  if (width == 4 && offset == kSgir) generate_sgi(cpu, value);
  if (width == 4 && offset == kCtlr) distributor_groups_ = value & 3;
  update_all();
}

}  // namespace mimus
