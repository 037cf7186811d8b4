#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "machines/host/block/io_engine.h"

namespace mimus {

namespace {

class ThreadEngine final : public IoEngine {
 public:
  explicit ThreadEngine(unsigned threads) : most_(threads) {}

  ~ThreadEngine() override {
    {
      std::scoped_lock guard(lock_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  bool submit(Transfer transfer) override {
    std::scoped_lock guard(lock_);
    queue_.push_back(std::move(transfer));
    ++pending_;
    if (idle_ < queue_.size() && threads_.size() < most_) start_thread();
    changed_.notify_one();
    return true;
  }

  void drain() override {
    std::unique_lock guard(lock_);
    drained_.wait(guard, [this] { return pending_ == 0; });
  }

 private:
  // Signals are for the main thread.
  void start_thread() {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    threads_.emplace_back([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(threads_.back().native_handle(), "mimus-io");
  }

  void work() {
    std::unique_lock guard(lock_);
    for (;;) {
      ++idle_;
      changed_.wait(guard, [this] { return !queue_.empty() || stopping_; });
      --idle_;
      if (queue_.empty()) return;
      Transfer transfer = std::move(queue_.front());
      queue_.pop_front();
      guard.unlock();
      transfer.done(run(transfer));
      guard.lock();
      if (--pending_ == 0) drained_.notify_all();
    }
  }

  static s64 run(const Transfer& t) {
    const auto call = t.write ? pwritev : preadv;
    ssize_t count;
    do count = call(t.fd, t.buffers.data(), int(t.buffers.size()), off_t(t.offset));
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
  }

  const unsigned most_;
  std::mutex lock_;  // a leaf: everything below
  std::condition_variable changed_, drained_;
  std::deque<Transfer> queue_;
  std::vector<std::thread> threads_;
  size_t pending_ = 0, idle_ = 0;
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<IoEngine> make_thread_engine(unsigned threads) { return std::make_unique<ThreadEngine>(threads); }

}  // namespace mimus
