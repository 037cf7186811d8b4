#include "accel/dbt/safepoint.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace mimus::dbt {
namespace {

// Three "CPUs" run and two threads stop the world: while stopped, a plain (unsynchronised) variable is theirs alone.
TEST(Safepoint, WorldIsReallyStopped) {
  std::atomic<bool> stop{false};
  std::atomic<int> kicks{0};
  Safepoint safepoint([&] { ++kicks; });
  u64 shared = 0;
  std::atomic<u64> laps{0};
  std::vector<std::thread> cpus;
  for (int i = 0; i < 3; ++i) {
    cpus.emplace_back([&] {
      safepoint.enter();
      while (!stop) {
        ++laps;
        if (safepoint.wanted()) {
          safepoint.leave();
          safepoint.enter();
        }
      }
      safepoint.leave();
    });
  }
  std::mutex stoppers;  // the two may be stopped-in at the same time: the primitive nests
  auto stopper = [&] {
    for (int i = 0; i < 200; ++i) {
      safepoint.stop_world();
      const u64 before = laps;
      {
        std::lock_guard lock(stoppers);
        ++shared;
      }
      EXPECT_EQ(before, laps.load());
      safepoint.resume_world();
    }
  };
  std::thread first(stopper), second(stopper);
  first.join();
  second.join();
  stop = true;
  for (auto& cpu : cpus) cpu.join();
  EXPECT_EQ(shared, 400u);
  EXPECT_GE(kicks.load(), 400);
}

}  // namespace
}  // namespace mimus::dbt
