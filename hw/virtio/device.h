// VirtioDevice: what all virtio devices share, whatever the transport. A device kind derives from it; a transport
// (mmio.h) owns it and drives the functions under "transport side".
// Source: VIRTIO 1.2, 2.1 (status), 2.2 (feature bits), 2.5 (configuration space), 3.1 (initialisation).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/types.h"
#include "core/device/guest_error.h"
#include "core/memory/physical.h"
#include "core/state/visitor.h"
#include "hw/virtio/queue.h"
#include "hw/virtio/spec.h"

namespace mimus::virtio {

class Transport {
 public:
  virtual ~Transport() = default;
  virtual void used_buffers(unsigned queue) = 0;  // used buffer notification
  virtual void config_changed() = 0;              // configuration change notification
};

// What every virtio device is constructed with.
struct Wiring {
  PhysicalMemory& memory;
  GuestErrorSink* errors = nullptr;  // may be absent
};

class VirtioDevice {
 public:
  VirtioDevice(std::string name, DeviceId id, std::span<const u16> queue_sizes, Wiring wiring);
  virtual ~VirtioDevice() = default;
  VirtioDevice(const VirtioDevice&) = delete;

  const std::string& name() const { return name_; }
  DeviceId id() const { return id_; }

  // -- transport side; machine lock held --
  void attach(Transport* transport) { transport_ = transport; }
  u64 offered_features() const;
  u64 driver_features() const { return driver_features_; }
  void set_driver_features(unsigned word, u32 value);  // word 0 or 1; others are ignored
  u8 status() const { return status_; }
  void set_status(u8 value);  // 0 resets the device
  void reset();
  u32 config_generation() const { return config_generation_; }
  void read_config(u64 offset, std::span<u8> out) const;  // bytes beyond the device's structure read 0
  void write_config(u64 offset, std::span<const u8> data);
  unsigned queue_count() const { return unsigned(queues_.size()); }
  Queue& queue(unsigned index) { return queues_[index]; }
  void notify(unsigned queue);  // available buffer notification; an index without queue is a guest error
  void guest_error(std::string_view what) const;

  void visit_state(StateVisitor& visitor);
  virtual void after_load() {}

 protected:
  virtual u64 features() const = 0;  // device-specific feature bits
  virtual std::span<const u8> config() const = 0;
  virtual void config_written(u64 offset, std::span<const u8> data) {}
  virtual void queue_notified(unsigned queue) = 0;  // only while running()
  virtual void started() {}                         // DRIVER_OK was set
  virtual void stopped() {}                         // reset: in-flight work must not touch the guest any more
  virtual void visit_device(StateVisitor& visitor) {}

  bool running() const { return (status_ & kStatusDriverOk) && !(status_ & kStatusNeedsReset); }
  bool negotiated(u64 feature) const { return driver_features_ & feature; }
  PhysicalMemory& memory() { return wiring_.memory; }

  // Takes the next chain of a queue; false when there is none. A broken ring breaks the device.
  bool take(unsigned queue, Chain& chain);
  // Writes the used entry of a chain and notifies the driver if it wants that.
  void finish(unsigned queue, u16 head, u32 written);
  void publish(unsigned queue);
  // Calls handle(chain) for every available chain until there is none.
  template <class Handle>
  void serve(unsigned queue, Handle handle) {
    do {
      queues_[queue].suppress_notify();
      while (running() && take(queue, scratch_)) handle(scratch_);
    } while (running() && queues_[queue].allow_notify());
  }

  // The driver broke the rules in a way that leaves no sensible way to go on: 2.1.2 DEVICE_NEEDS_RESET.
  void need_reset(std::string_view why);
  void config_changed();

 private:
  void accept_features();

  std::string name_;
  DeviceId id_;
  Wiring wiring_;
  Transport* transport_ = nullptr;
  std::vector<Queue> queues_;
  u64 driver_features_ = 0;
  u8 status_ = 0;
  u32 config_generation_ = 0;
  Chain scratch_;
};

}  // namespace mimus::virtio
