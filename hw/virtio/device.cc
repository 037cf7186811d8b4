#include "hw/virtio/device.h"

namespace mimus::virtio {

VirtioDevice::VirtioDevice(std::string name, DeviceId id, std::span<const u16> queue_sizes, Wiring wiring)
    : name_(std::move(name)), id_(id), wiring_(wiring) {
  queues_.reserve(queue_sizes.size());
  for (u16 size : queue_sizes) queues_.emplace_back(wiring_.memory, size);
}

u64 VirtioDevice::offered_features() const {
  return features() | kFeatureVersion1 | kFeatureIndirectDesc | kFeatureEventIdx;
}

void VirtioDevice::set_driver_features(unsigned word, u32 value) {
  if (word > 1) return;
  if (status_ & kStatusFeaturesOk) return guest_error("driver features written after FEATURES_OK");
  const unsigned shift = 32 * word;
  driver_features_ = (driver_features_ & ~(u64{0xffffffff} << shift)) | u64{value} << shift;
}

// 3.1.1 step 5 and 2.2.2: a set that the device did not offer, or a driver of the legacy interface, is refused by not
// setting FEATURES_OK.
void VirtioDevice::accept_features() {
  if ((driver_features_ & ~offered_features()) || !(driver_features_ & kFeatureVersion1)) {
    guest_error("driver accepted features that were not offered, or not VIRTIO_F_VERSION_1");
    return;
  }
  status_ |= kStatusFeaturesOk;
  for (Queue& queue : queues_) queue.set_features(driver_features_);
}

void VirtioDevice::set_status(u8 value) {
  if (value == 0) return reset();
  const u8 added = value & ~status_;
  status_ |= added & (kStatusAcknowledge | kStatusDriver | kStatusFailed);
  if (added & kStatusFeaturesOk) accept_features();
  if (!(added & kStatusDriverOk)) return;
  if (!(status_ & kStatusFeaturesOk)) return guest_error("DRIVER_OK without FEATURES_OK");
  status_ |= kStatusDriverOk;
  started();
}

void VirtioDevice::reset() {
  stopped();
  for (Queue& queue : queues_) queue.reset();
  driver_features_ = 0;
  status_ = 0;
}

void VirtioDevice::read_config(u64 offset, std::span<u8> out) const {
  const std::span<const u8> all = config();
  for (size_t i = 0; i < out.size(); ++i) out[i] = offset < all.size() && i < all.size() - offset ? all[offset + i] : 0;
}

void VirtioDevice::write_config(u64 offset, std::span<const u8> data) {
  if (offset < config().size() && data.size() <= config().size() - offset) config_written(offset, data);
}

void VirtioDevice::notify(unsigned queue) {
  if (queue >= queues_.size()) return guest_error("notification of a queue that does not exist");
  if (running()) queue_notified(queue);
}

void VirtioDevice::guest_error(std::string_view what) const {
  if (wiring_.errors) wiring_.errors->guest_error(name_, what);
}

bool VirtioDevice::take(unsigned queue, Chain& chain) {
  const Queue::Result result = queues_[queue].pop(chain);
  if (result == Queue::Result::broken) need_reset(queues_[queue].fault());
  return result == Queue::Result::chain;
}

void VirtioDevice::finish(unsigned queue, u16 head, u32 written) {
  queues_[queue].push(head, written);
  publish(queue);
}

void VirtioDevice::publish(unsigned queue) {
  const bool interrupt = queues_[queue].publish();
  if (!queues_[queue].fault().empty()) return need_reset(queues_[queue].fault());
  if (interrupt && transport_) transport_->used_buffers(queue);
}

void VirtioDevice::need_reset(std::string_view why) {
  if (status_ & kStatusNeedsReset) return;
  guest_error(why);
  status_ |= kStatusNeedsReset;
  if ((status_ & kStatusDriverOk) && transport_) transport_->config_changed();
}

void VirtioDevice::config_changed() {
  ++config_generation_;
  if ((status_ & kStatusDriverOk) && transport_) transport_->config_changed();
}

void VirtioDevice::visit_state(StateVisitor& visitor) {
  if (visitor.loading()) stopped();
  visitor.begin("virtio", 1);
  visitor.field("status", status_);
  visitor.field("driver_features", driver_features_);
  visitor.field("config_generation", config_generation_);
  // Before FEATURES_OK the driver may have written anything there.
  if (visitor.loading() && (status_ & kStatusFeaturesOk) && (driver_features_ & ~offered_features()))
    return visitor.reject("driver_features", "the device does not offer all of them");
  for (Queue& queue : queues_) {
    queue.visit_state(visitor);
    if (visitor.loading()) queue.set_features(driver_features_);
  }
  visit_device(visitor);
  visitor.end();
}

}  // namespace mimus::virtio
