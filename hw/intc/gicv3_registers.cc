// The registers of the distributor (GICD) and of the redistributors (GICR).
#include "hw/intc/gicv3_cpu.h"

namespace mimus {
namespace {

using gic::kPrivate;

// GICD_CTLR, as it is with one security state.
constexpr u32 kAffinityRouting = 1 << 4;   // ARE
constexpr u32 kSecurityDisabled = 1 << 6;  // DS

enum Distributor : u64 {
  kCtlr = 0x0000,
  kTyper = 0x0004,
  kIidr = 0x0008,
  kRouter = 0x6000,  // of INTID 0, which has none
};
constexpr u64 kRouterFields = 0xff'00ff'ffff;  // no 1-of-N (Interrupt_Routing_Mode)

enum Redistributor : u64 {
  kLpiCtlr = 0x0000,
  kLpiIidr = 0x0004,
  kLpiTyper = 0x0008,
  kWaker = 0x0014,
  kPropbaser = 0x0070,
  kPendbaser = 0x0078,
  kSgiFrame = 0x10000,
};
constexpr u32 kEnableLpis = 1, kClearEnableSupported = 2;  // GICR_CTLR
constexpr u32 kProcessorSleep = 2, kChildrenAsleep = 4;    // GICR_WAKER

constexpr u32 kImplementer = 0x43b;  // Arm's JEP106 code

// 12.9.4 GICD_TYPER: ITLinesNumber, LPIS, IDbits, A3V, No1N.
constexpr u32 kDistributorType =
    ((kPrivate + gic::kSpis) / 32 - 1) | 1 << 17 | (gic::Lpis::kIdBits - 1) << 19 | 1 << 24 | 1 << 25;

// PIDR4-7, PIDR0-3, CIDR0-3 at 0xffd0 of every frame; PIDR2 says GICv3.
u64 identification(u64 offset, u8 part) {
  const u8 ids[12] = {0x44, 0, 0, 0, part, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
  return ids[(offset - 0xffd0) / 4];
}

// The part of a 64-bit register that an access of 4 or 8 bytes at `offset` reads or writes.
u64 part_of(u64 reg, u64 offset, unsigned width) { return width == 8 ? reg : u32(reg >> (offset % 8) * 8); }
u64 merged(u64 reg, u64 offset, unsigned width, u64 value) {
  if (width == 8) return value;
  const unsigned shift = unsigned(offset % 8) * 8;
  return (reg & ~(u64{0xffff'ffff} << shift)) | u64{u32(value)} << shift;
}

bool is_router(u64 offset) {
  return offset >= kRouter + 8 * kPrivate && offset < kRouter + 8 * (kPrivate + gic::kSpis);
}
u32 router_spi(u64 offset) { return u32(offset - kRouter) / 8 - kPrivate; }

}  // namespace

u64 Gicv3::read(RegionId region, u64 offset, unsigned width) {
  std::scoped_lock guard(lock_);
  if (region == kDistributor) return read_distributor(offset, width);
  const u64 cpu = offset / kRedistributorSize;
  return cpu < cpus_.size() ? read_redistributor(*cpus_[cpu], offset % kRedistributorSize, width) : 0;
}

void Gicv3::write(RegionId region, u64 offset, unsigned width, u64 value) {
  std::scoped_lock guard(lock_);
  if (region == kDistributor) return write_distributor(offset, width, value);
  const u64 cpu = offset / kRedistributorSize;
  if (cpu < cpus_.size()) write_redistributor(*cpus_[cpu], offset % kRedistributorSize, width, value);
}

// -- distributor --

u64 Gicv3::read_distributor(u64 offset, unsigned width) {
  if (offset % width) return 0;
  if (gic::Bank::has(offset)) return spis_.read(offset, width);
  if (is_router(offset) && width >= 4) return part_of(routes_[router_spi(offset)].affinity, offset, width);
  if (width != 4) return 0;
  if (offset >= 0xffd0) return identification(offset, 0x92);
  switch (offset) {
    case kCtlr: return distributor_groups_ | kAffinityRouting | kSecurityDisabled;
    case kTyper: return kDistributorType;
    case kIidr: return kImplementer;
    default: return 0;
  }
}

void Gicv3::write_distributor(u64 offset, unsigned width, u64 value) {
  if (offset % width) return;
  if (gic::Bank::has(offset)) {
    spis_.write(offset, width, u32(value));
    return update_all();
  }
  if (is_router(offset) && width >= 4) {
    const u32 spi = router_spi(offset);
    route(spi, merged(routes_[spi].affinity, offset, width, value) & kRouterFields);
    return update_all();
  }
  if (offset == kCtlr && width == 4) {
    distributor_groups_ = value & 3;
    update_all();
  }
}

// -- redistributors --

// 12.11.36 GICR_TYPER: PLPIS, Last, Processor_Number, Affinity_Value.
u64 Gicv3::redistributor_type(const Cpu& cpu) const {
  const bool last = cpu.number + 1 == cpus_.size();
  return 1 | u64{last} << 4 | u64{cpu.number} << 8 | u64{cpu.number} << 32;
}

u64 Gicv3::read_redistributor(Cpu& cpu, u64 offset, unsigned width) {
  if (offset % width) return 0;
  if (offset >= kSgiFrame && gic::Bank::has(offset - kSgiFrame)) return cpu.own.read(offset - kSgiFrame, width);
  if (width < 4) return 0;
  if (offset % kSgiFrame >= 0xffd0) return identification(offset % kSgiFrame, 0x93);
  switch (align_down(offset, 8)) {
    case kLpiTyper: return part_of(redistributor_type(cpu), offset, width);
    case kPropbaser: return part_of(cpu.lpis.property_base(), offset, width);
    case kPendbaser: return part_of(cpu.lpis.pending_base() & ~(u64{1} << 62), offset, width);
    default: break;
  }
  switch (offset) {
    case kLpiCtlr: return (cpu.lpis.enabled() ? kEnableLpis : 0) | kClearEnableSupported;
    case kLpiIidr: return kImplementer;
    case kWaker: return cpu.asleep ? kProcessorSleep | kChildrenAsleep : 0;
    default: return 0;
  }
}

void Gicv3::write_redistributor(Cpu& cpu, u64 offset, unsigned width, u64 value) {
  if (offset % width) return;
  if (offset >= kSgiFrame) {
    if (gic::Bank::has(offset - kSgiFrame)) cpu.own.write(offset - kSgiFrame, width, u32(value));
    return update(cpu);
  }
  if (width < 4) return;
  switch (align_down(offset, 8)) {
    case kPropbaser: return cpu.lpis.set_property_base(merged(cpu.lpis.property_base(), offset, width, value));
    case kPendbaser: return cpu.lpis.set_pending_base(merged(cpu.lpis.pending_base(), offset, width, value));
    default: break;
  }
  if (offset == kWaker) cpu.asleep = value & kProcessorSleep;
  if (offset == kLpiCtlr) {
    cpu.lpis.set_enabled(value & kEnableLpis);
    update(cpu);
  }
}

}  // namespace mimus
