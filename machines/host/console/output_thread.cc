#include "machines/host/console/output_thread.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace mimus {
namespace {

using namespace std::chrono_literals;
constexpr auto kCollect = 1ms;
constexpr auto kPatience = 2s;
constexpr size_t kBatchBytes = 4096;  // written without collecting further

// False when the other end is gone.
bool write_all(int fd, std::span<const u8> data) {
  while (!data.empty()) {
    ssize_t written = write(fd, data.data(), data.size());
    if (written < 0 && errno == EAGAIN) std::this_thread::sleep_for(kCollect);  // another program made it non-blocking
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return false;
    data = data.subspan(size_t(written));
  }
  return true;
}

}  // namespace

struct OutputThread::Shared {
  Shared(int output_fd, bool close_output, EventQueue* queue, std::function<void()> room)
      : fd(output_fd), close_fd(close_output), events(queue), on_room(std::move(room)) {}
  ~Shared() {
    if (close_fd) close(fd);
  }

  const int fd;
  const bool close_fd;

  std::mutex lock;  // a leaf but for EventQueue::post()
  std::condition_variable changed;
  EventQueue* events;  // null once the owner is gone
  std::function<void()> on_room;
  std::vector<u8> buffer;
  bool writing = false;
  bool refused = false;  // write() took less than it was given
  bool broken = false;   // nobody reads any more: output is dropped
  bool stop = false;
  bool hurry = false;  // do not collect: somebody waits in drain()

  bool idle() const { return buffer.empty() && !writing; }

  void run() {
    std::unique_lock guard(lock);
    for (;;) {
      changed.wait(guard, [this] { return stop || !buffer.empty(); });
      if (buffer.empty()) return;
      changed.wait_for(guard, kCollect, [this] { return stop || hurry || buffer.size() >= kBatchBytes; });
      write_batch(guard);
    }
  }
  void write_batch(std::unique_lock<std::mutex>& guard) {
    std::vector<u8> batch;
    batch.swap(buffer);
    writing = true;
    if (std::exchange(refused, false) && events) events->post(on_room);
    guard.unlock();
    const bool written = broken || write_all(fd, batch);
    guard.lock();
    broken = broken || !written;
    writing = false;
    changed.notify_all();
  }
};

OutputThread::OutputThread(int fd, bool close_fd, EventQueue& events, std::function<void()> on_room)
    : shared_(std::make_shared<Shared>(fd, close_fd, &events, std::move(on_room))) {
  std::thread([shared = shared_] { shared->run(); }).detach();
}

OutputThread::~OutputThread() {
  drain();
  std::scoped_lock guard(shared_->lock);
  shared_->events = nullptr;
  shared_->stop = true;
  shared_->changed.notify_all();
}

size_t OutputThread::write(std::span<const u8> data) {
  Shared& s = *shared_;
  std::scoped_lock guard(s.lock);
  const size_t before = s.buffer.size();
  const size_t taken = std::min(data.size(), kBufferBytes - std::min(before, kBufferBytes));
  s.buffer.insert(s.buffer.end(), data.begin(), data.begin() + long(taken));
  if (taken < data.size()) s.refused = true;
  if (before == 0 || (before < kBatchBytes && s.buffer.size() >= kBatchBytes)) s.changed.notify_all();
  return taken;
}

void OutputThread::drain() {
  Shared& s = *shared_;
  std::unique_lock guard(s.lock);
  s.hurry = true;
  s.changed.notify_all();
  s.changed.wait_for(guard, kPatience, [&] { return s.idle(); });
  s.hurry = false;
}

}  // namespace mimus
