// A BlockEndpoint that runs its requests on a thread of its own, one after the other in the order they came, and
// delivers the results through the EventQueue. A flush therefore covers everything that was submitted before it.
// A short read that the host has in its cache, with nothing before it, is done at once: waking two threads costs more
// than copying the bytes. Its result takes the same way as all others.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/device/event_queue.h"
#include "core/endpoint/block_endpoint.h"
#include "machines/host/block/image.h"

namespace mimus {

class ThreadedDisk final : public BlockEndpoint {
 public:
  ThreadedDisk(std::unique_ptr<BlockImage> image, std::string serial, EventQueue& events);
  // Finishes what was submitted; its results are not delivered any more.
  ~ThreadedDisk() override;

  u64 size_bytes() const override { return image_->size_bytes(); }
  bool read_only() const override { return image_->read_only(); }
  std::string serial() const override { return serial_; }
  void read(u64 offset, std::span<const std::span<u8>> buffers, Done done) override;
  void write(u64 offset, std::span<const std::span<const u8>> buffers, Done done) override;
  void flush(Done done) override;
  void discard(u64 offset, u64 bytes, Done done) override;
  void write_zeroes(u64 offset, u64 bytes, bool may_unmap, Done done) override;
  void quiesce() override;

 private:
  struct Job {
    std::function<Status(BlockImage&)> run;
    Done done;
  };
  struct Finished {
    Done done;
    Status status;
  };
  // Shared with the posted callback, which may run after the disk is gone.
  struct Results {
    std::mutex lock;
    std::vector<Finished> list;
    bool posted = false;
  };

  bool read_at_once(u64 offset, std::span<const iovec> buffers);
  void submit(std::function<Status(BlockImage&)> run, Done done);
  void work();
  void deliver(Finished finished);

  std::unique_ptr<BlockImage> image_;
  const std::string serial_;
  EventQueue& events_;
  std::shared_ptr<Results> results_ = std::make_shared<Results>();

  std::mutex lock_;  // a leaf: jobs_, busy_, stopping_
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace mimus
