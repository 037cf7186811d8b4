// Safepoint: stops all vCPUs at instruction boundaries, outside generated code.
//
// A vCPU thread is "inside" between enter() and leave(); it may touch guest state and run guest code only then. A
// thread that wants the world stopped calls stop_world(): it waits until nobody is inside. Neither the machine lock nor
// the code-cache lock may be held when calling enter() or stop_world().
#pragma once

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
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stops_ == 0; });
    ++inside_;
  }
  void leave() {
    std::lock_guard lock(mutex_);
    if (--inside_ == 0) changed_.notify_all();
  }
  bool wanted() const { return __atomic_load_n(&stops_, __ATOMIC_ACQUIRE) != 0; }

  // Nests and may be called by several threads: the world is stopped until each has called resume_world().
  void stop_world() {
    std::unique_lock lock(mutex_);
    __atomic_add_fetch(&stops_, 1, __ATOMIC_RELEASE);
    kick_();
    changed_.wait(lock, [&] { return inside_ == 0; });
  }
  void resume_world() {
    std::lock_guard lock(mutex_);
    if (__atomic_sub_fetch(&stops_, 1, __ATOMIC_RELEASE) == 0) changed_.notify_all();
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
  u32 stops_ = 0;
  u32 inside_ = 0;
  std::function<void()> kick_;
};

}  // namespace mimus::dbt
