// What the register transports let a driver do alike, whatever the registers' offsets: negotiate features word by word,
// select a queue, and say where it lies. Source: VIRTIO 1.2, 4.1.4.3 and 4.2.2.
#pragma once

#include <bit>

#include "hw/virtio/device.h"

namespace mimus::virtio {

struct DriverWindow {
  VirtioDevice* device = nullptr;  // not null when the functions are called
  u32 device_features_sel = 0;
  u32 driver_features_sel = 0;
  u32 queue_sel = 0;

  u32 device_features() const { return word(device->offered_features(), device_features_sel); }
  u32 driver_features() const { return word(device->driver_features(), driver_features_sel); }

  // The selected queue; null if the device has no such queue.
  Queue* selected() const { return queue_sel < device->queue_count() ? &device->queue(queue_sel) : nullptr; }
  // The same, but null while the queue is in use: its layout must not change then.
  Queue* selected_idle() const {
    Queue* queue = selected();
    return queue && !queue->layout().ready ? queue : nullptr;
  }

  void set_queue_size(u32 size) const {
    Queue* queue = selected_idle();
    if (!queue) return;
    if (!std::has_single_bit(size) || size > queue->max_size()) return device->guest_error("bad queue size");
    queue->layout().size = u16(size);
  }
  // One 32-bit half of an address of the selected queue's layout; `shift` is 0 or 32.
  template <GuestPa QueueLayout::* Field, unsigned shift>
  u32 address_half() const {
    return selected() ? u32(selected()->layout().*Field >> shift) : 0;
  }
  template <GuestPa QueueLayout::* Field, unsigned shift>
  void set_address_half(u32 value) const {
    Queue* queue = selected_idle();
    if (!queue) return;
    GuestPa& address = queue->layout().*Field;
    address = (address & ~(u64{0xffffffff} << shift)) | u64{value} << shift;
  }

  void reset() { device_features_sel = driver_features_sel = queue_sel = 0; }

 private:
  static u32 word(u64 features, u32 index) { return index < 2 ? u32(features >> (32 * index)) : 0; }
};

}  // namespace mimus::virtio
