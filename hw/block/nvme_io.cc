// NVM commands.
// Source: NVM Express Base Specification, revision 1.4c, 6.
#include <algorithm>

#include "hw/block/nvme.h"
#include "hw/block/nvme_request.h"

namespace mimus::nvme {
namespace {

constexpr u64 kMaxTransferBytes = u64{512} << 10;  // MDTS
constexpr u32 kForceUnitAccess = 1 << 30;
constexpr u32 kDeallocate = 1 << 25;       // write zeroes
constexpr u32 kRangesDeallocate = 1 << 2;  // dataset management, CDW11

Result result_of(BlockEndpoint::Status status, bool write) {
  using enum BlockEndpoint::Status;
  switch (status) {
    case ok: return Result::ok;
    case read_only: return Result::write_to_read_only;
    case unsupported: return Result::invalid_opcode;
    case io_error:
    case no_space: break;
  }
  return write ? Result::write_fault : Result::unrecovered_read;
}

}  // namespace

struct Controller::IoCommand {
  Io opcode;
  bool writes;
  void (Controller::*run)(const RequestPtr&);
};

const Controller::IoCommand* Controller::find_io(u8 opcode) {
  static constexpr IoCommand kCommands[] = {
      {Io::flush, false, &Controller::flush},
      {Io::write, true, &Controller::write},
      {Io::read, false, &Controller::read},
      {Io::write_zeroes, true, &Controller::write_zeroes},
      {Io::dataset_management, true, &Controller::dataset_management},
  };
  const auto* found = std::ranges::find(kCommands, Io(opcode), &IoCommand::opcode);
  return found == std::end(kCommands) ? nullptr : found;
}

void Controller::run_io(const RequestPtr& request) {
  const Command& command = request->command;
  const IoCommand* row = find_io(command.opcode);
  if (!row) return finish(request, Result::invalid_opcode);
  if (command.flags & 3) return finish(request, Result::invalid_field);  // fused operations are not supported
  const bool everywhere = row->opcode == Io::flush && command.nsid == kBroadcastNamespace;
  if (command.nsid != 1 && !everywhere) return finish(request, Result::invalid_namespace);
  if (row->writes && disk_.read_only()) return finish(request, Result::write_to_read_only);
  (this->*row->run)(request);
}

bool Controller::locate(const RequestPtr& request) {
  const Command& c = request->command;
  const u64 start = u64{c.cdw11} << 32 | c.cdw10, count = (c.cdw12 & 0xffff) + 1;
  if (start > sectors() || count > sectors() - start) {
    finish(request, Result::lba_out_of_range);
    return false;
  }
  request->offset = start << kSectorShift;
  request->bytes = count << kSectorShift;
  return true;
}

bool Controller::map_data(const RequestPtr& request, bool writable) {
  Result result = Result::invalid_field;
  if (request->bytes <= kMaxTransferBytes) result = map_prp(request->command, request->bytes, writable, request->data);
  if (result == Result::ok) return true;
  finish(request, result);
  return false;
}

void Controller::read(const RequestPtr& request) {
  if (!locate(request) || !map_data(request, true)) return;
  const auto buffers = dma::slice<u8>(request->data, 0, request->bytes);
  disk_.read(request->offset, buffers, on_done(request, &Controller::data_read));
}

void Controller::data_read(const RequestPtr& request, BlockEndpoint::Status status) {
  dma::note_written(memory_, request->data);
  ended(request, status);
}

void Controller::write(const RequestPtr& request) {
  if (!locate(request) || !map_data(request, false)) return;
  const auto buffers = dma::slice<const u8>(request->data, 0, request->bytes);
  disk_.write(request->offset, buffers, on_done(request, &Controller::written));
}

// Durable before completion if the command or the feature asks for it (6.15, 5.21.1.6).
void Controller::written(const RequestPtr& request, BlockEndpoint::Status status) {
  const bool cached = features_[u32(Feature::volatile_write_cache)] & 1;
  const bool lba_command = Io(request->command.opcode) != Io::dataset_management;
  const bool through = !cached || (lba_command && (request->command.cdw12 & kForceUnitAccess));
  if (status == BlockEndpoint::Status::ok && through) return flush(request);
  ended(request, status);
}

void Controller::flush(const RequestPtr& request) { disk_.flush(on_done(request, &Controller::ended)); }

void Controller::write_zeroes(const RequestPtr& request) {
  if (!locate(request)) return;
  disk_.write_zeroes(request->offset, request->bytes, request->command.cdw12 & kDeallocate,
                     on_done(request, &Controller::written));
}

// 6.7: ranges that are hints for anything but deallocation are ignored.
void Controller::dataset_management(const RequestPtr& request) {
  const Command& c = request->command;
  const u64 bytes = ((c.cdw10 & 0xff) + 1) * sizeof(Range);
  dma::Pieces pieces;
  if (const Result mapped = map_prp(c, bytes, false, pieces); mapped != Result::ok) return finish(request, mapped);
  request->ranges.resize(bytes / sizeof(Range));
  dma::gather(pieces, 0, {reinterpret_cast<u8*>(request->ranges.data()), bytes});
  for (const Range& r : request->ranges) {
    if (r.start > sectors() || r.blocks > sectors() - r.start) return finish(request, Result::lba_out_of_range);
  }
  if (!(c.cdw11 & kRangesDeallocate)) return finish(request, Result::ok);
  range_done(request, BlockEndpoint::Status::ok);
}

void Controller::range_done(const RequestPtr& request, BlockEndpoint::Status status) {
  if (status != BlockEndpoint::Status::ok) return ended(request, status);
  while (request->next_range < request->ranges.size()) {
    const Range& r = request->ranges[request->next_range++];
    if (r.blocks == 0) continue;
    return disk_.discard(r.start << kSectorShift, u64{r.blocks} << kSectorShift,
                         on_done(request, &Controller::range_done));
  }
  written(request, status);
}

// ---- completion ----

BlockEndpoint::Done Controller::on_done(const RequestPtr& request,
                                        void (Controller::*next)(const RequestPtr&, BlockEndpoint::Status)) {
  return [request, next](BlockEndpoint::Status status) {
    if (request->owner) (request->owner->*next)(request, status);
  };
}

void Controller::ended(const RequestPtr& request, BlockEndpoint::Status status) {
  const IoCommand* row = find_io(request->command.opcode);
  finish(request, result_of(status, row->writes || row->opcode == Io::flush));
}

void Controller::finish(const RequestPtr& request, Result result) {
  std::erase(requests_, request);
  request->owner = nullptr;
  post(request->sq, request->command.id, result);
}

// Nothing touches guest memory for these requests any more, and nothing is delivered.
void Controller::drop_requests() {
  if (requests_.empty()) return;
  disk_.quiesce();
  for (const RequestPtr& request : requests_) {
    dma::note_written(memory_, request->data);  // some of it may have been
    request->owner = nullptr;
  }
  requests_.clear();
}

void Controller::drop_queue(u16 sq) {
  const auto of_queue = [sq](const RequestPtr& request) { return request->sq == sq; };
  if (std::ranges::none_of(requests_, of_queue)) return;
  disk_.quiesce();
  const auto gone = std::ranges::stable_partition(requests_, std::not_fn(of_queue));
  const std::vector<RequestPtr> dropped(gone.begin(), gone.end());
  requests_.erase(gone.begin(), gone.end());
  for (const RequestPtr& request : dropped) {
    dma::note_written(memory_, request->data);
    request->owner = nullptr;
    post(sq, request->command.id, Result::aborted_deletion);
  }
}

}  // namespace mimus::nvme
