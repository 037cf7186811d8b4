// Where a device reports what a guest did wrong. The report is for the person who debugs the guest; it never stops
// the machine. Implementations limit the rate, since a guest can repeat its mistake forever.
#pragma once

#include <string_view>

namespace mimus {

class GuestErrorSink {
 public:
  virtual ~GuestErrorSink() = default;
  virtual void guest_error(std::string_view device, std::string_view what) = 0;  // any thread
};

}  // namespace mimus
