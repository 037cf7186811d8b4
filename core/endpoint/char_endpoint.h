// A byte stream to the outside of the machine: terminal, file, socket.
#pragma once

#include <functional>
#include <span>

#include "core/base/types.h"

namespace mimus {

class CharEndpoint {
 public:
  virtual ~CharEndpoint() = default;
  // Guest output; returns how many bytes were taken (fewer: call again after on_writable).
  virtual size_t write(std::span<const u8> data) = 0;
  // Host input is delivered through `on_input` on the event thread under the machine lock; the device says how many
  // bytes it can take now, the rest waits until resume().
  struct Handlers {
    std::function<size_t()> room;
    std::function<void(std::span<const u8>)> on_input;
    std::function<void()> on_writable = {};  // write() takes bytes again; event thread, machine lock held; may be empty
  };
  virtual void attach(Handlers handlers) = 0;
  virtual void resume() = 0;  // the device has room again
};

}  // namespace mimus
