// Goldfish RTC: wall-clock time with an alarm.
//
// Specification: Android goldfish "RTC" (goldfish virtual hardware guide, section on the timer device), as the Linux
// driver rtc-goldfish uses it. 32-bit registers:
//   0x00 TIME_LOW       read: latches the time, gives its low half; write: sets the clock, with TIME_HIGH as high half
//   0x04 TIME_HIGH      read: high half of the latched time
//   0x08 ALARM_LOW      write: sets the alarm, with ALARM_HIGH as high half, and arms it
//   0x0c ALARM_HIGH
//   0x10 IRQ_ENABLED    bit 0
//   0x14 CLEAR_ALARM    write: disarms
//   0x18 ALARM_STATUS   read: 1 while armed
//   0x1c CLEAR_INTERRUPT write
// Times are nanoseconds since 1970-01-01 UTC.
//
// Wiring: one interrupt line; the clock; one timer of the event queue.
#pragma once

#include "core/device/clock.h"
#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/irq.h"

namespace mimus {

class GoldfishRtc final : public Device {
 public:
  static constexpr u64 kSize = 0x1000;

  GoldfishRtc(Clock& clock, EventQueue& events, IrqLine irq);

  std::string_view name() const override { return "rtc"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

 private:
  u64 time() const { return clock_.wall_clock_ns() + offset_; }
  void arm();
  void alarm_due();
  void update_irq() { irq_.set(interrupt_ && irq_enabled_); }

  Clock& clock_;
  EventQueue& events_;
  IrqLine irq_;
  EventQueue::TimerId timer_;

  u64 offset_ = 0;  // added to the clock's wall time, modulo 2^64
  u32 latched_high_ = 0;
  u32 time_high_ = 0;  // written, waiting for TIME_LOW
  u64 alarm_ = 0;
  u32 alarm_high_ = 0;
  bool armed_ = false;
  bool irq_enabled_ = false;
  bool interrupt_ = false;
};

}  // namespace mimus
