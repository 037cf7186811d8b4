// PL031: real-time clock of one-second ticks with one alarm.
//
// Specification: Arm PrimeCell Real Time Clock (PL031) Technical Reference Manual, DDI 0224C, chapter 3. 32-bit
// registers:
//   000 RTCDR  the time in seconds     004 RTCMR  match value        008 RTCLR  load: sets the time
//   00c RTCCR  bit 0: running          010 RTCIMSC  014 RTCRIS  018 RTCMIS  01c RTCICR     fe0..ffc identification
// The match raises the interrupt at the moment at which the time becomes equal to RTCMR.
//
// Starts with the time of the clock, running, as firmware would leave it; writing 0 to RTCCR does not stop it.
//
// Wiring: one interrupt line, one timer of the event queue.
#pragma once

#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/irq.h"

namespace mimus {

class Pl031 final : public Device {
 public:
  static constexpr u64 kSize = 0x1000;

  Pl031(Clock& clock, EventQueue& events, IrqLine irq);

  std::string_view name() const override { return "rtc"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

 private:
  u64 wall_seconds() const;
  u32 time() const { return u32(wall_seconds()) + offset_; }
  void set_match(u32 value);
  void arm();
  void alarm_due();
  void update_irq() { irq_.set(raw_ && mask_); }

  Clock& clock_;
  EventQueue& events_;
  IrqLine irq_;
  EventQueue::TimerId timer_;

  u32 offset_ = 0;  // added to the wall clock's seconds
  u32 load_ = 0;    // what RTCLR was last written with
  u32 match_ = 0;
  bool armed_ = false;
  u64 due_ = 0;        // with armed_: the wall clock's seconds at which the time is match_
  bool mask_ = false;  // RTCIMSC
  bool raw_ = false;   // RTCRIS
};

}  // namespace mimus
