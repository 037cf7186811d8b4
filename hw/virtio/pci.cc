#include "hw/virtio/pci.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace mimus::virtio {
namespace {

// 4.1.4: types of structures, and where they lie in BAR 4.
enum StructureType : u8 { kCommonCfg = 1, kNotifyCfg = 2, kIsrCfg = 3, kDeviceCfg = 4, kPciCfg = 5 };
constexpr unsigned kStructuresBar = 4, kMsixBar = 1;
constexpr u32 kCommon = 0x0000, kIsr = 0x1000, kDevice = 0x2000, kNotify = 0x3000, kWindowBytes = 0x4000;
constexpr u32 kNotifyMultiplier = 4;  // each queue has a doorbell of its own
constexpr u32 kPartBytes = 0x1000;

u32 class_of(DeviceId id) {
  switch (id) {
    case DeviceId::net: return 0x020000;      // Ethernet controller
    case DeviceId::block: return 0x010000;    // SCSI storage controller
    case DeviceId::console: return 0x078000;  // other communication controller
    default: return 0x00ff00;                 // unclassified
  }
}

pci::Identity identity(DeviceId id) { return {0x1af4, u16(0x1040 + u16(id)), class_of(id), 1, 0x1af4, 0x1100}; }

}  // namespace

// 4.1.4.3 Common configuration structure layout. `width` is the field's, 64-bit fields being two rows. A null function:
// reads 0, writes are ignored.
struct Pci::Register {
  u32 offset;
  unsigned width;
  u64 (*read)(Pci&);
  void (*write)(Pci&, u64);
};

template <GuestPa QueueLayout::* Field, unsigned shift>
u64 Pci::get_address(Pci& pci) {
  return pci.window_.address_half<Field, shift>();
}
template <GuestPa QueueLayout::* Field, unsigned shift>
void Pci::set_address(Pci& pci, u64 value) {
  pci.window_.set_address_half<Field, shift>(u32(value));
}

const Pci::Register* Pci::find_register(u64 offset) {
  using P = Pci;
  static constexpr Register kRegisters[] = {
      {0x00, 4, [](P& p) -> u64 { return p.window_.device_features_sel; },
       [](P& p, u64 v) { p.window_.device_features_sel = u32(v); }},
      {0x04, 4, [](P& p) -> u64 { return p.window_.device_features(); }, nullptr},
      {0x08, 4, [](P& p) -> u64 { return p.window_.driver_features_sel; },
       [](P& p, u64 v) { p.window_.driver_features_sel = u32(v); }},
      {0x0c, 4, [](P& p) -> u64 { return p.window_.driver_features(); },
       [](P& p, u64 v) { p.device_->set_driver_features(p.window_.driver_features_sel, u32(v)); }},
      {0x10, 2, [](P& p) -> u64 { return p.config_vector_; },
       [](P& p, u64 v) { p.config_vector_ = p.usable_vector(u16(v)); }},
      {0x12, 2, [](P& p) -> u64 { return p.device_->queue_count(); }, nullptr},
      {0x14, 1, [](P& p) -> u64 { return p.device_->status(); }, [](P& p, u64 v) { p.set_status(u8(v)); }},
      {0x15, 1, [](P& p) -> u64 { return u8(p.device_->config_generation()); }, nullptr},
      {0x16, 2, [](P& p) -> u64 { return p.window_.queue_sel; }, [](P& p, u64 v) { p.window_.queue_sel = u16(v); }},
      {0x18, 2, [](P& p) -> u64 { return p.window_.selected() ? p.window_.selected()->layout().size : 0; },
       [](P& p, u64 v) { p.window_.set_queue_size(u32(v)); }},
      {0x1a, 2, [](P& p) -> u64 { return p.window_.selected() ? p.queue_vectors_[p.window_.queue_sel] : kNoVector; },
       [](P& p, u64 v) {
         if (p.window_.selected()) p.queue_vectors_[p.window_.queue_sel] = p.usable_vector(u16(v));
       }},
      {0x1c, 2, [](P& p) -> u64 { return p.window_.selected() && p.window_.selected()->layout().ready; },
       [](P& p, u64 v) {  // 4.1.4.3.2: a driver must not write 0
         Queue* q = p.window_.selected_idle();
         if (q && v == 1) q->layout().ready = true;
       }},
      {0x1e, 2, [](P& p) -> u64 { return p.window_.selected() ? p.window_.queue_sel : 0; },
       nullptr},  // queue_notify_off
      {0x20, 4, get_address<&QueueLayout::desc, 0>, set_address<&QueueLayout::desc, 0>},
      {0x24, 4, get_address<&QueueLayout::desc, 32>, set_address<&QueueLayout::desc, 32>},
      {0x28, 4, get_address<&QueueLayout::driver, 0>, set_address<&QueueLayout::driver, 0>},
      {0x2c, 4, get_address<&QueueLayout::driver, 32>, set_address<&QueueLayout::driver, 32>},
      {0x30, 4, get_address<&QueueLayout::device, 0>, set_address<&QueueLayout::device, 0>},
      {0x34, 4, get_address<&QueueLayout::device, 32>, set_address<&QueueLayout::device, 32>},
  };
  const auto* found = std::ranges::lower_bound(kRegisters, offset, {}, &Register::offset);
  return found != std::end(kRegisters) && found->offset == offset ? found : nullptr;
}

Pci::Pci(const std::string& name, std::unique_ptr<VirtioDevice> device)
    : Function(name, identity(device->id())), device_(std::move(device)), window_{device_.get()} {
  device_->attach(this);
  queue_vectors_.assign(device_->queue_count(), kNoVector);
  add_bar(kStructuresBar, pci::BarKind::memory64, kWindowBytes);
  add_msix(kMsixBar, device_->queue_count() + 1);
  add_structures();
}

