#include "hw/timer/pl031.h"

#include <algorithm>

namespace mimus {
namespace {

enum Register : u64 {
  kData = 0x00,
  kMatch = 0x04,
  kLoad = 0x08,
  kControl = 0x0c,
  kMask = 0x10,
  kRaw = 0x14,
  kMasked = 0x18,
  kClear = 0x1c,
  kIdentification = 0xfe0,
};

constexpr u64 kSecond = 1'000'000'000;
// The timer looks at the wall clock again at least this often, since the host's wall clock may be set.
constexpr u64 kLongestWait = 60 * kSecond;

// RTCPeriphID0-3 (part 0x031, designer Arm), RTCPCellID0-3.
constexpr u8 kIds[8] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

}  // namespace

Pl031::Pl031(Clock& clock, EventQueue& events, IrqLine irq)
    : clock_(clock), events_(events), irq_(irq), timer_(events.create_timer([this] { alarm_due(); })) {}

u64 Pl031::wall_seconds() const { return clock_.wall_clock_ns() / kSecond; }

// A match value in the past comes round again when the 32 bits have wrapped; that is not armed.
void Pl031::set_match(u32 value) {
  match_ = value;
  const u32 wait = match_ - time();
  armed_ = wait < u32{1} << 31;
  due_ = wall_seconds() + wait;
  arm();
}

void Pl031::arm() {
  if (!armed_) return events_.disarm(timer_);
  const u64 now = clock_.wall_clock_ns();
  if (due_ <= now / kSecond) return alarm_due();
  const u64 wait = due_ - now / kSecond > 60 ? kLongestWait : std::min(due_ * kSecond - now, kLongestWait);
  events_.arm(timer_, clock_.now_ns() + wait);
}

void Pl031::alarm_due() {
  if (!armed_) return;
  if (due_ > wall_seconds()) return arm();
  armed_ = false;
  raw_ = true;
  events_.disarm(timer_);
  update_irq();
}

u64 Pl031::read(RegionId, u64 offset, unsigned) {
  switch (offset) {
    case kData: return time();
    case kMatch: return match_;
    case kLoad: return load_;
    case kControl: return 1;
    case kMask: return mask_;
    case kRaw: return raw_;
    case kMasked: return raw_ && mask_;
    default: break;
  }
  return offset >= kIdentification && offset < kSize && offset % 4 == 0 ? kIds[(offset - kIdentification) / 4] : 0;
}

void Pl031::write(RegionId, u64 offset, unsigned width, u64 value) {
  if (width < 4) return;
  switch (offset) {
    case kMatch: return set_match(u32(value));
    case kLoad:
      load_ = u32(value);
      offset_ = load_ - u32(wall_seconds());
      return set_match(match_);
    case kMask: mask_ = bit(value, 0); return update_irq();
    case kClear:
      if (bit(value, 0)) raw_ = false;
      return update_irq();
    default: return;  // read-only and reserved
  }
}

// A clock with a battery: its time survives a reset.
void Pl031::reset(ResetKind) {
  load_ = match_ = 0;
  armed_ = mask_ = raw_ = false;
  arm();
  update_irq();
}

void Pl031::visit_state(StateVisitor& visitor) {
  visitor.begin("rtc", 1);
  visitor.field("offset", offset_);
  visitor.field("load", load_);
  visitor.field("match", match_);
  visitor.field("armed", armed_);
  visitor.field("due", due_);
  visitor.field("mask", mask_);
  visitor.field("raw", raw_);
  visitor.end();
}

void Pl031::after_load() {
  update_irq();
  arm();
}

}  // namespace mimus
