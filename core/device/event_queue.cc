// Lock order: machine lock -> State::lock (a leaf). A callback is looked up and taken out of the queue with both held,
// so that whoever holds the machine lock and disarms a timer or removes a watch knows that it will not be called again.
#include "core/device/event_queue.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <map>
#include <vector>

namespace mimus {
namespace {

constexpr u64 kNever = ~u64{0};

struct Timer {
  std::shared_ptr<EventQueue::Callback> callback;
  u64 deadline_ns = kNever;
};

struct Watch {
  int fd;
  short events;
  std::shared_ptr<std::function<void(short)>> callback;
};

}  // namespace

struct EventQueue::State {
  State(Clock& machine_clock, std::mutex& big_lock) : clock(machine_clock), machine_lock(big_lock) {}

  Clock& clock;
  std::mutex& machine_lock;
  int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::atomic<bool> stopping{false};

  std::mutex lock;  // everything below
  std::deque<Timer> timers;
  std::vector<Callback> posted;
  std::map<WatchId, Watch> watches;
  WatchId next_watch = 0;
  u64 sleeping_until = 0;  // the deadline that run() sleeps for; 0: it is awake and will look again

  void wake() const {
    u64 one = 1;
    [[maybe_unused]] auto written = write(wake_fd, &one, sizeof one);  // full counter: it is awake already
  }
  u64 next_deadline() const {
    u64 next = kNever;
    for (const Timer& timer : timers) next = std::min(next, timer.deadline_ns);
    return next;
  }
  void fill_poll_set(std::vector<pollfd>& fds, std::vector<WatchId>& ids);
  void run_timers();
  void run_posted();
  void run_watches(const std::vector<pollfd>& fds, const std::vector<WatchId>& ids);
  void wait(std::vector<pollfd>& fds, std::vector<WatchId>& ids, bool may_sleep);
  void turn(std::vector<pollfd>& fds, std::vector<WatchId>& ids, bool may_sleep);
};

void EventQueue::State::fill_poll_set(std::vector<pollfd>& fds, std::vector<WatchId>& ids) {
  fds.assign(1, {wake_fd, POLLIN, 0});
  ids.assign(1, 0);
  for (auto& [id, watch] : watches) {
    if (!watch.events) continue;
    fds.push_back({watch.fd, watch.events, 0});
    ids.push_back(id);
  }
}

void EventQueue::State::run_timers() {
  for (;;) {
    std::shared_ptr<Callback> callback;
    {
      std::scoped_lock guard(lock);
      u64 now = clock.now_ns();
      Timer* first = nullptr;
      for (Timer& timer : timers)
        if (timer.deadline_ns <= now && (!first || timer.deadline_ns < first->deadline_ns)) first = &timer;
      if (!first || first->deadline_ns == kNever) return;
      first->deadline_ns = kNever;
      callback = first->callback;
    }
    (*callback)();
  }
}

void EventQueue::State::run_posted() {
  std::vector<Callback> batch;
  {
    std::scoped_lock guard(lock);
    batch.swap(posted);
  }
  for (Callback& callback : batch) callback();
}

void EventQueue::State::run_watches(const std::vector<pollfd>& fds, const std::vector<WatchId>& ids) {
  for (size_t i = 1; i < fds.size(); i++) {
    if (!fds[i].revents) continue;
    std::shared_ptr<std::function<void(short)>> callback;
    {
      std::scoped_lock guard(lock);
      auto it = watches.find(ids[i]);
      if (it != watches.end() && it->second.events) callback = it->second.callback;
    }
    if (callback) (*callback)(fds[i].revents);
  }
}

// Waits for the next event and leaves what poll(2) saw in `fds`.
void EventQueue::State::wait(std::vector<pollfd>& fds, std::vector<WatchId>& ids, bool may_sleep) {
  timespec timeout{0, 0};
  timespec* limit = &timeout;
  {
    std::scoped_lock guard(lock);
    fill_poll_set(fds, ids);
    u64 deadline = posted.empty() ? next_deadline() : 0;
    u64 now = clock.now_ns();
    if (may_sleep && deadline == kNever) {
      limit = nullptr;
    } else if (may_sleep && deadline > now) {
      timeout = {time_t((deadline - now) / 1'000'000'000), long((deadline - now) % 1'000'000'000)};
    }
    if (may_sleep) sleeping_until = deadline;
  }
  if (ppoll(fds.data(), fds.size(), limit, nullptr) < 0)
    for (pollfd& fd : fds) fd.revents = 0;
  if (fds[0].revents) {
    u64 count = 0;
    [[maybe_unused]] auto got = read(wake_fd, &count, sizeof count);
  }
  std::scoped_lock guard(lock);
  sleeping_until = 0;
}

void EventQueue::State::turn(std::vector<pollfd>& fds, std::vector<WatchId>& ids, bool may_sleep) {
  wait(fds, ids, may_sleep);
  std::scoped_lock guard(machine_lock);
  run_timers();
  run_posted();
  run_watches(fds, ids);
}

EventQueue::EventQueue(Clock& clock, std::mutex& machine_lock) : state_(std::make_unique<State>(clock, machine_lock)) {}
EventQueue::~EventQueue() { close(state_->wake_fd); }

EventQueue::TimerId EventQueue::create_timer(Callback callback) {
  std::scoped_lock guard(state_->lock);
  state_->timers.push_back({std::make_shared<Callback>(std::move(callback)), kNever});
  return TimerId(state_->timers.size() - 1);
}

void EventQueue::arm(TimerId timer, u64 deadline_ns) {
  std::scoped_lock guard(state_->lock);
  state_->timers[timer].deadline_ns = deadline_ns;
  if (deadline_ns < state_->sleeping_until) state_->wake();
}

void EventQueue::disarm(TimerId timer) {
  std::scoped_lock guard(state_->lock);
  state_->timers[timer].deadline_ns = kNever;
}

void EventQueue::post(Callback callback) {
  std::scoped_lock guard(state_->lock);
  state_->posted.push_back(std::move(callback));
  if (state_->sleeping_until) state_->wake();
}

EventQueue::WatchId EventQueue::watch(int fd, short events, std::function<void(short revents)> callback) {
  std::scoped_lock guard(state_->lock);
  WatchId id = ++state_->next_watch;
  state_->watches[id] = {fd, events, std::make_shared<std::function<void(short)>>(std::move(callback))};
  if (state_->sleeping_until) state_->wake();
  return id;
}

void EventQueue::set_events(WatchId watch, short events) {
  std::scoped_lock guard(state_->lock);
  auto it = state_->watches.find(watch);
  if (it == state_->watches.end() || it->second.events == events) return;
  it->second.events = events;
  if (state_->sleeping_until) state_->wake();
}

void EventQueue::unwatch(WatchId watch) {
  std::scoped_lock guard(state_->lock);
  state_->watches.erase(watch);
  if (state_->sleeping_until) state_->wake();
}

void EventQueue::run() {
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // the default of 50 us would show in guest timers
  std::vector<pollfd> fds;
  std::vector<WatchId> ids;
  while (!state_->stopping.load()) state_->turn(fds, ids, true);
  state_->stopping.store(false);
}

void EventQueue::run_ready() {
  std::vector<pollfd> fds;
  std::vector<WatchId> ids;
  state_->turn(fds, ids, false);
}

void EventQueue::stop() {
  state_->stopping.store(true);
  state_->wake();
}

}  // namespace mimus
