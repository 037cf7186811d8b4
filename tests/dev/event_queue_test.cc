#include "core/device/event_queue.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "tests/dev/manual_clock.h"

namespace mimus {
namespace {

struct Queue {
  ManualClock clock;
  std::mutex lock;
  EventQueue events{clock, lock};
};

TEST(EventQueue, TimersFireInDeadlineOrderOnce) {
  Queue q;
  std::string order;
  auto a = q.events.create_timer([&] { order += 'a'; });
  auto b = q.events.create_timer([&] { order += 'b'; });
  q.events.arm(a, 200);
  q.events.arm(b, 100);
  q.events.run_ready();
  EXPECT_EQ(order, "");
  q.clock.ns = 250;
  q.events.run_ready();
  q.events.run_ready();
  EXPECT_EQ(order, "ba");
  q.events.arm(a, 0);
  q.events.arm(b, 0);
  q.events.disarm(b);
  q.events.run_ready();
  EXPECT_EQ(order, "baa");
}

TEST(EventQueue, DisarmFromAnotherCallbackHolds) {
  Queue q;
  bool fired = false;
  EventQueue::TimerId second = 0;
  auto first = q.events.create_timer([&] { q.events.disarm(second); });
  second = q.events.create_timer([&] { fired = true; });
  q.events.arm(first, 1);
  q.events.arm(second, 2);
  q.clock.ns = 3;
  q.events.run_ready();
  EXPECT_FALSE(fired);
}

TEST(EventQueue, CallbacksHoldTheMachineLock) {
  Queue q;
  bool held = false;
  q.events.post([&] { held = !std::async(std::launch::async, [&] { return q.lock.try_lock(); }).get(); });
  q.events.run_ready();
  EXPECT_TRUE(held);
}

TEST(EventQueue, WatchesFollowTheirEvents) {
  Queue q;
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  unsigned calls = 0;
  auto watch = q.events.watch(fds[0], POLLIN, [&](short revents) { calls += (revents & POLLIN) != 0; });
  q.events.run_ready();
  EXPECT_EQ(calls, 0u);
  ASSERT_EQ(write(fds[1], "x", 1), 1);
  q.events.run_ready();
  q.events.run_ready();
  EXPECT_EQ(calls, 2u) << "level-triggered";
  q.events.set_events(watch, 0);
  q.events.run_ready();
  EXPECT_EQ(calls, 2u);
  q.events.set_events(watch, POLLIN);
  q.events.unwatch(watch);
  q.events.run_ready();
  EXPECT_EQ(calls, 2u);
  close(fds[0]);
  close(fds[1]);
}

TEST(EventQueue, ThreadWakesForPostTimerAndStop) {
  HostClock clock;
  std::mutex lock;
  EventQueue events(clock, lock);
  std::promise<void> posted, fired;
  auto timer = events.create_timer([&] { fired.set_value(); });
  std::thread thread([&] { events.run(); });
  events.post([&] { posted.set_value(); });
  posted.get_future().get();
  events.arm(timer, clock.now_ns() + 1'000'000);
  fired.get_future().get();
  events.stop();
  thread.join();
}

}  // namespace
}  // namespace mimus
