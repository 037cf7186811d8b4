#include "hw/timer/goldfish_rtc.h"

#include <algorithm>

namespace mimus {
namespace {

enum Register : u64 {
  kTimeLow = 0x00,
  kTimeHigh = 0x04,
  kAlarmLow = 0x08,
  kAlarmHigh = 0x0c,
  kIrqEnabled = 0x10,
  kClearAlarm = 0x14,
  kAlarmStatus = 0x18,
  kClearInterrupt = 0x1c,
};

// The timer looks at the wall clock again at least this often, since the host's wall clock may be set.
constexpr u64 kLongestWait = 60'000'000'000;

}  // namespace

GoldfishRtc::GoldfishRtc(Clock& clock, EventQueue& events, IrqLine irq)
    : clock_(clock), events_(events), irq_(irq), timer_(events.create_timer([this] { alarm_due(); })) {}

void GoldfishRtc::arm() {
  if (!armed_) return events_.disarm(timer_);
  const u64 now = time();
  if (alarm_ <= now) return alarm_due();
  events_.arm(timer_, clock_.now_ns() + std::min(alarm_ - now, kLongestWait));
}

void GoldfishRtc::alarm_due() {
  if (!armed_) return;
  if (alarm_ > time()) return arm();
  armed_ = false;
  interrupt_ = true;
  events_.disarm(timer_);
  update_irq();
}

u64 GoldfishRtc::read(RegionId, u64 offset, unsigned width) {
  if (width != 4) return 0;
  switch (offset) {
    case kTimeLow: {
      const u64 now = time();
      latched_high_ = u32(now >> 32);
      return u32(now);
    }
    case kTimeHigh: return latched_high_;
    case kAlarmLow: return u32(alarm_);
    case kAlarmHigh: return alarm_high_;
    case kIrqEnabled: return irq_enabled_;
    case kAlarmStatus: return armed_;
    default: return 0;  // write-only and reserved
  }
}

void GoldfishRtc::write(RegionId, u64 offset, unsigned width, u64 value) {
  if (width != 4) return;
  switch (offset) {
    case kTimeLow: offset_ = (u64{time_high_} << 32 | u32(value)) - clock_.wall_clock_ns(); return arm();
    case kTimeHigh: time_high_ = u32(value); return;
    case kAlarmLow:
      alarm_ = u64{alarm_high_} << 32 | u32(value);
      armed_ = true;
      return arm();
    case kAlarmHigh: alarm_high_ = u32(value); return;
    case kIrqEnabled: irq_enabled_ = bit(value, 0); return update_irq();
    case kClearAlarm: armed_ = false; return arm();
    case kClearInterrupt: interrupt_ = false; return update_irq();
    default: return;  // read-only and reserved
  }
}

// A clock with a battery: its time survives a reset.
void GoldfishRtc::reset(ResetKind) {
  latched_high_ = time_high_ = alarm_high_ = 0;
  alarm_ = 0;
  armed_ = irq_enabled_ = interrupt_ = false;
  arm();
  update_irq();
}

void GoldfishRtc::visit_state(StateVisitor& visitor) {
  visitor.begin("rtc", 1);
  visitor.field("offset", offset_);
  visitor.field("latched_high", latched_high_);
  visitor.field("time_high", time_high_);
  visitor.field("alarm", alarm_);
  visitor.field("alarm_high", alarm_high_);
  visitor.field("armed", armed_);
  visitor.field("irq_enabled", irq_enabled_);
  visitor.field("interrupt", interrupt_);
  visitor.end();
}

void GoldfishRtc::after_load() {
  update_irq();
  arm();
}

}  // namespace mimus
