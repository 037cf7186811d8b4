#include "hw/pci/root_port.h"

namespace mimus::pci {
namespace {

// 7.5.1.3 Type 1 header.
enum Bridge : u32 {
  kPrimaryBus = 0x18,
  kSecondaryBus = 0x19,
  kIoBase = 0x1c,
  kIoLimit = 0x1d,
  kSecondaryStatus = 0x1e,
  kMemoryBase = 0x20,
  kMemoryLimit = 0x22,
  kPrefetchBase = 0x24,
  kPrefetchLimit = 0x26,
  kPrefetchBaseUpper = 0x28,
  kPrefetchLimitUpper = 0x2c,
  kIoBaseUpper = 0x30,
  kIoLimitUpper = 0x32,
  kBridgeControl = 0x3e,
};
constexpr u16 kBusReset = 1 << 6;
constexpr u32 kIo32 = 0x01, kPrefetch64 = 0x01;  // in the low bits of bases and limits: how wide they are

}  // namespace

RootPort::RootPort(std::string name, std::unique_ptr<Function> behind)
    : Function(std::move(name), {0x1b36, 0x000c, 0x060400, 0, 0, 0}), behind_(std::move(behind)) {
  ConfigSpace& c = config();
  c.set(kHeaderType, 1, 1);
  c.set(kInterruptPin, 1, 0);
  c.allow_write(kPrimaryBus, 4, 0x00ffffff);
  c.set(kIoBase, 2, kIo32 | kIo32 << 8);
  c.allow_write(kIoBase, 2, 0xf0f0);
  c.allow_write(kIoBaseUpper, 4, 0xffffffff);
  c.write_one_clears(kSecondaryStatus, 2, 0xf900);
  c.allow_write(kMemoryBase, 4, 0xfff0fff0);
  c.set(kPrefetchBase, 4, kPrefetch64 | kPrefetch64 << 16);
  c.allow_write(kPrefetchBase, 4, 0xfff0fff0);
  c.allow_write(kPrefetchBaseUpper, 8, ~u64{0});
  c.allow_write(kBridgeControl, 2, kBusReset | 3);  // parity, SERR#
  become(PortType::root);
  behind_->become(PortType::endpoint);
  behind_->attach(this, 0);
}

Function* RootPort::behind(unsigned bus) {
  const bool here = bus != 0 && field(kSecondaryBus, 1) == bus;
  return here && !(field(kBridgeControl, 2) & kBusReset) ? behind_.get() : nullptr;
}

// A window whose base is above its limit is closed.
bool RootPort::forwards(BarKind kind, u64 base, u64 bytes) const {
  const u64 command = field(kCommand, 2), last = base + bytes - 1;
  const auto inside = [&](u64 first, u64 limit) { return base >= first && last <= limit; };
  const auto part = [&](u32 offset, unsigned width, u64 mask, unsigned shift) {
    return (field(offset, width) & mask) << shift;
  };
  if (kind == BarKind::io) {
    const u64 first = part(kIoBase, 1, 0xf0, 8) | part(kIoBaseUpper, 2, 0xffff, 16);
    const u64 limit = part(kIoLimit, 1, 0xf0, 8) | part(kIoLimitUpper, 2, 0xffff, 16) | 0xfff;
    return (command & kCommandIo) && inside(first, limit);
  }
  if (!(command & kCommandMemory)) return false;
  const u64 first = part(kPrefetchBase, 2, 0xfff0, 16) | part(kPrefetchBaseUpper, 4, ~u32{0}, 32);
  const u64 limit = part(kPrefetchLimit, 2, 0xfff0, 16) | part(kPrefetchLimitUpper, 4, ~u32{0}, 32) | 0xfffff;
  return inside(first, limit) || inside(part(kMemoryBase, 2, 0xfff0, 16), part(kMemoryLimit, 2, 0xfff0, 16) | 0xfffff);
}

// 6.6.1: the function is reset as long as the bit is set, and answers again afterwards.
void RootPort::config_written(u32 offset, unsigned width) {
  const bool control = offset < kBridgeControl + 2 && kBridgeControl < offset + width;
  if (control && (field(kBridgeControl, 2) & kBusReset)) behind_->reset();
  decoding_changed();
}

// The wires of device 0 are those of the port.
void RootPort::set_intx(unsigned, bool level) {
  if (bus()) bus()->set_intx(slot(), level);
}

// What comes from below needs the port's permission, too.
void RootPort::send(u32 requester, u64 address, u32 data) {
  if (bus() && bus_master()) bus()->send(u32(field(kSecondaryBus, 1)) << 8 | requester, address, data);
}

void RootPort::decoding_changed() {
  if (bus()) bus()->decoding_changed();
}

}  // namespace mimus::pci
