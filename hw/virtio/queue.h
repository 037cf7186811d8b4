// One split virtqueue as the device sees it. Everything the driver wrote is checked: a bad ring makes the queue
// `broken` with a reason, and the device then asks for a reset.
// Source: VIRTIO 1.2, 2.7 (split virtqueues), 2.7.10 (used buffer notification suppression), 2.7.5.3 (indirect).
//
// Memory order. The driver runs on other threads. `avail.idx` is loaded with acquire before the entries and descriptors
// it covers are read; `used.idx` is stored after the used entries and the buffers were written. Publishing `used.idx`
// and reading `used_event` are both sequentially consistent, as are publishing `avail_event` and reading `avail.idx`
// again: neither store may sink below the load, so that either side sees the other's last word.
#pragma once

#include <string_view>

#include "core/base/types.h"
#include "core/memory/physical.h"
#include "core/state/visitor.h"
#include "hw/virtio/chain.h"
#include "hw/virtio/spec.h"

namespace mimus::virtio {

// Where the driver put the queue: 4.2.2 QueueNum, QueueReady, QueueDesc, QueueDriver, QueueDevice.
struct QueueLayout {
  u16 size = 0;  // entries; a power of two
  bool ready = false;
  GuestPa desc = 0;    // 16 bytes per entry, aligned to 16
  GuestPa driver = 0;  // available ring, aligned to 2
  GuestPa device = 0;  // used ring, aligned to 4
};

class Queue {
 public:
  Queue(PhysicalMemory& memory, u16 max_size) : memory_(memory), max_size_(max_size) { reset(); }

  u16 max_size() const { return max_size_; }
  QueueLayout& layout() { return layout_; }
  const QueueLayout& layout() const { return layout_; }
  void reset();
  void set_features(u64 negotiated);

  enum class Result { chain, empty, broken };
  // Takes the next available chain. After `broken`, fault() says why.
  Result pop(Chain& chain);
  // Gives the `count` chains popped last back to the available ring.
  void unpop(u16 count) { next_avail_ = u16(next_avail_ - count); }
  // Resolves again a chain that was popped earlier and not yet pushed (after a state load).
  Result reopen(u16 head, Chain& chain);

  // Writes a used entry: `written` bytes were written to the start of the chain's writable part. The driver does not
  // see it before publish().
  void push(u16 head, u32 written);
  // Makes the pushed entries visible; true if the driver wants an interrupt for them.
  bool publish();

  // Asks the driver not to notify (a hint), or to notify again; allow_notify() returns true if chains became
  // available meanwhile, which must then be processed without waiting for a notification.
  void suppress_notify();
  bool allow_notify();

  std::string_view fault() const { return fault_; }
  void visit_state(StateVisitor& visitor);

 private:
  struct Ring {
    const MemoryRange* range;
    GuestPa pa;
    u8* host;
    u16 load(u64 offset, std::memory_order order = std::memory_order_relaxed) const;
    void store(PhysicalMemory& memory, u64 offset, u16 value,
               std::memory_order order = std::memory_order_relaxed) const;
  };
  bool map(GuestPa pa, u64 bytes, u64 alignment, bool writable, Ring& ring);
  bool map_avail(Ring& ring) { return map(layout_.driver, 6 + 2 * u64{layout_.size}, 2, false, ring); }
  bool map_used(Ring& ring) { return map(layout_.device, 6 + 8 * u64{layout_.size}, 4, true, ring); }
  bool collect(u16 head, Chain& chain);
  bool collect_table(const u8* table, u32 entries, u16 index, bool indirect, Chain& chain);
  bool collect_indirect(const Descriptor& descriptor, Chain& chain);
  bool add_buffer(const Descriptor& descriptor, Chain& chain);
  bool fail(std::string_view why);
  u16 slot(u16 index) const { return index & (layout_.size - 1); }

  PhysicalMemory& memory_;
  const u16 max_size_;
  QueueLayout layout_;
  bool indirect_ = false;
  bool event_idx_ = false;
  u16 next_avail_ = 0;  // index of the next available entry to take
  u16 next_used_ = 0;   // index of the next used entry to write
  u16 published_ = 0;   // used.idx as the driver sees it
  std::string_view fault_;
};

}  // namespace mimus::virtio
