// An NVMe controller with one namespace of 512-byte blocks over a BlockEndpoint.
//
// Wiring: a PCI function; BAR 0 holds the controller registers and doorbells, BAR 4 the MSI-X table with one vector per
// completion queue. Requests run asynchronously and complete on the event thread under the machine lock.
// Source: NVM Express Base Specification, revision 1.4c.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/device/guest_error.h"
#include "core/endpoint/block_endpoint.h"
#include "core/memory/dma.h"
#include "hw/block/nvme_spec.h"
#include "hw/pci/function.h"

namespace mimus::nvme {

class Controller final : public pci::Function {
 public:
  static constexpr unsigned kIoQueues = 8;
  static constexpr u32 kMaxEntries = 1024;  // of an I/O queue
  static constexpr u32 kMaxAdminEntries = 4096;
  static constexpr unsigned kMaxEvents = 4;  // asynchronous event requests that may wait

  Controller(const std::string& name, BlockEndpoint& disk, PhysicalMemory& memory, GuestErrorSink* errors);
  ~Controller() override;
  void after_load() override;
  size_t in_flight() const { return requests_.size(); }

 private:
  struct SubmissionQueue {
    u32 entries = 0;  // 0: does not exist
    u64 base = 0;
    u32 head = 0, tail = 0;
    u16 cq = 0;
  };
  struct CompletionQueue {
    u32 entries = 0;
    u64 base = 0;
    u32 head = 0, tail = 0;
    u16 vector = 0;
    bool interrupts = false;
    bool phase = true;
    std::deque<Completion> waiting;  // no room in the queue yet
  };
  struct Request;
  using RequestPtr = std::shared_ptr<Request>;
  struct AdminCommand;  // rows of the command tables
  struct IoCommand;
  static constexpr unsigned kQueues = 1 + kIoQueues;

  // -- pci::Function --
  u64 bar_read(unsigned bar, u64 offset, unsigned width) override;
  void bar_write(unsigned bar, u64 offset, unsigned width, u64 value) override;
  void function_reset() override;
  void visit_function(StateVisitor& visitor) override;
  void visit_queues(StateVisitor& visitor);

  // -- registers and queues (nvme.cc) --
  u32 read_register(u32 offset) const;
  void write_register(u32 offset, u32 value);
  void write_configuration(u32 value);
  void enable();
  void disable();
  void ring_doorbell(u32 index, u32 value);
  void fetch(u16 sq);
  void submit(u16 sq, const Command& command);
  void post(u16 sq, u16 command_id, Result result, u32 value = 0);
  void drain(CompletionQueue& queue);
  void update_interrupt();
  void guest_error(std::string_view what) const;
  u64 page_bytes() const { return u64{4096} << (cc_ >> 7 & 15); }
  bool enabled() const { return csts_ & kCstsReady; }

  // -- data pointers (nvme_prp.cc) --
  Result map_prp(const Command& command, u64 bytes, bool writable, dma::Pieces& pieces) const;
  bool read_prp(u64 address, u64& entry) const;

  // -- admin commands (nvme_admin.cc) --
  struct Answer {
    Result result = Result::ok;
    u32 value = 0;
  };
  static const AdminCommand* find_admin(u8 opcode);
  void run_admin(const Command& command);
  Answer create_cq(const Command& command);
  Answer create_sq(const Command& command);
  Answer delete_cq(const Command& command);
  Answer delete_sq(const Command& command);
  Answer identify(const Command& command);
  Answer get_log_page(const Command& command);
  Answer set_features(const Command& command);
  Answer get_features(const Command& command);
  Answer abort(const Command&) { return {Result::ok, 1}; }  // 5.1: bit 0 set, the command was not aborted
  Answer send(const Command& command, std::span<const u8> data);
  std::array<u8, 4096> identify_controller() const;
  std::array<u8, 4096> identify_namespace() const;
  std::array<u8, 4096> identify_descriptors() const;
  u64 eui64() const;
  bool queue_memory_usable(u64 base, u32 entries, u64 entry_bytes) const;

  // -- I/O commands (nvme_io.cc) --
  static const IoCommand* find_io(u8 opcode);
  void run_io(const RequestPtr& request);
  void read(const RequestPtr& request);
  void write(const RequestPtr& request);
  void flush(const RequestPtr& request);
  void write_zeroes(const RequestPtr& request);
  void dataset_management(const RequestPtr& request);
  void written(const RequestPtr& request, BlockEndpoint::Status status);
  void finish(const RequestPtr& request, Result result);
  void ended(const RequestPtr& request, BlockEndpoint::Status status);
  // Both: false if the request has been finished with an error.
  bool locate(const RequestPtr& request);                   // its range of blocks
  bool map_data(const RequestPtr& request, bool writable);  // its data in guest memory
  void drop_requests();                                     // waits for the disk; results are not delivered
  void drop_queue(u16 sq);  // waits for the disk; the queue's commands complete as aborted
  BlockEndpoint::Done on_done(const RequestPtr& request,
                              void (Controller::*next)(const RequestPtr&, BlockEndpoint::Status));
  void data_read(const RequestPtr& request, BlockEndpoint::Status status);
  void range_done(const RequestPtr& request, BlockEndpoint::Status status);
  u64 sectors() const { return disk_.size_bytes() >> kSectorShift; }

  BlockEndpoint& disk_;
  PhysicalMemory& memory_;
  GuestErrorSink* errors_;
  u32 cc_ = 0, csts_ = 0, aqa_ = 0, interrupt_mask_ = 0;
  u64 asq_ = 0, acq_ = 0;
  std::array<SubmissionQueue, kQueues> sqs_;
  std::array<CompletionQueue, kQueues> cqs_;
  std::array<u32, 16> features_{};
  std::vector<u16> events_;  // ids of asynchronous event requests
  std::vector<RequestPtr> requests_;
  struct Loaded {
    u16 sq;
    u16 reserved[3];
    Command command;
  };
  std::vector<Loaded> loaded_;  // to be submitted again after a state load
};

}  // namespace mimus::nvme
