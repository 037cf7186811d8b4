// virtio block device over a BlockEndpoint. Requests run asynchronously and may complete in any order.
// Wiring: one queue; completions arrive on the event thread under the machine lock.
// Source: VIRTIO 1.2, 5.2 (block device).
#pragma once

#include <memory>
#include <vector>

#include "core/endpoint/block_endpoint.h"
#include "hw/virtio/device.h"

namespace mimus::virtio {

class Block final : public VirtioDevice {
 public:
  Block(std::string name, BlockEndpoint& disk, Wiring wiring);
  ~Block() override;

  void after_load() override;
  size_t in_flight() const { return requests_.size(); }

 private:
  struct Request;
  struct Operation;  // one row of the request table
  using RequestPtr = std::shared_ptr<Request>;

  // 5.2.4 Device configuration layout
  struct Config {
    u64 capacity = 0;  // 512-byte sectors
    u32 size_max = 0;
    u32 seg_max = 0;
    u16 cylinders = 0;
    u8 heads = 0;
    u8 sectors = 0;
    u32 blk_size = 512;
    u8 physical_block_exp = 0;
    u8 alignment_offset = 0;
    u16 min_io_size = 0;
    u32 opt_io_size = 0;
    u8 writeback = 1;
    u8 unused0 = 0;
    u16 num_queues = 1;
    u32 max_discard_sectors = 0;
    u32 max_discard_seg = 0;
    u32 discard_sector_alignment = 0;
    u32 max_write_zeroes_sectors = 0;
    u32 max_write_zeroes_seg = 0;
    u8 write_zeroes_may_unmap = 0;
    u8 unused1[3] = {};
    u32 max_secure_erase_sectors = 0;
  };
  static_assert(sizeof(Config) == 64);  // no padding: the guest reads every byte

  u64 features() const override;
  std::span<const u8> config() const override;
  void config_written(u64 offset, std::span<const u8> data) override;
  void queue_notified(unsigned queue) override;
  void stopped() override;
  void visit_device(StateVisitor& visitor) override;

  static const Operation* find_operation(u32 type);
  void submit(Chain chain);
  void read(const RequestPtr& request);
  void write(const RequestPtr& request);
  void flush(const RequestPtr& request);
  void get_id(const RequestPtr& request);
  void discard(const RequestPtr& request) { start_segments(request, false); }
  void write_zeroes(const RequestPtr& request) { start_segments(request, true); }
  void start_segments(const RequestPtr& request, bool zeroes);
  void next_segment(const RequestPtr& request);
  bool inside(u64 sector, u64 bytes) const;
  bool write_through() const;
  BlockEndpoint::Done on_done(const RequestPtr& request, void (Block::*next)(const RequestPtr&, BlockEndpoint::Status));
  void data_read(const RequestPtr& request, BlockEndpoint::Status status);
  void data_written(const RequestPtr& request, BlockEndpoint::Status status);
  void segment_done(const RequestPtr& request, BlockEndpoint::Status status);
  void ended(const RequestPtr& request, BlockEndpoint::Status status);
  void complete(const RequestPtr& request, u8 status);

  BlockEndpoint& disk_;
  Config config_;
  std::vector<RequestPtr> requests_;  // in flight, oldest first
  std::vector<u16> loaded_;           // heads to submit again after a state load
};

}  // namespace mimus::virtio
