#include "hw/virtio/queue.h"

#include <atomic>

namespace mimus::virtio {

static_assert(std::endian::native == std::endian::little, "rings are accessed in place");

namespace {

// 2.7.6 and 2.7.8: both rings begin with flags and idx; the entries follow.
constexpr u64 kFlags = 0;
constexpr u64 kIdx = 2;
constexpr u64 kEntries = 4;

constexpr auto kTotal = std::memory_order_seq_cst;

// 2.7.10.1: did the index pass `event` on its way from `before` to `after`?
bool passed(u16 event, u16 after, u16 before) { return u16(after - event - 1) < u16(after - before); }

}  // namespace

u16 Queue::Ring::load(u64 offset, std::memory_order order) const {
  return std::atomic_ref<u16>(*reinterpret_cast<u16*>(host + offset)).load(order);
}

void Queue::Ring::store(PhysicalMemory& memory, u64 offset, u16 value, std::memory_order order) const {
  std::atomic_ref<u16>(*reinterpret_cast<u16*>(host + offset)).store(value, order);
  memory.note_written(*range, pa + offset, sizeof value);
}

void Queue::reset() {
  layout_ = {};
  layout_.size = max_size_;
  indirect_ = event_idx_ = false;
  next_avail_ = next_used_ = published_ = 0;
  fault_ = {};
}

void Queue::set_features(u64 negotiated) {
  indirect_ = negotiated & kFeatureIndirectDesc;
  event_idx_ = negotiated & kFeatureEventIdx;
}

bool Queue::fail(std::string_view why) {
  fault_ = why;
  return false;
}

bool Queue::map(GuestPa pa, u64 bytes, u64 alignment, bool writable, Ring& ring) {
  if (!std::has_single_bit(layout_.size) || layout_.size > max_size_) return fail("queue size is not usable");
  if (pa & (alignment - 1)) return fail("ring is misaligned");
  const MemoryRange* range = memory_.find(pa);
  if (!range || !range->host || !range->contains(pa, bytes)) return fail("ring is outside RAM");
  if (writable && !range->writable) return fail("used ring is in ROM");
  ring = {range, pa, range->host + (pa - range->base)};
  return true;
}

Queue::Result Queue::pop(Chain& chain) {
  chain.clear();
  if (!fault_.empty()) return Result::broken;
  if (!layout_.ready) return Result::empty;
  Ring avail;
  if (!map_avail(avail)) return Result::broken;
  const u16 pending = u16(avail.load(kIdx, std::memory_order_acquire) - next_avail_);
  if (pending == 0) return Result::empty;
  if (pending > layout_.size) {
    fail("available index is more than the queue size ahead");
    return Result::broken;
  }
  const u16 head = avail.load(kEntries + 2 * u64{slot(next_avail_)});
  if (!collect(head, chain)) return Result::broken;
  ++next_avail_;
  return Result::chain;
}

Queue::Result Queue::reopen(u16 head, Chain& chain) {
  chain.clear();
  return collect(head, chain) ? Result::chain : Result::broken;
}

bool Queue::collect(u16 head, Chain& chain) {
  chain.head = head;
  Ring table;
  if (!map(layout_.desc, 16 * u64{layout_.size}, 16, false, table)) return false;
  return collect_table(table.host, layout_.size, head, false, chain);
}

bool Queue::collect_table(const u8* table, u32 entries, u16 index, bool indirect, Chain& chain) {
  const u32 limit = std::min<u32>(entries, kMaxChain);
  for (u32 count = 0; count < limit; ++count) {
    if (index >= entries) return fail("descriptor index is out of range");
    Descriptor descriptor;  // copied once: the driver may change it under our feet
    std::memcpy(&descriptor, table + 16 * u64{index}, sizeof descriptor);
    if (descriptor.flags & kDescIndirect) {
      if (indirect || !indirect_) return fail("indirect descriptor where none is allowed");
      return collect_indirect(descriptor, chain);
    }
    if (!add_buffer(descriptor, chain)) return false;
    if (!(descriptor.flags & kDescNext)) return true;
    index = descriptor.next;
  }
  return fail("descriptor chain loops or is too long");
}

bool Queue::collect_indirect(const Descriptor& descriptor, Chain& chain) {
  if (descriptor.flags & kDescNext) return fail("indirect descriptor with a successor");
  if (descriptor.length == 0 || descriptor.length % sizeof(Descriptor)) return fail("indirect table has a bad length");
  const u8* table = memory_.host(descriptor.address, descriptor.length);
  if (!table) return fail("indirect table is outside RAM");
  return collect_table(table, descriptor.length / sizeof(Descriptor), 0, true, chain);
}

bool Queue::add_buffer(const Descriptor& descriptor, Chain& chain) {
  const bool writable = descriptor.flags & kDescWrite;
  if (!writable && !chain.writable.empty()) return fail("readable descriptor after a writable one");
  Pieces& pieces = writable ? chain.writable : chain.readable;
  if (!resolve(memory_, descriptor.address, descriptor.length, writable, pieces))
    return fail("descriptor names memory that is not RAM");
  return true;
}

void Queue::push(u16 head, u32 written) {
  Ring used;
  if (!fault_.empty() || !map_used(used)) return;
  const u64 offset = kEntries + 8 * u64{slot(next_used_)};
  const u32 entry[2] = {head, written};
  std::memcpy(used.host + offset, entry, sizeof entry);
  memory_.note_written(*used.range, used.pa + offset, sizeof entry);
  ++next_used_;
}

bool Queue::publish() {
  Ring used, avail;
  if (!fault_.empty() || next_used_ == published_ || !map_used(used) || !map_avail(avail)) return false;
  const u16 before = published_;
  used.store(memory_, kIdx, next_used_, kTotal);
  published_ = next_used_;
  if (event_idx_) return passed(avail.load(kEntries + 2 * u64{layout_.size}, kTotal), published_, before);
  return !(avail.load(kFlags, kTotal) & kAvailNoInterrupt);
}

void Queue::suppress_notify() {
  Ring used;
  // With the event index, leaving avail_event behind suppresses notifications by itself.
  if (event_idx_ || !layout_.ready || !fault_.empty() || !map_used(used)) return;
  used.store(memory_, kFlags, kUsedNoNotify);
}

bool Queue::allow_notify() {
  Ring used, avail;
  if (!layout_.ready || !fault_.empty() || !map_used(used) || !map_avail(avail)) return false;
  if (event_idx_)
    used.store(memory_, kEntries + 8 * u64{layout_.size}, next_avail_, kTotal);
  else
    used.store(memory_, kFlags, 0, kTotal);
  return avail.load(kIdx, kTotal) != next_avail_;
}

void Queue::visit_state(StateVisitor& visitor) {
  visitor.begin("virtqueue", 1);
  u16 size = layout_.size;
  visitor.field("size", size);
  if (visitor.loading()) {
    if (size > max_size_) return visitor.reject("size", "larger than the device's queue");
    layout_.size = size;
    fault_ = {};
  }
  u8 ready = layout_.ready;
  visitor.field("ready", ready);
  layout_.ready = ready != 0;
  visitor.field("desc", layout_.desc);
  visitor.field("driver", layout_.driver);
  visitor.field("device", layout_.device);
  visitor.field("next_avail", next_avail_);
  visitor.field("used_idx", published_);
  // Entries pushed and not yet published do not exist between two calls into a device.
  if (visitor.loading()) next_used_ = published_;
  visitor.end();
}

}  // namespace mimus::virtio
