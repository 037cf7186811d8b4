#include "hw/misc/pl061.h"

namespace mimus {
namespace {

constexpr u64 kDataEnd = 0x400;
enum Register : u64 {
  kDir = 0x400,
  kIs = 0x404,
  kIbe = 0x408,
  kIev = 0x40c,
  kIe = 0x410,
  kRis = 0x414,
  kMis = 0x418,
  kIc = 0x41c,
  kAfsel = 0x420,
  kIdentification = 0xfe0,
};

// GPIOPeriphID0-3 (part 0x061, designer Arm), GPIOPCellID0-3.
constexpr u8 kIds[8] = {0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

}  // namespace

Pl061::Pl061(IrqLine irq, IrqSink* outputs) : irq_(irq), outputs_(outputs) {}

u8 Pl061::level_interrupts() const { return u8(level_sense_ & ~(pins() ^ event_)); }

// Looks at the pins: notes edges, drives the interrupt and the output pins.
void Pl061::update() {
  const u8 now = pins();
  const u8 changed = now ^ seen_;
  const u8 wanted = u8(both_edges_ | ~(now ^ event_));
  edges_ |= u8(changed & wanted & ~level_sense_);
  seen_ = now;
  irq_.set((edges_ | level_interrupts()) & enable_);
  if (!outputs_) return;
  for (unsigned pin = 0; pin < kPins; pin++)
    if (bit(direction_ & changed, pin)) outputs_->set_irq(pin, bit(now, pin));
}

void Pl061::set_irq(unsigned pin, bool level) {
  if (pin >= kPins) return;
  inputs_ = u8(level ? inputs_ | 1 << pin : inputs_ & ~(1 << pin));
  update();
}

u64 Pl061::read(RegionId, u64 offset, unsigned) {
  if (offset % 4) return 0;
  if (offset < kDataEnd) return pins() & u8(offset >> 2);
  switch (offset) {
    case kDir: return direction_;
    case kIs: return level_sense_;
    case kIbe: return both_edges_;
    case kIev: return event_;
    case kIe: return enable_;
    case kRis: return u8(edges_ | level_interrupts());
    case kMis: return u8((edges_ | level_interrupts()) & enable_);
    case kAfsel: return alternate_;
    default: return offset >= kIdentification && offset < kSize ? kIds[(offset - kIdentification) / 4] : 0;
  }
}

void Pl061::write(RegionId, u64 offset, unsigned, u64 value) {
  if (offset % 4) return;
  const u8 byte = u8(value);
  if (offset < kDataEnd) {
    const u8 mask = u8(offset >> 2) & direction_;
    outputs_level_ = u8((outputs_level_ & ~mask) | (byte & mask));
    return update();
  }
  switch (offset) {
    case kDir: direction_ = byte; break;
    case kIs:
      level_sense_ = byte;
      edges_ &= u8(~byte);
      break;
    case kIbe: both_edges_ = byte; break;
    case kIev: event_ = byte; break;
    case kIe: enable_ = byte; break;
    case kIc: edges_ &= u8(~byte); break;
    case kAfsel: alternate_ = byte; break;
    default: return;  // read-only and reserved
  }
  update();
}

// The inputs keep their levels: what drives them is reset on its own.
void Pl061::reset(ResetKind) {
  outputs_level_ = direction_ = level_sense_ = both_edges_ = event_ = enable_ = alternate_ = 0;
  seen_ = pins();
  edges_ = 0;
  update();
}

void Pl061::visit_state(StateVisitor& visitor) {
  visitor.begin("gpio", 1);
  visitor.field("inputs", inputs_);
  visitor.field("outputs", outputs_level_);
  visitor.field("direction", direction_);
  visitor.field("level_sense", level_sense_);
  visitor.field("both_edges", both_edges_);
  visitor.field("event", event_);
  visitor.field("enable", enable_);
  visitor.field("edges", edges_);
  visitor.field("alternate", alternate_);
  visitor.field("seen", seen_);
  visitor.end();
}

void Pl061::after_load() { update(); }

}  // namespace mimus
