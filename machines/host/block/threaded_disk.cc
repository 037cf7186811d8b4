#include "machines/host/block/threaded_disk.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "machines/host/block/iovecs.h"

namespace mimus {

namespace {

constexpr u64 kMostAtOnce = 128 << 10;  // bytes that the calling CPU copies itself

}  // namespace

ThreadedDisk::ThreadedDisk(std::unique_ptr<BlockImage> image, std::string serial, EventQueue& events)
    : image_(std::move(image)), serial_(std::move(serial)), events_(events) {
  // Signals are for the main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "mimus-disk");
}

ThreadedDisk::~ThreadedDisk() {
  {
    std::scoped_lock guard(lock_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  std::scoped_lock guard(results_->lock);
  results_->list.clear();
}

void ThreadedDisk::read(u64 offset, std::span<const std::span<u8>> buffers, Done done) {
  std::vector<iovec> list;
  for (std::span<u8> buffer : buffers) list.push_back({buffer.data(), buffer.size()});
  if (read_at_once(offset, list)) return deliver({std::move(done), Status::ok});
  submit([offset, list = std::move(list)](BlockImage& image) { return image.read(offset, list); }, std::move(done));
}

void ThreadedDisk::write(u64 offset, std::span<const std::span<const u8>> buffers, Done done) {
  std::vector<iovec> list;
  for (std::span<const u8> buffer : buffers) list.push_back({const_cast<u8*>(buffer.data()), buffer.size()});
  submit([offset, list = std::move(list)](BlockImage& image) { return image.write(offset, list); }, std::move(done));
}

void ThreadedDisk::flush(Done done) {
  submit([](BlockImage& image) { return image.flush(); }, std::move(done));
}

void ThreadedDisk::discard(u64 offset, u64 bytes, Done done) {
  submit([=](BlockImage& image) { return image.discard(offset, bytes); }, std::move(done));
}

void ThreadedDisk::write_zeroes(u64 offset, u64 bytes, bool may_unmap, Done done) {
  submit([=](BlockImage& image) { return image.write_zeroes(offset, bytes, may_unmap); }, std::move(done));
}

void ThreadedDisk::submit(std::function<Status(BlockImage&)> run, Done done) {
  {
    std::scoped_lock guard(lock_);
    jobs_.push_back({std::move(run), std::move(done)});
  }
  changed_.notify_all();
}

// The thread cannot start a job while lock_ is held, so the image is ours.
bool ThreadedDisk::read_at_once(u64 offset, std::span<const iovec> buffers) {
  if (total_bytes(buffers) > kMostAtOnce) return false;
  std::scoped_lock guard(lock_);
  if (!jobs_.empty() || busy_) return false;
  std::vector<BlockImage::HostRange> ranges;
  if (!image_->map(offset, total_bytes(buffers), false, ranges) || ranges.size() != 1) return false;
  if (ranges[0].fd < 0 || buffers.size() > IOV_MAX) return false;
  const ssize_t count = preadv2(ranges[0].fd, buffers.data(), int(buffers.size()), off_t(ranges[0].offset), RWF_NOWAIT);
  return count >= 0 && u64(count) == ranges[0].bytes;
}

void ThreadedDisk::quiesce() {
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this] { return jobs_.empty() && !busy_; });
}

void ThreadedDisk::work() {
  std::unique_lock guard(lock_);
  for (;;) {
    changed_.wait(guard, [this] { return !jobs_.empty() || stopping_; });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    guard.unlock();
    const Status status = job.run(*image_);
    deliver({std::move(job.done), status});
    guard.lock();
    busy_ = false;
    if (jobs_.empty()) changed_.notify_all();
  }
}

// One posted callback delivers everything that has finished by the time it runs.
void ThreadedDisk::deliver(Finished finished) {
  {
    std::scoped_lock guard(results_->lock);
    results_->list.push_back(std::move(finished));
    if (std::exchange(results_->posted, true)) return;
  }
  events_.post([results = results_] {
    std::vector<Finished> list;
    {
      std::scoped_lock guard(results->lock);
      list.swap(results->list);
      results->posted = false;
    }
    for (Finished& one : list) one.done(one.status);
  });
}

}  // namespace mimus
