// OutputThread: writes to a descriptor that may block, without making the guest wait for each byte.
//
// Bytes are collected for about a millisecond and written together, so that a guest that prints byte by byte costs one
// system call per batch. When the reader at the other end is slow the buffer fills up and write() takes less.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "core/base/types.h"
#include "core/device/event_queue.h"

namespace mimus {

class OutputThread {
 public:
  static constexpr size_t kBufferBytes = 256 * 1024;

  // `on_room` is called on the event thread after a short write(), once there is room again. With `close_fd` the
  // descriptor is closed at the end.
  OutputThread(int fd, bool close_fd, EventQueue& events, std::function<void()> on_room);
  // Waits until everything is out, but not for long: a reader may be stuck for good.
  ~OutputThread();

  size_t write(std::span<const u8> data);  // any thread; how many bytes were taken
  void drain();                            // waits until everything is out, two seconds at most

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // the thread outlives this object when its reader is stuck
};

}  // namespace mimus
