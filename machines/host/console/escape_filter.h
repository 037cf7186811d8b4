// The keys by which a user speaks to the emulator instead of the guest: Ctrl-A and another key.
#pragma once

#include "core/base/types.h"

namespace mimus {

class EscapeFilter {
 public:
  static constexpr u8 kEscape = 0x01;  // Ctrl-A
  enum class Action { pass, none, quit, monitor, help };

  // What to do about a typed byte; `pass`: it is meant for the guest.
  Action feed(u8 byte) {
    if (!escaped_) {
      escaped_ = byte == kEscape;
      return escaped_ ? Action::none : Action::pass;
    }
    escaped_ = false;
    switch (byte) {
      case 'x': return Action::quit;
      case 'c': return Action::monitor;
      case 'h': return Action::help;
      case kEscape: return Action::pass;
      default: return Action::none;
    }
  }

 private:
  bool escaped_ = false;
};

}  // namespace mimus
