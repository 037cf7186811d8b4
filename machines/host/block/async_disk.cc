#include "machines/host/block/async_disk.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <climits>
#include <cstring>
#include <utility>

#include "machines/host/block/iovecs.h"

namespace mimus {

namespace {

constexpr u64 kMostAtOnce = 128 << 10;  // bytes that the calling CPU copies itself

// Out of the host's cache, if all of it is there.
bool read_now(int fd, u64 offset, std::span<const iovec> buffers, u64 bytes) {
  if (buffers.size() > IOV_MAX) return false;
  const ssize_t count = preadv2(fd, buffers.data(), int(buffers.size()), off_t(offset), RWF_NOWAIT);
  return count >= 0 && u64(count) == bytes;
}

void clear(std::span<const iovec> buffers) {
  for (const iovec& buffer : buffers) std::memset(buffer.iov_base, 0, buffer.iov_len);
}

}  // namespace

struct AsyncDisk::Request {
  bool write;
  u64 offset, bytes;
  std::vector<iovec> buffers;
  Done done;
  std::atomic<unsigned> left = 1;  // parts, and one for the time in which they are submitted
  std::atomic<bool> smooth = true;
};

AsyncDisk::AsyncDisk(std::unique_ptr<BlockImage> image, std::string serial, EventQueue& events,
                     std::unique_ptr<IoEngine> engine)
    : image_(std::move(image)), serial_(std::move(serial)), events_(events), engine_(std::move(engine)) {
  // Signals are for the main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "mimus-disk");
}

AsyncDisk::~AsyncDisk() {
  if (engine_) engine_->drain();
  {
    std::scoped_lock guard(lock_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  std::scoped_lock guard(results_->lock);
  results_->list.clear();
}

void AsyncDisk::read(u64 offset, std::span<const std::span<u8>> buffers, Done done) {
  std::vector<iovec> list;
  for (std::span<u8> buffer : buffers) list.push_back({buffer.data(), buffer.size()});
  start(false, offset, std::move(list), std::move(done));
}

void AsyncDisk::write(u64 offset, std::span<const std::span<const u8>> buffers, Done done) {
  std::vector<iovec> list;
  for (std::span<const u8> buffer : buffers) list.push_back({const_cast<u8*>(buffer.data()), buffer.size()});
  start(true, offset, std::move(list), std::move(done));
}

void AsyncDisk::flush(Done done) {
  submit([](BlockImage& image) { return image.flush(); }, std::move(done));
}

void AsyncDisk::discard(u64 offset, u64 bytes, Done done) {
  submit([=](BlockImage& image) { return image.discard(offset, bytes); }, std::move(done), image_->moves());
}

void AsyncDisk::write_zeroes(u64 offset, u64 bytes, bool may_unmap, Done done) {
  submit([=](BlockImage& image) { return image.write_zeroes(offset, bytes, may_unmap); }, std::move(done),
         image_->moves());
}

void AsyncDisk::start(bool write, u64 offset, std::vector<iovec> buffers, Done done) {
  const u64 bytes = total_bytes(buffers);
  auto request = std::make_shared<Request>(write, offset, bytes, std::move(buffers), std::move(done));
  if (!engine_ || !start_transfers(request)) run_blocking(request);
}

// Under lock_, so that no job that wants to be alone begins between map() and submit().
bool AsyncDisk::start_transfers(const std::shared_ptr<Request>& request) {
  std::vector<BlockImage::HostRange> ranges;
  std::unique_lock guard(lock_);
  if (alone_ != 0 || !image_->map(request->offset, request->bytes, request->write, ranges)) return false;
  IovecSlicer slicer(request->buffers);
  for (const BlockImage::HostRange& range : ranges) {
    std::vector<iovec> part = slicer.take(range.bytes);
    if (range.fd < 0) {
      clear(part);
      continue;
    }
    if (!request->write && request->bytes <= kMostAtOnce && read_now(range.fd, range.offset, part, range.bytes))
      continue;
    ++request->left;
    auto part_is_done = [=, this, bytes = range.bytes](s64 got) { part_done(request, got == s64(bytes)); };
    if (engine_->submit({range.fd, range.offset, std::move(part), request->write, std::move(part_is_done)})) continue;
    request->smooth = false;
    --request->left;
    break;
  }
  guard.unlock();
  part_done(request, true);
  return true;
}

// The blocking functions find out what is wrong, or complete what was cut short.
void AsyncDisk::part_done(const std::shared_ptr<Request>& request, bool smooth) {
  if (!smooth) request->smooth = false;
  if (--request->left != 0) return;
  if (request->smooth) return deliver({std::move(request->done), Status::ok});
  run_blocking(request);
}

void AsyncDisk::run_blocking(const std::shared_ptr<Request>& request) {
  Done done = std::move(request->done);
  submit(
      [request](BlockImage& image) {
        return request->write ? image.write(request->offset, request->buffers)
                              : image.read(request->offset, request->buffers);
      },
      std::move(done));
}

void AsyncDisk::submit(std::function<Status(BlockImage&)> run, Done done, bool alone) {
  {
    std::scoped_lock guard(lock_);
    jobs_.push_back({std::move(run), std::move(done), alone});
    alone_ += alone;
  }
  changed_.notify_all();
}

void AsyncDisk::quiesce() {
  if (engine_) engine_->drain();
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this] { return jobs_.empty() && !busy_; });
}

void AsyncDisk::work() {
  std::unique_lock guard(lock_);
  for (;;) {
    changed_.wait(guard, [this] { return !jobs_.empty() || stopping_; });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    guard.unlock();
    if (job.alone && engine_) engine_->drain();
    const Status status = job.run(*image_);
    deliver({std::move(job.done), status});
    guard.lock();
    busy_ = false;
    alone_ -= job.alone;
    if (jobs_.empty()) changed_.notify_all();
  }
}

// One posted callback delivers everything that has finished by the time it runs.
void AsyncDisk::deliver(Finished finished) {
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
