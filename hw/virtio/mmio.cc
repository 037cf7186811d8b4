#include "hw/virtio/mmio.h"

#include <algorithm>
#include <array>

namespace mimus::virtio {

namespace {

constexpr u32 kMagic = 0x74726976;   // "virt"
constexpr u32 kVendor = 0x554d494d;  // "MIMU"
constexpr u64 kConfig = 0x100;

}  // namespace

// A null function: reads 0, writes are ignored. `device_` exists when they are called.
struct Mmio::Register {
  u32 offset;
  u32 (*read)(Mmio&);
  void (*write)(Mmio&, u32);
};

template <GuestPa QueueLayout::* Field, unsigned shift>
void Mmio::set_address(Mmio& mmio, u32 value) {
  mmio.window_.set_address_half<Field, shift>(value);
}

const Mmio::Register* Mmio::find_register(u64 offset) {
  using M = Mmio;
  static constexpr Register kRegisters[] = {
      {0x000, [](M&) { return kMagic; }, nullptr},                               // MagicValue
      {0x004, [](M&) { return 2u; }, nullptr},                                   // Version
      {0x008, [](M& m) { return u32(m.device_->id()); }, nullptr},               // DeviceID
      {0x00c, [](M&) { return kVendor; }, nullptr},                              // VendorID
      {0x010, [](M& m) { return m.window_.device_features(); }, nullptr},        // DeviceFeatures
      {0x014, nullptr, [](M& m, u32 v) { m.window_.device_features_sel = v; }},  // DeviceFeaturesSel
      {0x020, nullptr, [](M& m, u32 v) { m.device_->set_driver_features(m.window_.driver_features_sel, v); }},
      {0x024, nullptr, [](M& m, u32 v) { m.window_.driver_features_sel = v; }},  // DriverFeaturesSel
      {0x030, nullptr, [](M& m, u32 v) { m.window_.queue_sel = v; }},            // QueueSel
      {0x034, [](M& m) { return m.window_.selected() ? u32{m.window_.selected()->max_size()} : 0; }, nullptr},
      {0x038, nullptr, [](M& m, u32 v) { m.window_.set_queue_size(v); }},                              // QueueNum
      {0x044, [](M& m) { return u32(m.window_.selected() && m.window_.selected()->layout().ready); },  // QueueReady
       [](M& m, u32 v) { m.set_ready(v); }},
      {0x050, nullptr, [](M& m, u32 v) { m.device_->notify(v); }},  // QueueNotify
      {0x060, [](M& m) { return m.interrupt_status_; }, nullptr},   // InterruptStatus
      {0x064, nullptr,                                              // InterruptACK
       [](M& m, u32 v) {
         m.interrupt_status_ &= ~v;
         m.irq_.set(m.interrupt_status_ != 0);
       }},
      {0x070, [](M& m) { return u32{m.device_->status()}; },  // Status
       [](M& m, u32 v) {
         if (v == 0) return m.reset(ResetKind::warm);
         m.device_->set_status(u8(v));
       }},
      {0x080, nullptr, set_address<&QueueLayout::desc, 0>},     // QueueDescLow
      {0x084, nullptr, set_address<&QueueLayout::desc, 32>},    // QueueDescHigh
      {0x090, nullptr, set_address<&QueueLayout::driver, 0>},   // QueueDriverLow
      {0x094, nullptr, set_address<&QueueLayout::driver, 32>},  // QueueDriverHigh
      {0x0a0, nullptr, set_address<&QueueLayout::device, 0>},   // QueueDeviceLow
      {0x0a4, nullptr, set_address<&QueueLayout::device, 32>},  // QueueDeviceHigh
      // No shared memory regions: 4.2.2.1 asks for a length of -1.
      {0x0b0, [](M&) { return ~u32{0}; }, nullptr},                           // SHMLenLow
      {0x0b4, [](M&) { return ~u32{0}; }, nullptr},                           // SHMLenHigh
      {0x0b8, [](M&) { return ~u32{0}; }, nullptr},                           // SHMBaseLow
      {0x0bc, [](M&) { return ~u32{0}; }, nullptr},                           // SHMBaseHigh
      {0x0fc, [](M& m) { return m.device_->config_generation(); }, nullptr},  // ConfigGeneration
  };
  const auto* found = std::ranges::lower_bound(kRegisters, offset, {}, &Register::offset);
  return found != std::end(kRegisters) && found->offset == offset ? found : nullptr;
}

Mmio::Mmio(std::string name, IrqLine irq, std::unique_ptr<VirtioDevice> device)
    : name_(std::move(name)), irq_(irq), device_(std::move(device)), window_{device_.get()} {
  if (device_) device_->attach(this);
}

u64 Mmio::read(RegionId region, u64 offset, unsigned width) {
  if (!device_) return width != 4 ? 0 : offset == 0 ? kMagic : offset == 4 ? 2 : 0;
  if (offset >= kConfig) {
    std::array<u8, 8> bytes{};
    device_->read_config(offset - kConfig, std::span(bytes).first(width));
    return std::bit_cast<u64>(bytes);
  }
  const Register* reg = width == 4 ? find_register(offset) : nullptr;
  return reg && reg->read ? reg->read(*this) : 0;
}

void Mmio::write(RegionId region, u64 offset, unsigned width, u64 value) {
  if (!device_) return;
  if (offset >= kConfig) {
    const auto bytes = std::bit_cast<std::array<u8, 8>>(value);
    return device_->write_config(offset - kConfig, std::span(bytes).first(width));
  }
  const Register* reg = width == 4 ? find_register(offset) : nullptr;
  if (reg && reg->write) reg->write(*this, u32(value));
}

void Mmio::reset(ResetKind kind) {
  if (!device_) return;
  device_->reset();
  window_.reset();
  interrupt_status_ = 0;
  irq_.set(false);
}

void Mmio::raise(u32 cause) {
  interrupt_status_ |= cause;
  irq_.set(true);
}

// 4.2.2.2: a driver takes a queue out of service only by a reset (VIRTIO_F_RING_RESET is not offered), so writing 0
// changes nothing while the device runs.
void Mmio::set_ready(u32 value) {
  Queue* queue = window_.selected();
  if (!queue) return;
  if (value & 1)
    queue->layout().ready = true;
  else if (!(device_->status() & kStatusDriverOk))
    queue->layout().ready = false;
}

void Mmio::visit_state(StateVisitor& visitor) {
  visitor.begin("virtio-mmio", 1);
  u32 id = device_ ? u32(device_->id()) : 0;
  const u32 own = id;
  visitor.field("device_id", id);
  if (visitor.loading() && id != own) return visitor.reject("device_id", "another device sits in this slot");
  visitor.field("device_features_sel", window_.device_features_sel);
  visitor.field("driver_features_sel", window_.driver_features_sel);
  visitor.field("queue_sel", window_.queue_sel);
  visitor.field("interrupt_status", interrupt_status_);
  if (device_) device_->visit_state(visitor);
  visitor.end();
}

void Mmio::after_load() {
  irq_.set(interrupt_status_ != 0);
  if (device_) device_->after_load();
}

}  // namespace mimus::virtio
