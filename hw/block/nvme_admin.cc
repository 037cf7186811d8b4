// Admin commands: queues, identification, features, logs.
// Source: NVM Express Base Specification, revision 1.4c, 5.
#include <algorithm>
#include <cstring>

#include "hw/block/nvme.h"

namespace mimus::nvme {
namespace {

constexpr u8 kMaxTransferShift = 7;  // pages of 4 KiB: 512 KiB in one command

// Fields of the data structures that identify and get_log_page return.
class Structure {
 public:
  explicit Structure(std::span<u8> bytes) : bytes_(bytes) {}
  template <class T>
  void put(size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }
  void text(size_t offset, size_t width, std::string_view value) {  // padded with spaces
    std::memset(bytes_.data() + offset, ' ', width);
    std::memcpy(bytes_.data() + offset, value.data(), std::min(width, value.size()));
  }

 private:
  std::span<u8> bytes_;
};

}  // namespace

struct Controller::AdminCommand {
  Admin opcode;
  Answer (Controller::*run)(const Command&);
};

const Controller::AdminCommand* Controller::find_admin(u8 opcode) {
  static constexpr AdminCommand kCommands[] = {
      {Admin::delete_sq, &Controller::delete_sq},
      {Admin::create_sq, &Controller::create_sq},
      {Admin::get_log_page, &Controller::get_log_page},
      {Admin::delete_cq, &Controller::delete_cq},
      {Admin::create_cq, &Controller::create_cq},
      {Admin::identify, &Controller::identify},
      {Admin::abort, &Controller::abort},
      {Admin::set_features, &Controller::set_features},
      {Admin::get_features, &Controller::get_features},
  };
  const auto* found = std::ranges::find(kCommands, Admin(opcode), &AdminCommand::opcode);
  return found == std::end(kCommands) ? nullptr : found;
}

void Controller::run_admin(const Command& command) {
  if (Admin(command.opcode) == Admin::async_event) {  // completes when something happens; nothing does
    if (events_.size() == kMaxEvents) return post(0, command.id, Result::too_many_events);
    return events_.push_back(command.id);
  }
  const AdminCommand* row = find_admin(command.opcode);
  const Answer answer = row ? (this->*row->run)(command) : Answer{Result::invalid_opcode};
  post(0, command.id, answer.result, answer.value);
}

// ---- queues: 5.3 to 5.6 ----

Controller::Answer Controller::create_cq(const Command& c) {
  const u32 id = c.cdw10 & 0xffff, entries = (c.cdw10 >> 16) + 1, vector = c.cdw11 >> 16;
  const bool contiguous = c.cdw11 & 1, interrupts = c.cdw11 & 2;
  if (id == 0 || id >= kQueues || cqs_[id].entries) return {Result::invalid_queue_id};
  if (entries < 2 || entries > kMaxEntries) return {Result::invalid_queue_size};
  if (vector >= msix_vectors()) return {Result::invalid_interrupt_vector};
  if (!contiguous || (cc_ >> 20 & 15) != 4) return {Result::invalid_field};
  if (c.prp1 % page_bytes()) return {Result::prp_offset_invalid};
  if (!queue_memory_usable(c.prp1, entries, sizeof(Completion))) return {Result::invalid_field};
  CompletionQueue queue;
  queue.entries = entries;
  queue.base = c.prp1;
  queue.vector = u16(vector);
  queue.interrupts = interrupts;
  cqs_[id] = std::move(queue);
  return {};
}

Controller::Answer Controller::create_sq(const Command& c) {
  const u32 id = c.cdw10 & 0xffff, entries = (c.cdw10 >> 16) + 1, cq = c.cdw11 >> 16;
  if (id == 0 || id >= kQueues || sqs_[id].entries) return {Result::invalid_queue_id};
  if (cq == 0 || cq >= kQueues || !cqs_[cq].entries) return {Result::completion_queue_invalid};
  if (entries < 2 || entries > kMaxEntries) return {Result::invalid_queue_size};
  if (!(c.cdw11 & 1) || (cc_ >> 16 & 15) != 6) return {Result::invalid_field};
  if (c.prp1 % page_bytes()) return {Result::prp_offset_invalid};
  if (!queue_memory_usable(c.prp1, entries, sizeof(Command))) return {Result::invalid_field};
  sqs_[id] = {.entries = entries, .base = c.prp1, .cq = u16(cq)};
  return {};
}

// 5.6: what was submitted there is waited for and completed as aborted with the queue.
Controller::Answer Controller::delete_sq(const Command& c) {
  const u32 id = c.cdw10 & 0xffff;
  if (id == 0 || id >= kQueues || !sqs_[id].entries) return {Result::invalid_queue_id};
  drop_queue(u16(id));
  sqs_[id] = {};
  return {};
}

Controller::Answer Controller::delete_cq(const Command& c) {
  const u32 id = c.cdw10 & 0xffff;
  if (id == 0 || id >= kQueues || !cqs_[id].entries) return {Result::invalid_queue_id};
  const bool used = std::ranges::any_of(sqs_, [id](const SubmissionQueue& q) { return q.entries && q.cq == id; });
  if (used) return {Result::invalid_queue_deletion};
  cqs_[id] = {};
  update_interrupt();
  return {};
}

// ---- identification: 5.15 ----

Controller::Answer Controller::send(const Command& command, std::span<const u8> data) {
  dma::Pieces pieces;
  const Result mapped = map_prp(command, data.size(), true, pieces);
  if (mapped == Result::ok) dma::scatter(memory_, pieces, 0, data);
  return {mapped};
}

// The organisation's 24 bits, then 40 that tell disks apart.
u64 Controller::eui64() const {
  u64 hash = 0xcbf29ce484222325;
  for (char c : name() + disk_.serial()) hash = (hash ^ u8(c)) * 0x100000001b3;
  return u64{0x525400} << 40 | (hash & 0xffffffffff);
}

std::array<u8, 4096> Controller::identify_controller() const {
  std::array<u8, 4096> data{};
  Structure s(data);
  s.put<u16>(0, 0x1b36);  // VID, SSVID
  s.put<u16>(2, 0x1af4);
  s.text(4, 20, disk_.serial());
  s.text(24, 40, "Mimus NVMe Disk");
  s.text(64, 8, "1.0");
  s.put<u8>(72, 6);     // RAB
  s.put<u8>(73, 0x00);  // IEEE OUI 52-54-00, least significant byte first
  s.put<u8>(74, 0x54);
  s.put<u8>(75, 0x52);
  s.put<u8>(77, kMaxTransferShift);  // MDTS
  s.put<u32>(80, kVersion);          // VER
  s.put<u8>(111, 1);                 // CNTRLTYPE: I/O controller
  s.put<u8>(258, 3);                 // ACL
  s.put<u8>(259, kMaxEvents - 1);    // AERL
  s.put<u8>(260, 3);                 // FRMW: one slot, read-only
  s.put<u16>(266, 0x157);            // WCTEMP, CCTEMP
  s.put<u16>(268, 0x175);
  s.put<u8>(512, 0x66);              // SQES
  s.put<u8>(513, 0x44);              // CQES
  s.put<u32>(516, 1);                // NN
  s.put<u16>(520, 1 << 2 | 1 << 3);  // ONCS: dataset management, write zeroes
  s.put<u8>(525, 7);                 // VWC: present; flush accepts the broadcast namespace
  const std::string nqn = "nqn.2014-08.org.nvmexpress:1b36:mimus:" + name() + ":" + disk_.serial();
  std::memcpy(data.data() + 768, nqn.data(), std::min<size_t>(nqn.size(), 223));
  s.put<u16>(2048, 2500);  // PSD0: 25 W
  return data;
}

std::array<u8, 4096> Controller::identify_namespace() const {
  std::array<u8, 4096> data{};
  Structure s(data);
  s.put<u64>(0, sectors());  // NSZE, NCAP, NUSE
  s.put<u64>(8, sectors());
  s.put<u64>(16, sectors());
  s.put<u8>(33, 1 << 3);                     // DLFEAT: write zeroes may deallocate
  s.put<u8>(99, disk_.read_only() ? 1 : 0);  // NSATTR: write protected
  s.put<u64>(120, __builtin_bswap64(eui64()));
  s.put<u8>(130, kSectorShift);  // LBAF0.LBADS
  return data;
}

std::array<u8, 4096> Controller::identify_descriptors() const {
  std::array<u8, 4096> data{};
  Structure s(data);
  s.put<u8>(0, 1);  // EUI64
  s.put<u8>(1, 8);
  s.put<u64>(4, __builtin_bswap64(eui64()));
  return data;
}

Controller::Answer Controller::identify(const Command& c) {
  std::array<u8, 4096> data{};
  switch (c.cdw10 & 0xff) {
    case 0:
      if (c.nsid != 1 && c.nsid != kBroadcastNamespace) return {Result::invalid_namespace};
      data = identify_namespace();
      break;
    case 1: data = identify_controller(); break;
    case 2:  // active namespaces above nsid
      if (c.nsid >= 0xfffffffe) return {Result::invalid_namespace};
      if (c.nsid == 0) data[0] = 1;
      break;
    case 3:
      if (c.nsid != 1) return {Result::invalid_namespace};
      data = identify_descriptors();
      break;
    default: return {Result::invalid_field};
  }
  return send(c, data);
}

// ---- logs: 5.14 ----

Controller::Answer Controller::get_log_page(const Command& c) {
  std::array<u8, 512> data{};
  Structure s(data);
  u64 size = data.size();
  switch (c.cdw10 & 0xff) {
    case 1: size = 64; break;  // error information: no errors
    case 2:                    // SMART / health
      s.put<u16>(1, 300);      // kelvins
      s.put<u8>(3, 100);       // available spare, its threshold: per cent
      s.put<u8>(4, 10);
      break;
    case 3:  // firmware slots
      s.put<u8>(0, 1);
      s.text(8, 8, "1.0");
      break;
    default: return {Result::invalid_log_page};
  }
  const u64 wanted = 4 * ((u64{c.cdw11 & 0xffff} << 16 | c.cdw10 >> 16) + 1);
  const u64 offset = u64{c.cdw13} << 32 | c.cdw12;
  if (offset % 4 || offset > size) return {Result::invalid_field};
  return send(c, std::span<const u8>(data).subspan(offset, std::min(wanted, size - offset)));
}

// ---- features: 5.21 ----

namespace {

struct FeatureRow {
  Feature id;
  u32 writable;  // bits of CDW11 that are kept
};
constexpr FeatureRow kFeatures[] = {
    {Feature::arbitration, 0xffffff07},
    {Feature::power_management, 0},
    {Feature::temperature_threshold, 0xffff},
    {Feature::error_recovery, 0x1ffff},
    {Feature::volatile_write_cache, 1},
    {Feature::number_of_queues, 0},
    {Feature::interrupt_coalescing, 0xffff},
    {Feature::interrupt_vector, 0x1ffff},
    {Feature::write_atomicity, 1},
    {Feature::async_events, 0xff},
};

const FeatureRow* find_feature(u32 id) {
  const auto* found = std::ranges::find(kFeatures, Feature(id), &FeatureRow::id);
  return found == std::end(kFeatures) ? nullptr : found;
}

}  // namespace

Controller::Answer Controller::get_features(const Command& c) {
  const u32 id = c.cdw10 & 0xff;
  const FeatureRow* row = find_feature(id);
  if (!row) return {Result::invalid_field};
  if ((c.cdw10 >> 8 & 7) == 3) return {Result::ok, row->writable ? 4u : 0u};  // supported capabilities: changeable
  if (row->id == Feature::number_of_queues) return {Result::ok, (kIoQueues - 1) << 16 | (kIoQueues - 1)};
  return {Result::ok, features_[id]};
}

Controller::Answer Controller::set_features(const Command& c) {
  const u32 id = c.cdw10 & 0xff;
  const FeatureRow* row = find_feature(id);
  if (!row) return {Result::invalid_field};
  if (c.cdw10 >> 31) return {Result::invalid_field};  // nothing can be saved
  if (row->id == Feature::number_of_queues) {
    if ((c.cdw11 & 0xffff) == 0xffff || c.cdw11 >> 16 == 0xffff) return {Result::invalid_field};
    return {Result::ok, (kIoQueues - 1) << 16 | (kIoQueues - 1)};
  }
  if (row->id == Feature::power_management && (c.cdw11 & 31)) return {Result::invalid_field};  // one power state
  features_[id] = c.cdw11 & row->writable;
  return {};
}

}  // namespace mimus::nvme
