// A push button on a wire: high while it is held down.
//
// Wiring: one line; one timer of the event queue, which lets go of the button again.
#pragma once

#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/irq.h"

namespace mimus {

class PowerButton final : public Device {
 public:
  static constexpr u64 kHoldNs = 100'000'000;

  PowerButton(Clock& clock, EventQueue& events, IrqLine line);

  void press();  // machine lock held

  // Not on any bus.
  std::string_view name() const override { return "power button"; }
  u64 read(RegionId, u64, unsigned) override { return 0; }
  void write(RegionId, u64, unsigned, u64) override {}
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

 private:
  void set(bool held);

  Clock& clock_;
  EventQueue& events_;
  IrqLine line_;
  EventQueue::TimerId timer_;
  bool held_ = false;
};

}  // namespace mimus
