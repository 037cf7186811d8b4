// A BlockEndpoint over an image. Requests run at the same time and end in any order; their results enter through the
// EventQueue.
//
// Where the image can say at once which bytes of a host file are meant (BlockImage::map), the IoEngine transfers them,
// and short reads that the host has in its cache are done by the caller: waking a thread costs more than copying the
// bytes. Everything else, and every transfer that did not go smoothly, is done on one thread that calls the image's
// blocking functions, one after the other. What frees places of the image waits until no transfer is under way, and
// holds up new ones meanwhile.
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
#include "machines/host/block/io_engine.h"

namespace mimus {

class AsyncDisk final : public BlockEndpoint {
 public:
  // Without `engine` all requests run on the one thread.
  AsyncDisk(std::unique_ptr<BlockImage> image, std::string serial, EventQueue& events,
            std::unique_ptr<IoEngine> engine);
  // Finishes what was submitted; its results are not delivered any more.
  ~AsyncDisk() override;

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
    bool alone;  // no transfer may be under way
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
  struct Request;  // a read or write that transfers are under way for

  void start(bool write, u64 offset, std::vector<iovec> buffers, Done done);
  bool start_transfers(const std::shared_ptr<Request>& request);
  void part_done(const std::shared_ptr<Request>& request, bool smooth);
  void run_blocking(const std::shared_ptr<Request>& request);
  void submit(std::function<Status(BlockImage&)> run, Done done, bool alone = false);
  void work();
  void deliver(Finished finished);

  std::unique_ptr<BlockImage> image_;
  const std::string serial_;
  EventQueue& events_;
  std::unique_ptr<IoEngine> engine_;
  std::shared_ptr<Results> results_ = std::make_shared<Results>();

  std::mutex lock_;  // jobs_ to stopping_; then the engine's and the image's
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  unsigned alone_ = 0;  // jobs of this kind that wait or run
  bool busy_ = false;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace mimus
