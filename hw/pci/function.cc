#include "hw/pci/function.h"

#include <bit>
#include <cassert>

namespace mimus::pci {
namespace {

// Offsets inside the PCI Express capability (7.5.3).
constexpr u32 kExpressCapabilities = 2;
constexpr u32 kDeviceCapabilities = 4;
constexpr u32 kDeviceControl = 8;
constexpr u32 kDeviceStatus = 10;
constexpr u32 kExpressBytes = 0x3c;
constexpr u32 kLinkCapabilities = 12, kLinkStatus = 18;
constexpr u16 kVersion2 = 2;
constexpr u32 kLink = 1 | 1 << 4;  // 2.5 GT/s, one lane; the same in capabilities and status
constexpr u32 kRoleBasedErrors = 1 << 15, kFlrCapable = 1 << 28;
constexpr u16 kInitiateFlr = 1 << 15;

constexpr u32 kMessageControl = 2;
constexpr u16 kMsixEnable = 1 << 15, kMsixMask = 1 << 14;

bool touches(u32 offset, unsigned width, u32 at, unsigned bytes) { return offset < at + bytes && at < offset + width; }

}  // namespace

Function::Function(std::string name, const Identity& identity) : name_(std::move(name)) {
  config_.set(kVendorId, 2, identity.vendor);
  config_.set(kDeviceId, 2, identity.device);
  config_.set(kRevision, 1, identity.revision);
  config_.set(kClassCode, 3, identity.class_code);
  config_.set(kSubsystemVendorId, 2, identity.subsystem_vendor);
  config_.set(kSubsystemId, 2, identity.subsystem);
  config_.set(kInterruptPin, 1, 1);  // INTA#
  config_.allow_write(
      kCommand, 2,
      kCommandIo | kCommandMemory | kCommandBusMaster | kCommandParity | kCommandSerr | kCommandIntxDisable);
  config_.allow_write(kInterruptLine, 1, 0xff);
  config_.allow_write(0x0c, 1, 0xff);  // cache line size
  config_.write_one_clears(kStatus, 2, 0xf900);
  add_express();
}

void Function::add_express() {
  express_offset_ = config_.add_capability(kCapExpress, kExpressBytes);
  become(PortType::integrated);
  config_.set(express_offset_ + kDeviceCapabilities, 4, kRoleBasedErrors | kFlrCapable);
  config_.allow_write(express_offset_ + kDeviceControl, 2, 0x7fff);
  config_.write_one_clears(express_offset_ + kDeviceStatus, 2, 0xf);
}

// Integrated endpoints have no link.
void Function::become(PortType type) {
  const bool link = type != PortType::integrated;
  config_.set(express_offset_ + kExpressCapabilities, 2, kVersion2 | u32(type) << 4);
  config_.set(express_offset_ + kLinkCapabilities, 4, link ? kLink : 0);
  config_.set(express_offset_ + kLinkStatus, 2, link ? kLink : 0);
}

void Function::add_bar(unsigned bar, BarKind kind, u64 bytes) {
  assert(std::has_single_bit(bytes) && bar < kBars);
  bars_[bar] = {kind, bytes};
  const u32 at = kBar0 + 4 * bar;
  switch (kind) {
    case BarKind::none: return;
    case BarKind::io:
      config_.set(at, 4, 1);
      config_.allow_write(at, 4, u32(~(bytes - 1)) & ~3u);
      return;
    case BarKind::memory32: config_.allow_write(at, 4, u32(~(bytes - 1)) & ~15u); return;
    case BarKind::memory64:
      config_.set(at, 4, 0xc);  // 64 bits, prefetchable
      config_.allow_write(at, 8, ~(bytes - 1) & ~u64{15});
      return;
  }
}

void Function::add_msix(unsigned bar, unsigned vectors) {
  assert(vectors && vectors <= Msix::kMaxVectors);
  msix_.emplace(vectors, [this](u64 address, u32 data) {
    if (bus_ && bus_master()) bus_->send(slot_ << 3, address, data);
  });
  msix_bar_ = bar;
  add_bar(bar, BarKind::memory32, Msix::kWindowBytes);
  msix_offset_ = config_.add_capability(kCapMsix, 12);
  config_.set(msix_offset_ + kMessageControl, 2, vectors - 1);
  config_.allow_write(msix_offset_ + kMessageControl, 2, kMsixEnable | kMsixMask);
  config_.set(msix_offset_ + 4, 4, bar);
  config_.set(msix_offset_ + 8, 4, Msix::kPendingOffset | bar);
}

void Function::attach(Bus* bus, unsigned slot) {
  bus_ = bus;
  slot_ = slot;
  config_.seal();
}

u64 Function::read_config(u32 offset, unsigned width) {
  config_read(offset, width);
  return config_.read(offset, width);
}

void Function::write_config(u32 offset, unsigned width, u64 value) {
  const u32 flr = express_offset_ + kDeviceControl;
  config_.write(offset, width, value);
  if (touches(offset, width, flr + 1, 1) && (value >> (8 * (flr + 1 - offset)) & (kInitiateFlr >> 8))) return reset();
  if (touches(offset, width, kCommand, 2) || touches(offset, width, kBar0, 4 * kBars)) {
    if (bus_) bus_->decoding_changed();
    update_intx();
  }
  if (msix_ && touches(offset, width, msix_offset_ + kMessageControl, 2)) {
    const u64 control = config_.read(msix_offset_ + kMessageControl, 2);
    msix_->set_control(control & kMsixEnable, control & kMsixMask);
    update_intx();
  }
  config_written(offset, width);
}

std::optional<u64> Function::bar_base(unsigned bar) const {
  const BarKind kind = bars_[bar].kind;
  const u16 needed = kind == BarKind::io ? kCommandIo : kCommandMemory;
  if (kind == BarKind::none || !(config_.read(kCommand, 2) & needed)) return std::nullopt;
  const u64 raw = config_.read(kBar0 + 4 * bar, kind == BarKind::memory64 ? 8 : 4);
  return raw & ~(bars_[bar].bytes - 1);
}

u64 Function::read_bar(unsigned bar, u64 offset, unsigned width) {
  return bar == msix_bar_ ? msix_->read(offset, width) : bar_read(bar, offset, width);
}

void Function::write_bar(unsigned bar, u64 offset, unsigned width, u64 value) {
  return bar == msix_bar_ ? msix_->write(offset, width, value) : bar_write(bar, offset, width, value);
}

void Function::signal_msix(unsigned vector) {
  if (msix_) msix_->signal(vector);
}

void Function::set_intx(bool level) {
  intx_ = level;
  update_intx();
}

// 6.1.1: the status bit shows the request even while the wire is disabled. A function that uses MSI-X asserts no INTx.
void Function::update_intx() {
  config_.change(kStatus, 2, kStatusInterrupt, intx_);
  const bool out = intx_ && !msix_enabled() && !(config_.read(kCommand, 2) & kCommandIntxDisable);
  if (out == intx_out_) return;
  intx_out_ = out;
  if (bus_) bus_->set_intx(slot_, out);
}

void Function::reset() {
  function_reset();
  config_.reset();
  if (msix_) msix_->reset();
  set_intx(false);
  if (bus_) bus_->decoding_changed();
}

void Function::visit_state(StateVisitor& visitor) {
  visitor.begin(name_, 1);
  config_.visit_state(visitor);
  if (msix_) msix_->visit_state(visitor);
  visitor.field("intx", intx_);
  visit_function(visitor);
  visitor.end();
  if (visitor.loading()) {
    intx_out_ = false;
    update_intx();
    if (bus_) bus_->decoding_changed();
  }
}

}  // namespace mimus::pci
