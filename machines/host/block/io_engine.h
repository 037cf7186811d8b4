// Reading and writing files of the host without waiting: io_uring where the host offers it, a pool of threads
// otherwise.
#pragma once

#include <sys/uio.h>

#include <functional>
#include <memory>
#include <vector>

#include "core/device/event_queue.h"

namespace mimus {

class IoEngine {
 public:
  struct Transfer {
    int fd;
    u64 offset;
    std::vector<iovec> buffers;
    bool write;
    std::function<void(s64 result)> done;  // bytes transferred, perhaps fewer than asked for, or -errno; any thread
  };

  virtual ~IoEngine() = default;  // when nothing is under way
  // False, and nothing was done: too much is under way.
  virtual bool submit(Transfer transfer) = 0;
  // Returns when every `done` of what was submitted so far has been called. Not from a `done`.
  virtual void drain() = 0;
};

bool has_io_uring();
// Null: the host (or this build) has no io_uring. Completions are taken on the event thread.
std::unique_ptr<IoEngine> make_uring_engine(EventQueue& events);
std::unique_ptr<IoEngine> make_thread_engine(unsigned threads = 4);

}  // namespace mimus
