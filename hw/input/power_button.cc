#include "hw/input/power_button.h"

namespace mimus {

PowerButton::PowerButton(Clock& clock, EventQueue& events, IrqLine line)
    : clock_(clock), events_(events), line_(line), timer_(events.create_timer([this] { set(false); })) {}

void PowerButton::set(bool held) {
  held_ = held;
  line_.set(held);
}

void PowerButton::press() {
  set(true);
  events_.arm(timer_, clock_.now_ns() + kHoldNs);
}

void PowerButton::reset(ResetKind) {
  events_.disarm(timer_);
  set(false);
}

// Left out: how long it has been held.
void PowerButton::visit_state(StateVisitor& visitor) {
  visitor.begin("power_button", 1);
  visitor.field("held", held_);
  visitor.end();
}

void PowerButton::after_load() {
  if (held_) press();
}

}  // namespace mimus
