// Signals that ask the program to end or to stop for a while, delivered through the event queue.
#pragma once

#include <signal.h>

#include <functional>

#include "core/device/event_queue.h"

namespace mimus::cli {

class HostSignals {
 public:
  struct Handlers {
    std::function<void(int signal)> terminate;  // SIGINT, SIGTERM, SIGHUP, SIGQUIT
    std::function<void()> before_stop;          // SIGTSTP: the program is about to stop
    std::function<void()> after_stop;           // it goes on
  };
  // Blocks the signals in the calling thread: before any other thread is started.
  HostSignals(EventQueue& events, Handlers handlers);
  ~HostSignals();

 private:
  void readable();
  EventQueue& events_;
  Handlers handlers_;
  sigset_t before_;
  int fd_;
  EventQueue::WatchId watch_;
};

}  // namespace mimus::cli
