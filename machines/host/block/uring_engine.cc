#include "machines/host/block/io_engine.h"

#ifdef MIMUS_LIBURING
#include <liburing.h>
#include <poll.h>

#include <atomic>
#include <mutex>
#include <thread>
#endif

namespace mimus {

#ifdef MIMUS_LIBURING

namespace {

constexpr unsigned kEntries = 256;
constexpr int kPatience = 2;  // ms until drain() looks again: another thread may have taken the completion

// Shared with the event queue's callback, which may run while the engine ends.
class Ring {
 public:
  ~Ring() {
    if (open_) io_uring_queue_exit(&ring_);
  }
  bool open() { return open_ = io_uring_queue_init(kEntries, &ring_, 0) == 0; }
  int fd() const { return ring_.ring_fd; }

  bool submit(IoEngine::Transfer transfer) {
    std::scoped_lock guard(submit_lock_);
    if (pending_ >= kEntries) return false;  // so that there is always room for entries and results
    auto* kept = new IoEngine::Transfer(std::move(transfer));
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    const auto prepare = kept->write ? io_uring_prep_writev : io_uring_prep_readv;
    prepare(entry, kept->fd, kept->buffers.data(), unsigned(kept->buffers.size()), kept->offset);
    io_uring_sqe_set_data(entry, kept);
    ++pending_;                                                     // after everything that reap() reads
    while (io_uring_submit(&ring_) < 0) std::this_thread::yield();  // the kernel is out of memory for a moment
    return true;
  }

  void reap() {
    if (pending_ == 0) return;
    io_uring_cqe* list[kEntries];
    struct Finished {
      IoEngine::Transfer* transfer;
      s64 result;
    };
    std::vector<Finished> finished;
    {
      std::scoped_lock guard(reap_lock_);
      const unsigned count = io_uring_peek_batch_cqe(&ring_, list, kEntries);
      for (unsigned i = 0; i < count; ++i)
        finished.push_back({static_cast<IoEngine::Transfer*>(io_uring_cqe_get_data(list[i])), list[i]->res});
      io_uring_cq_advance(&ring_, count);
    }
    (void)pending_.load();  // what submit() did before its ++pending_ is seen here; the kernel between hides that
    for (const Finished& one : finished) {
      one.transfer->done(one.result);
      delete one.transfer;
      --pending_;
    }
  }

  void drain() {
    while (pending_ != 0) {
      reap();
      if (pending_ == 0) break;
      pollfd wait{fd(), POLLIN, 0};
      poll(&wait, 1, kPatience);
    }
  }

 private:
  io_uring ring_{};
  bool open_ = false;
  std::atomic<size_t> pending_ = 0;
  std::mutex submit_lock_, reap_lock_;  // leaves
};

class UringEngine final : public IoEngine {
 public:
  UringEngine(std::shared_ptr<Ring> ring, EventQueue& events)
      : ring_(std::move(ring)),
        events_(events),
        watch_(events.watch(ring_->fd(), POLLIN, [ring = ring_](short) { ring->reap(); })) {}
  ~UringEngine() override {
    ring_->drain();
    events_.unwatch(watch_);
  }
  bool submit(Transfer transfer) override { return ring_->submit(std::move(transfer)); }
  void drain() override { ring_->drain(); }

 private:
  std::shared_ptr<Ring> ring_;
  EventQueue& events_;
  EventQueue::WatchId watch_;
};

}  // namespace

bool has_io_uring() { return Ring().open(); }

std::unique_ptr<IoEngine> make_uring_engine(EventQueue& events) {
  auto ring = std::make_shared<Ring>();
  if (!ring->open()) return nullptr;
  return std::make_unique<UringEngine>(std::move(ring), events);
}

#else

bool has_io_uring() { return false; }
std::unique_ptr<IoEngine> make_uring_engine(EventQueue&) { return nullptr; }

#endif

}  // namespace mimus
