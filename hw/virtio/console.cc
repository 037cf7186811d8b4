#include "hw/virtio/console.h"

namespace mimus::virtio {

namespace {

constexpr u16 kQueueSizes[] = {64, 64};
enum : unsigned { kReceive, kTransmit };

// 5.3.3 Feature bits
constexpr u64 kSize = u64{1} << 0;
constexpr u64 kEmergencyWrite = u64{1} << 2;

}  // namespace

Console::Console(std::string name, CharEndpoint& port, std::optional<Size> size, Wiring wiring)
    : VirtioDevice(std::move(name), DeviceId::console, kQueueSizes, wiring), port_(port), has_size_(size.has_value()) {
  if (size) config_.columns = size->columns, config_.rows = size->rows;
  port_.attach({.room = [this] { return room(); },
                .on_input = [this](std::span<const u8> data) { input(data); },
                .on_writable = [this] { transmit(); }});
}

u64 Console::features() const { return kEmergencyWrite | (has_size_ ? kSize : 0); }

void Console::set_size(Size size) {
  config_.columns = size.columns;
  config_.rows = size.rows;
  if (has_size_) config_changed();
}

// 5.3.4.1: a character written here is output even before the device is initialised.
void Console::config_written(u64 offset, std::span<const u8> data) {
  if (offset == offsetof(Config, emergency_write)) port_.write(data.first(1));
}

void Console::queue_notified(unsigned queue) {
  if (queue == kReceive)
    port_.resume();
  else
    transmit();
}

void Console::started() { port_.resume(); }

void Console::stopped() {
  sending_ = false;
  sent_ = 0;
  chain_.clear();
}

// Bytes that the next receive buffer can take; the endpoint asks again after it has filled that.
size_t Console::room() {
  Chain chain;
  if (!running()) return 0;
  do {
    while (running() && take(kReceive, chain)) {
      if (const u64 bytes = total_bytes(chain.writable)) {
        queue(kReceive).unpop(1);
        return bytes;
      }
      finish(kReceive, chain.head, 0);
    }
  } while (running() && queue(kReceive).allow_notify());
  return 0;
}

void Console::input(std::span<const u8> data) {
  Chain chain;
  while (!data.empty() && running() && take(kReceive, chain)) {
    const size_t count = scatter(memory(), chain.writable, 0, data);
    data = data.subspan(count);
    finish(kReceive, chain.head, u32(count));
  }
}

void Console::transmit() {
  if (sending_ && !send_current()) return;
  do {
    queue(kTransmit).suppress_notify();
    while (running() && take(kTransmit, chain_)) {
      sending_ = true;
      sent_ = 0;
      if (!send_current()) return;
    }
  } while (running() && queue(kTransmit).allow_notify());
}

// True when all of chain_ was taken, and is back with the driver.
bool Console::send_current() {
  for (auto bytes : slice<const u8>(chain_.readable, sent_, ~u64{0})) {
    const size_t taken = port_.write(bytes);
    sent_ += taken;
    if (taken < bytes.size()) return false;
  }
  sending_ = false;
  finish(kTransmit, chain_.head, 0);
  return true;
}

void Console::visit_device(StateVisitor& visitor) {
  u8 sending = sending_;
  visitor.field("sending", sending);
  sending_ = sending != 0;
  visitor.field("head", chain_.head);
  visitor.field("sent", sent_);
}

void Console::after_load() {
  if (!running()) return;
  if (sending_ && queue(kTransmit).reopen(chain_.head, chain_) == Queue::Result::broken)
    return need_reset(queue(kTransmit).fault());
  port_.resume();
  transmit();
}

}  // namespace mimus::virtio
