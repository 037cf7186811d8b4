#include "hw/intc/gicv2m.h"

#include "hw/intc/gic_bank.h"

namespace mimus {
namespace {

enum Register : u64 { kTyper = 0x008, kSetSpi = 0x040, kIidr = 0xfcc };

}  // namespace

u64 Gicv2m::read(RegionId, u64 offset, unsigned width) {
  if (width != 4) return 0;
  switch (offset) {
    case kTyper: return u64{first_ + gic::kPrivate} << 16 | count_;
    case kIidr: return 0x43b;
    default: return 0;
  }
}

void Gicv2m::write(RegionId, u64 offset, unsigned width, u64 value) {
  const u32 index = u32(bits(value, 0, 10)) - gic::kPrivate - first_;
  if (offset != kSetSpi || width < 2 || index >= count_) return;
  controller_.set_irq(first_ + index, true);
  controller_.set_irq(first_ + index, false);
}

}  // namespace mimus
