// Safepoint: stops all vCPUs at instruction boundaries, outside generated code.
//
// A vCPU thread is "inside" between enter() and leave(); it may touch guest state and run guest code only then. A
// thread that wants the world stopped calls stop_world(): it waits until nobody is inside. Neither the machine lock nor
// the code-cache lock may be held when calling enter() or stop_world().
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <new>

#include "core/base/types.h"

namespace mimus::dbt {

class Safepoint {
 public:
  // `kick` makes every vCPU leave generated code soon (sets exit_request, ends a wait for interrupts).
  explicit Safepoint(std::function<void()> kick) : kick_(std::move(kick)) {}

  void enter() {
    while (true) {
      inside_.fetch_add(1);
      if (stops_.load() == 0) return;
      leave();
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stops_.load() == 0; });
    }
  }
  // Whoever stops the world raises stops_ before it looks at inside_, whoever leaves does it the other way round: one
  // of the two sees the other.
  void leave() {
    if (inside_.fetch_sub(1) != 1 || stops_.load() == 0) return;
    std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  bool wanted() const { return stops_.load(std::memory_order_acquire) != 0; }

  // Nests and may be called by several threads: the world is stopped until each has called resume_world().
  void stop_world() {
    std::unique_lock lock(mutex_);
    stops_.fetch_add(1);
    kick_();
    changed_.wait(lock, [&] { return inside_.load() == 0; });
  }
  void resume_world() {
    std::lock_guard lock(mutex_);
    if (stops_.fetch_sub(1) == 1) changed_.notify_all();
  }

  // For a vCPU thread inside: it leaves, runs `action` with the world stopped, and enters again.
  template <class Action>
  void stop_world_from_inside(Action action) {
    leave();
    stop_world();
    action();
    resume_world();
    enter();
  }

  // In the child of a fork, the world having been stopped before it: resumes it, with the forking thread alone in it.
  void resume_in_child() {
    new (&mutex_) std::mutex;  // other threads may have held it, and waited
    new (&changed_) std::condition_variable;
    stops_ = inside_ = 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<u32> stops_{0};
  std::atomic<u32> inside_{0};
  std::function<void()> kick_;
};

}  // namespace mimus::dbt
