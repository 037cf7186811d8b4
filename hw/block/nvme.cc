// Controller registers, queues, doorbells, interrupts, state.
#include "hw/block/nvme.h"

#include <algorithm>
#include <bit>

#include "hw/block/nvme_request.h"

namespace mimus::nvme {
namespace {

constexpr unsigned kRegistersBar = 0, kMsixBar = 4;
constexpr u64 kBarBytes = 0x4000;
constexpr u32 kMaxPageShift = 4;  // CC.MPS: 4 KiB << 0 .. 4

// 3.1.1 CAP: maximum queue entries, contiguous queues, ready within 7.5 s, NVM command set, page sizes.
constexpr u64 kCapabilities =
    u64{Controller::kMaxEntries - 1} | u64{1} << 16 | u64{15} << 24 | u64{1} << 37 | u64{kMaxPageShift} << 52;

constexpr u32 cc_enable(u32 cc) { return cc & 1; }
constexpr u32 cc_command_set(u32 cc) { return cc >> 4 & 7; }
constexpr u32 cc_page_shift(u32 cc) { return cc >> 7 & 15; }
constexpr u32 cc_shutdown(u32 cc) { return cc >> 14 & 3; }
constexpr u32 cc_sq_shift(u32 cc) { return cc >> 16 & 15; }
constexpr u32 cc_cq_shift(u32 cc) { return cc >> 20 & 15; }
constexpr u32 kCcReserved = 0xff00000e;
constexpr u32 kShutdownBusy = 1 << 2;

}  // namespace

Controller::Controller(const std::string& name, BlockEndpoint& disk, PhysicalMemory& memory, GuestErrorSink* errors)
    : Function(name, {0x1b36, 0x0010, 0x010802, 2, 0x1af4, 0x1100}), disk_(disk), memory_(memory), errors_(errors) {
  add_bar(kRegistersBar, pci::BarKind::memory64, kBarBytes);
  add_msix(kMsixBar, kQueues);
  disable();
}

Controller::~Controller() { drop_requests(); }

void Controller::guest_error(std::string_view what) const {
  if (errors_) errors_->guest_error(name(), what);
}

// ---- registers ----

u32 Controller::read_register(u32 offset) const {
  switch (offset) {
    case kCap: return u32(kCapabilities);
    case kCap + 4: return u32(kCapabilities >> 32);
    case kVs: return kVersion;
    case kIntms:
    case kIntmc: return interrupt_mask_;
    case kCc: return cc_;
    case kCsts: return csts_;
    case kAqa: return aqa_;
    case kAsq: return u32(asq_);
    case kAsq + 4: return u32(asq_ >> 32);
    case kAcq: return u32(acq_);
    case kAcq + 4: return u32(acq_ >> 32);
    default: return 0;
  }
}

void Controller::write_register(u32 offset, u32 value) {
  auto low = [value](u64& address) { address = (address & ~u64{0xffffffff}) | (value & ~u32{0xfff}); };
  auto high = [value](u64& address) { address = (address & 0xffffffff) | u64{value} << 32; };
  switch (offset) {
    case kIntms: interrupt_mask_ |= value; return update_interrupt();
    case kIntmc: interrupt_mask_ &= ~value; return update_interrupt();
    case kCc: return write_configuration(value);
    case kAqa: aqa_ = value & 0x0fff0fff; return;
    case kAsq: return low(asq_);
    case kAsq + 4: return high(asq_);
    case kAcq: return low(acq_);
    case kAcq + 4: return high(acq_);
    default: return;  // read-only or reserved
  }
}

u64 Controller::bar_read(unsigned, u64 offset, unsigned width) {
  if (width < 4 || offset % width) return 0;
  const u64 low = read_register(u32(offset));
  return width == 8 ? low | u64{read_register(u32(offset) + 4)} << 32 : low;
}

void Controller::bar_write(unsigned, u64 offset, unsigned width, u64 value) {
  if (width < 4 || offset % width) return;
  if (offset >= kDoorbells) return ring_doorbell(u32(offset - kDoorbells) / 4, u32(value));
  write_register(u32(offset), u32(value));
  if (width == 8) write_register(u32(offset) + 4, u32(value >> 32));
}

// 3.1.5 CC, 7.6 initialisation, 7.6.2 shutdown.
void Controller::write_configuration(u32 value) {
  const u32 old = cc_;
  cc_ = value & ~kCcReserved;
  if (cc_enable(cc_) && !cc_enable(old)) enable();
  if (!cc_enable(cc_) && cc_enable(old)) disable();
  if (!cc_shutdown(cc_)) {
    csts_ &= ~kCstsShutdownMask;
  } else if (!cc_shutdown(old)) {
    csts_ |= kShutdownBusy;
    auto request = std::make_shared<Request>();
    request->owner = this;
    requests_.push_back(request);
    disk_.flush([request](BlockEndpoint::Status) {
      if (!request->owner) return;
      u32& status = request->owner->csts_;
      status = (status & ~kCstsShutdownMask) | kCstsShutdownDone;
      std::erase(request->owner->requests_, request);
    });
  }
}

void Controller::enable() {
  const bool good = cc_command_set(cc_) == 0 && cc_page_shift(cc_) <= kMaxPageShift && (aqa_ & 0xfff) != 0 &&
                    (aqa_ >> 16) != 0 && asq_ % page_bytes() == 0 && acq_ % page_bytes() == 0 &&
                    queue_memory_usable(asq_, (aqa_ & 0xfff) + 1, sizeof(Command)) &&
                    queue_memory_usable(acq_, (aqa_ >> 16) + 1, sizeof(Completion));
  if (!good) {
    guest_error("controller enabled with an unusable configuration");
    csts_ |= kCstsFatal;
    return;
  }
  sqs_[0] = {.entries = (aqa_ & 0xfff) + 1, .base = asq_};
  cqs_[0] = {};
  cqs_[0].entries = (aqa_ >> 16) + 1;
  cqs_[0].base = acq_;
  cqs_[0].interrupts = true;
  csts_ |= kCstsReady;
}

// 7.3.2: a controller reset deletes the I/O queues; the admin queue registers stay.
void Controller::disable() {
  drop_requests();
  sqs_ = {};
  cqs_ = {};
  events_.clear();
  loaded_.clear();
  features_ = {};
  features_[u32(Feature::volatile_write_cache)] = 1;
  features_[u32(Feature::temperature_threshold)] = 0x157;  // kelvins
  csts_ = 0;
  interrupt_mask_ = 0;
  update_interrupt();
}

void Controller::function_reset() {
  cc_ = 0;
  disable();
  aqa_ = 0;
  asq_ = acq_ = 0;
}

// ---- queues ----

// 3.1.24, 3.1.25: submission queue y has doorbell 2y, completion queue y doorbell 2y + 1.
void Controller::ring_doorbell(u32 index, u32 value) {
  const u32 id = index / 2;
  if (!enabled() || !bus_master()) return;
  const bool completion = index & 1;
  const u32 entries = id >= kQueues ? 0 : completion ? cqs_[id].entries : sqs_[id].entries;
  if (value >= entries) return guest_error("doorbell of a queue that does not exist, or beyond its end");
  if (!completion) {
    sqs_[id].tail = value;
    return fetch(u16(id));
  }
  cqs_[id].head = value;
  drain(cqs_[id]);
  update_interrupt();
}

void Controller::fetch(u16 id) {
  SubmissionQueue& queue = sqs_[id];
  while (enabled() && queue.entries && queue.head != queue.tail) {
    Command command;
    const u64 at = queue.base + u64{queue.head} * sizeof command;
    if (!memory_.read(at, {reinterpret_cast<u8*>(&command), sizeof command})) {
      guest_error("a submission queue is not in RAM");
      csts_ |= kCstsFatal;
      return;
    }
    queue.head = (queue.head + 1) % queue.entries;
    submit(id, command);
  }
}

void Controller::submit(u16 sq, const Command& command) {
  if (sq == 0) return run_admin(command);
  auto request = std::make_shared<Request>();
  request->owner = this;
  request->sq = sq;
  request->command = command;
  requests_.push_back(request);
  run_io(request);
}

void Controller::post(u16 sq, u16 command_id, Result result, u32 value) {
  const u16 status = u16(u16(result) | (result == Result::ok ? 0 : kDoNotRetry));
  CompletionQueue& queue = cqs_[sqs_[sq].cq];
  queue.waiting.push_back({value, 0, u16(sqs_[sq].head), sq, command_id, u16(status << 1)});
  drain(queue);
}

void Controller::drain(CompletionQueue& queue) {
  bool posted = false;
  while (!queue.waiting.empty() && (queue.tail + 1) % queue.entries != queue.head) {
    Completion entry = queue.waiting.front();
    queue.waiting.pop_front();
    entry.status = u16(entry.status | u16(queue.phase));
    const u64 at = queue.base + u64{queue.tail} * sizeof entry;
    // The word with the phase tag last: the driver may be looking at it already.
    const u8* bytes = reinterpret_cast<const u8*>(&entry);
    const bool stored = memory_.write(at, {bytes, 12});
    std::atomic_thread_fence(std::memory_order_release);
    if (!stored || !memory_.write(at + 12, {bytes + 12, 4})) {
      guest_error("a completion queue is not in RAM");
      csts_ |= kCstsFatal;
      return;
    }
    queue.tail = (queue.tail + 1) % queue.entries;
    if (queue.tail == 0) queue.phase = !queue.phase;
    posted = true;
  }
  if (!posted || !queue.interrupts) return;
  if (msix_enabled()) return signal_msix(queue.vector);
  update_interrupt();
}

// 7.5.1: without MSI-X there is one interrupt, high while an unmasked queue has entries that were not consumed.
void Controller::update_interrupt() {
  const bool masked = interrupt_mask_ & 1;
  const bool wanted =
      std::ranges::any_of(cqs_, [](const CompletionQueue& q) { return q.interrupts && q.head != q.tail; });
  set_intx(wanted && !masked);
}

bool Controller::queue_memory_usable(u64 base, u32 entries, u64 entry_bytes) const {
  return memory_.host(base, entries * entry_bytes) != nullptr;
}

// ---- state ----

// Requests in flight are recorded as their commands and submitted again: doing any of them twice has the effect of
// once, as the driver leaves their buffers alone until they complete.
namespace {

// A list of plain structures, as bytes.
template <class List>
void visit_list(StateVisitor& visitor, std::string_view field, List& list, size_t most) {
  using Item = typename List::value_type;
  std::vector<u8> raw(list.size() * sizeof(Item));
  size_t at = 0;
  for (const Item& item : list) std::memcpy(raw.data() + sizeof(Item) * at++, &item, sizeof(Item));
  visitor.blob(field, raw, most * sizeof(Item));
  if (!visitor.loading()) return;
  list.clear();
  for (size_t i = 0; i + sizeof(Item) <= raw.size(); i += sizeof(Item)) {
    Item item;
    std::memcpy(&item, raw.data() + i, sizeof item);
    list.push_back(item);
  }
}

}  // namespace

void Controller::visit_queues(StateVisitor& visitor) {
  for (SubmissionQueue& q : sqs_) {
    visitor.index("sq.entries", q.entries, kMaxAdminEntries + 1);
    visitor.field("sq.base", q.base);
    visitor.index("sq.head", q.head, std::max(q.entries, 1u));
    visitor.index("sq.tail", q.tail, std::max(q.entries, 1u));
    visitor.index("sq.cq", q.cq, kQueues);
  }
  for (CompletionQueue& q : cqs_) {
    visitor.index("cq.entries", q.entries, kMaxAdminEntries + 1);
    visitor.field("cq.base", q.base);
    visitor.index("cq.head", q.head, std::max(q.entries, 1u));
    visitor.index("cq.tail", q.tail, std::max(q.entries, 1u));
    visitor.index("cq.vector", q.vector, kQueues);
    visitor.field("cq.interrupts", q.interrupts);
    visitor.field("cq.phase", q.phase);
    visit_list(visitor, "cq.waiting", q.waiting, size_t{kQueues} * kMaxAdminEntries);
  }
}

void Controller::visit_function(StateVisitor& visitor) {
  visitor.begin("nvme", 1);
  visitor.field("cc", cc_);
  visitor.field("csts", csts_);
  visitor.field("aqa", aqa_);
  visitor.field("interrupt_mask", interrupt_mask_);
  visitor.field("asq", asq_);
  visitor.field("acq", acq_);
  visitor.field("features", features_);
  visit_queues(visitor);
  visit_list(visitor, "events", events_, kMaxEvents);
  std::vector<Loaded> flying;
  for (const RequestPtr& request : requests_)
    if (request->sq) flying.push_back({request->sq, {}, request->command});
  visit_list(visitor, "in_flight", flying, size_t{kIoQueues} * kMaxEntries);
  visitor.end();
  if (!visitor.loading()) return;
  for (const Loaded& l : flying)
    if (l.sq == 0 || l.sq >= kQueues || !sqs_[l.sq].entries) return visitor.reject("in_flight", "of no queue");
  for (const SubmissionQueue& q : sqs_)
    if (q.entries && !cqs_[q.cq].entries) return visitor.reject("sq.cq", "no such completion queue");
  loaded_ = std::move(flying);
}

void Controller::after_load() {
  if ((csts_ & kCstsShutdownMask) == kShutdownBusy) {
    const u32 configuration = cc_;
    cc_ &= ~(3u << 14);
    write_configuration(configuration);
  }
  for (const Loaded& l : std::exchange(loaded_, {})) submit(l.sq, l.command);
}

}  // namespace mimus::nvme
