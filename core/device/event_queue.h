// EventQueue: the one door through which timers, host completions and input reach the machine. A single thread runs
// it (run()); every callback is called on that thread with the machine lock held.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "core/base/types.h"
#include "core/device/clock.h"

namespace mimus {

class EventQueue {
 public:
  using Callback = std::function<void()>;
  using TimerId = u32;
  using WatchId = u32;

  EventQueue(Clock& clock, std::mutex& machine_lock);
  ~EventQueue();

  // -- timers: one-shot, re-armed by arm(); any thread --
  TimerId create_timer(Callback callback);
  void arm(TimerId timer, u64 deadline_ns);  // clock time; a deadline in the past fires at once
  void disarm(TimerId timer);

  // Runs `callback` soon, once; any thread.
  void post(Callback callback);

  // -- host descriptors: level-triggered poll(2) events; any thread --
  WatchId watch(int fd, short events, std::function<void(short revents)> callback);
  void set_events(WatchId watch, short events);  // 0 pauses it
  void unwatch(WatchId watch);

  void run();  // until stop()
  // Runs what is due now, without waiting; for a machine that has no event thread. Not while run() is running.
  void run_ready();
  void stop();  // any thread, signal-safe

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mimus
