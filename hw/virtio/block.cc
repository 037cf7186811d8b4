#include "hw/virtio/block.h"

#include <algorithm>

namespace mimus::virtio {

namespace {

constexpr u16 kQueueSize = 256;
constexpr u64 kSectorBytes = 512;

// 5.2.3 Feature bits
constexpr u64 kSegMax = u64{1} << 2;
constexpr u64 kReadOnly = u64{1} << 5;
constexpr u64 kBlkSize = u64{1} << 6;
constexpr u64 kFlush = u64{1} << 9;
constexpr u64 kConfigWce = u64{1} << 11;
constexpr u64 kDiscard = u64{1} << 13;
constexpr u64 kWriteZeroes = u64{1} << 14;

// 5.2.6 Device operation
enum RequestStatus : u8 { kOk = 0, kIoError = 1, kUnsupported = 2 };

struct Header {
  u32 type;
  u32 reserved;
  u64 sector;
};
static_assert(sizeof(Header) == 16);

struct Segment {  // virtio_blk_discard_write_zeroes
  u64 sector;
  u32 num_sectors;
  u32 flags;  // bit 0: unmap
};
static_assert(sizeof(Segment) == 16);

constexpr u32 kMaxSegments = 32;
constexpr u32 kMaxSegmentSectors = u32{1} << 21;  // 1 GiB
constexpr u64 kIdBytes = 20;

}  // namespace

struct Block::Request {
  Block* owner;  // null once the device was reset: the result is of no interest any more
  Chain chain;
  Header header{};
  u64 read_bytes = 0;   // length of the device-readable part, the header included
  u64 write_bytes = 0;  // length of the device-writable part, the status byte included
  u32 written = 1;      // for the used entry
  bool zeroes = false;
  std::vector<Segment> segments;
  size_t segment = 0;
};

struct Block::Operation {
  u32 type;
  bool writes;  // refused on a read-only disk
  void (Block::*run)(const RequestPtr&);
};

const Block::Operation* Block::find_operation(u32 type) {
  static constexpr Operation kOperations[] = {
      {0, false, &Block::read},     // VIRTIO_BLK_T_IN
      {1, true, &Block::write},     // VIRTIO_BLK_T_OUT
      {4, false, &Block::flush},    // VIRTIO_BLK_T_FLUSH
      {8, false, &Block::get_id},   // VIRTIO_BLK_T_GET_ID
      {11, true, &Block::discard},  // VIRTIO_BLK_T_DISCARD
      {13, true, &Block::write_zeroes},
  };
  const auto* found = std::ranges::find(kOperations, type, &Operation::type);
  return found == std::end(kOperations) ? nullptr : found;
}

Block::Block(std::string name, BlockEndpoint& disk, Wiring wiring)
    : VirtioDevice(std::move(name), DeviceId::block, std::span(&kQueueSize, 1), wiring), disk_(disk) {
  config_.capacity = disk.size_bytes() / kSectorBytes;
  config_.seg_max = kQueueSize - 2;
  if (disk.read_only()) return;
  config_.max_discard_sectors = config_.max_write_zeroes_sectors = kMaxSegmentSectors;
  config_.max_discard_seg = config_.max_write_zeroes_seg = kMaxSegments;
  config_.discard_sector_alignment = 8;  // of host file systems
  config_.write_zeroes_may_unmap = 1;
}

Block::~Block() { stopped(); }

u64 Block::features() const {
  return kSegMax | kBlkSize | kFlush | (disk_.read_only() ? kReadOnly : kConfigWce | kDiscard | kWriteZeroes);
}

std::span<const u8> Block::config() const { return {reinterpret_cast<const u8*>(&config_), sizeof config_}; }

void Block::config_written(u64 offset, std::span<const u8> data) {
  if (offset == offsetof(Config, writeback) && data.size() == 1 && negotiated(kConfigWce))
    config_.writeback = data[0] & 1;
}

// 5.2.6.2: without FLUSH the driver relies on every completed write being stable.
bool Block::write_through() const { return negotiated(kConfigWce) ? config_.writeback == 0 : !negotiated(kFlush); }

void Block::queue_notified(unsigned queue) {
  serve(queue, [this](Chain& chain) { submit(std::move(chain)); });
}

// A request that the driver no longer waits for must not touch its memory: wait for the disk, drop the results.
void Block::stopped() {
  loaded_.clear();
  config_.writeback = 1;
  if (requests_.empty()) return;
  disk_.quiesce();
  for (const RequestPtr& request : requests_) {
    note_written(memory(), request->chain.writable);  // some of it may have been
    request->owner = nullptr;
  }
  requests_.clear();
}

void Block::submit(Chain chain) {
  auto request = std::make_shared<Request>(this, std::move(chain));
  request->read_bytes = total_bytes(request->chain.readable);
  request->write_bytes = total_bytes(request->chain.writable);
  if (request->read_bytes < sizeof(Header) || request->write_bytes == 0)
    return need_reset("block request without header or status byte");
  if (requests_.size() == kQueueSize) return need_reset("more block requests in flight than the queue has entries");
  gather(request->chain.readable, 0, {reinterpret_cast<u8*>(&request->header), sizeof(Header)});
  requests_.push_back(request);
  const Operation* operation = find_operation(request->header.type);
  if (!operation) return complete(request, kUnsupported);
  if (operation->writes && disk_.read_only()) return complete(request, kIoError);
  (this->*operation->run)(request);
}

bool Block::inside(u64 sector, u64 bytes) const {
  return bytes % kSectorBytes == 0 && sector <= config_.capacity && bytes / kSectorBytes <= config_.capacity - sector;
}

void Block::read(const RequestPtr& request) {
  const u64 bytes = request->write_bytes - 1;
  if (!inside(request->header.sector, bytes)) return complete(request, kIoError);
  const auto buffers = slice<u8>(request->chain.writable, 0, bytes);
  disk_.read(request->header.sector * kSectorBytes, buffers, on_done(request, &Block::data_read));
}

void Block::data_read(const RequestPtr& request, BlockEndpoint::Status status) {
  note_written(memory(), request->chain.writable);
  if (status == BlockEndpoint::Status::ok) request->written = u32(std::min<u64>(request->write_bytes, ~u32{0}));
  ended(request, status);
}

void Block::write(const RequestPtr& request) {
  const u64 bytes = request->read_bytes - sizeof(Header);
  if (!inside(request->header.sector, bytes)) return complete(request, kIoError);
  const auto buffers = slice<const u8>(request->chain.readable, sizeof(Header), bytes);
  disk_.write(request->header.sector * kSectorBytes, buffers, on_done(request, &Block::data_written));
}

void Block::data_written(const RequestPtr& request, BlockEndpoint::Status status) {
  if (status != BlockEndpoint::Status::ok || !write_through()) return ended(request, status);
  flush(request);
}

void Block::flush(const RequestPtr& request) { disk_.flush(on_done(request, &Block::ended)); }

void Block::get_id(const RequestPtr& request) {
  std::string id = disk_.serial().substr(0, kIdBytes);
  id.resize(std::min(kIdBytes, request->write_bytes - 1));
  scatter(memory(), request->chain.writable, 0, {reinterpret_cast<const u8*>(id.data()), id.size()});
  request->written = u32(id.size() + 1);
  complete(request, kOk);
}

// 5.2.6.1: reserved flag bits, and unmap in a discard, make the request unsupported.
void Block::start_segments(const RequestPtr& request, bool zeroes) {
  const u64 bytes = request->read_bytes - sizeof(Header);
  if (bytes == 0 || bytes % sizeof(Segment) || bytes / sizeof(Segment) > kMaxSegments)
    return complete(request, kIoError);
  request->zeroes = zeroes;
  request->segments.resize(bytes / sizeof(Segment));
  gather(request->chain.readable, sizeof(Header), {reinterpret_cast<u8*>(request->segments.data()), bytes});
  for (const Segment& segment : request->segments) {
    if (segment.flags & (zeroes ? ~u32{1} : ~u32{0})) return complete(request, kUnsupported);
    if (segment.num_sectors > kMaxSegmentSectors || !inside(segment.sector, segment.num_sectors * kSectorBytes))
      return complete(request, kIoError);
  }
  next_segment(request);
}

void Block::next_segment(const RequestPtr& request) {
  const Segment& segment = request->segments[request->segment++];
  const u64 offset = segment.sector * kSectorBytes;
  const u64 bytes = segment.num_sectors * kSectorBytes;
  if (request->zeroes)
    disk_.write_zeroes(offset, bytes, segment.flags & 1, on_done(request, &Block::segment_done));
  else
    disk_.discard(offset, bytes, on_done(request, &Block::segment_done));
}

void Block::segment_done(const RequestPtr& request, BlockEndpoint::Status status) {
  if (status == BlockEndpoint::Status::ok && request->segment < request->segments.size()) return next_segment(request);
  data_written(request, status);
}

BlockEndpoint::Done Block::on_done(const RequestPtr& request,
                                   void (Block::*next)(const RequestPtr&, BlockEndpoint::Status)) {
  return [request, next](BlockEndpoint::Status status) {
    if (request->owner) (request->owner->*next)(request, status);
  };
}

void Block::ended(const RequestPtr& request, BlockEndpoint::Status status) {
  using enum BlockEndpoint::Status;
  complete(request, status == ok ? kOk : status == unsupported ? kUnsupported : kIoError);
}

void Block::complete(const RequestPtr& request, u8 status) {
  std::erase(requests_, request);
  request->owner = nullptr;
  scatter(memory(), request->chain.writable, request->write_bytes - 1, {&status, 1});
  finish(0, request->chain.head, request->written);
}

// Requests in flight are recorded by their heads: the driver may not touch their descriptors and buffers before they
// complete, so they can be read again and submitted again; doing any of them twice has the effect of once.
void Block::visit_device(StateVisitor& visitor) {
  visitor.field("writeback", config_.writeback);
  std::vector<u8> heads;
  for (const RequestPtr& request : requests_) {
    heads.push_back(u8(request->chain.head));
    heads.push_back(u8(request->chain.head >> 8));
  }
  visitor.blob("in_flight", heads, 2 * kQueueSize);
  if (!visitor.loading()) return;
  for (size_t i = 0; i + 1 < heads.size(); i += 2) loaded_.push_back(u16(heads[i] | heads[i + 1] << 8));
}

void Block::after_load() {
  for (u16 head : std::exchange(loaded_, {})) {
    Chain chain;
    if (!running()) return;
    if (queue(0).reopen(head, chain) == Queue::Result::broken) return need_reset(queue(0).fault());
    submit(std::move(chain));
  }
}

}  // namespace mimus::virtio