// 4.1.4 struct virtio_pci_cap: after the header cap_len, cfg_type, bar, id, 2 bytes, offset, length.
u32 Pci::add_structure(u8 type, u32 offset, u32 bytes, u32 capability_bytes) {
  const u32 at = config().add_capability(pci::kCapVendor, capability_bytes);
  config().set(at + 2, 1, capability_bytes);
  config().set(at + 3, 1, type);
  config().set(at + 4, 1, kStructuresBar);
  config().set(at + 8, 4, offset);
  config().set(at + 12, 4, bytes);
  return at;
}

void Pci::add_structures() {
  add_structure(kCommonCfg, kCommon, 0x38, 16);
  add_structure(kIsrCfg, kIsr, 1, 16);
  add_structure(kDeviceCfg, kDevice, kPartBytes, 16);
  const u32 notify = add_structure(kNotifyCfg, kNotify, kNotifyMultiplier * device_->queue_count(), 20);
  config().set(notify + 16, 4, kNotifyMultiplier);
  // 4.1.4.9: a window through configuration space, for software that cannot map BARs.
  access_capability_ = add_structure(kPciCfg, 0, 0, 20);
  config().set(access_capability_ + 4, 1, 0);
  config().allow_write(access_capability_ + 4, 1, 0xff);
  config().allow_write(access_capability_ + 8, 8, ~u64{0});
  config().allow_write(access_capability_ + 16, 4, 0xffffffff);
}

Pci::Window Pci::access_window() {
  const u32 at = access_capability_;
  Window window{u32(config().read(at + 4, 1)), u32(config().read(at + 8, 4)), u32(config().read(at + 12, 4))};
  const bool good = window.bar < pci::kBars && bar_bytes(window.bar) != 0 && window.offset < bar_bytes(window.bar) &&
                    (window.length == 1 || window.length == 2 || window.length == 4) &&
                    window.offset % window.length == 0;
  if (!good) window.length = 0;
  return window;
}

void Pci::config_read(u32 offset, unsigned) {
  const u32 data = access_capability_ + 16;
  if (offset < data || offset >= data + 4) return;
  const Window window = access_window();
  if (window.length) config().set(data, 4, read_bar(window.bar, window.offset, window.length));
}

void Pci::config_written(u32 offset, unsigned) {
  const u32 data = access_capability_ + 16;
  if (offset < data || offset >= data + 4) return;
  const Window window = access_window();
  if (window.length) write_bar(window.bar, window.offset, window.length, config().read(data, window.length));
}

u64 Pci::bar_read(unsigned, u64 offset, unsigned width) {
  switch (offset / kPartBytes * kPartBytes) {
    case kCommon: {
      const Register* reg = find_register(offset);
      if (width == 8 && reg && reg->width == 4) return bar_read(0, offset, 4) | bar_read(0, offset + 4, 4) << 32;
      return reg && reg->width == width && reg->read ? reg->read(*this) : 0;
    }
    case kIsr: return offset == kIsr ? take_isr() : 0;
    case kDevice: {
      std::array<u8, 8> bytes{};
      device_->read_config(offset - kDevice, std::span(bytes).first(width));
      return std::bit_cast<u64>(bytes);
    }
    default: return 0;
  }
}

void Pci::bar_write(unsigned, u64 offset, unsigned width, u64 value) {
  switch (offset / kPartBytes * kPartBytes) {
    case kCommon: {
      const Register* reg = find_register(offset);
      if (width == 8 && reg && reg->width == 4) {
        bar_write(0, offset, 4, u32(value));
        return bar_write(0, offset + 4, 4, value >> 32);
      }
      if (reg && reg->width == width && reg->write) reg->write(*this, value);
      return;
    }
    case kDevice: {
      const auto bytes = std::bit_cast<std::array<u8, 8>>(value);
      return device_->write_config(offset - kDevice, std::span(bytes).first(width));
    }
    case kNotify:
      if (bus_master()) device_->notify(unsigned((offset - kNotify) / kNotifyMultiplier));
      return;
    default: return;
  }
}

void Pci::set_status(u8 value) {
  if (value != 0) return device_->set_status(value);
  device_->reset();
  config_vector_ = kNoVector;
  std::ranges::fill(queue_vectors_, kNoVector);
  isr_ = 0;
  set_intx(false);
}

void Pci::function_reset() {
  set_status(0);
  window_.reset();
}

// 4.1.5.3, 4.1.5.4: with MSI-X the ISR status stays untouched.
void Pci::raise(u16 vector, u8 cause) {
  if (msix_enabled()) {
    if (vector != kNoVector) signal_msix(vector);
    return;
  }
  isr_ |= cause;
  set_intx(true);
}

u8 Pci::take_isr() {
  const u8 value = isr_;
  isr_ = 0;
  set_intx(false);
  return value;
}

void Pci::visit_function(StateVisitor& visitor) {
  visitor.begin("virtio-pci", 1);
  visitor.field("config_vector", config_vector_);
  for (u16& vector : queue_vectors_) {
    visitor.field("queue_vector", vector);
    if (visitor.loading() && usable_vector(vector) != vector)
      return visitor.reject("queue_vector", "no such MSI-X vector");
  }
  visitor.field("device_features_sel", window_.device_features_sel);
  visitor.field("driver_features_sel", window_.driver_features_sel);
  visitor.field("queue_sel", window_.queue_sel);
  visitor.field("isr", isr_);
  device_->visit_state(visitor);
  visitor.end();
}

}  // namespace mimus::virtio
