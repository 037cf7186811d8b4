// InputGate: keeps host input back until the guest listens to its serial port. What is piped in before a driver starts
// would otherwise be lost when the driver clears the receiver.
//
// A guest listens with its receive interrupt on for as long as some characters take (drivers turn it on and off when
// they probe), or by reading the status register again and again with nothing to send.
#pragma once

#include "core/device/clock.h"
#include "core/device/event_queue.h"
#include "core/endpoint/char_endpoint.h"
#include "core/state/visitor.h"

namespace mimus {

class InputGate {
 public:
  static constexpr u8 kPolls = 16;  // status reads in a row

  InputGate(Clock& clock, EventQueue& events, CharEndpoint* endpoint)
      : clock_(clock), events_(events), endpoint_(endpoint), timer_(events.create_timer([this] {
          listening_ = true;
          resume();
        })) {}

  bool open() const { return listening_ || polls_ == kPolls; }
  void resume() {
    if (endpoint_) endpoint_->resume();
  }

  void interrupt_on(u64 after_ns) { events_.arm(timer_, clock_.now_ns() + after_ns); }
  void interrupt_off() {
    listening_ = false;
    events_.disarm(timer_);
  }
  // The status was read, and there was nothing to receive and nothing left to send.
  void polled() {
    if (!open() && ++polls_ == kPolls) resume();
  }
  // Something was sent: the status was read for that.
  void sent() {
    if (!open()) polls_ = 0;
  }
  void forget_polls() { polls_ = 0; }

  // Left out: how long the receive interrupt has been on.
  void visit_state(StateVisitor& visitor) { visitor.index("polls", polls_, kPolls + 1); }
  void after_load(bool interrupt) {
    interrupt_off();
    listening_ = interrupt;
  }

 private:
  Clock& clock_;
  EventQueue& events_;
  CharEndpoint* endpoint_;
  EventQueue::TimerId timer_;
  bool listening_ = false;  // by the receive interrupt
  u8 polls_ = 0;
};

}  // namespace mimus
