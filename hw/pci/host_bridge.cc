#include "hw/pci/host_bridge.h"

namespace mimus::pci {
namespace {

constexpr u64 all_ones(unsigned width) { return ~u64{0} >> (64 - 8 * width); }

class BridgeFunction final : public Function {
 public:
  // Red Hat's generic host bridge, which drivers know.
  BridgeFunction() : Function("pci bridge", {0x1b36, 0x0008, 0x060000, 0, 0x1af4, 0x1100}) {
    config().set(kInterruptPin, 1, 0);
  }

 private:
  u64 bar_read(unsigned, u64, unsigned width) override { return all_ones(width); }
  void bar_write(unsigned, u64, unsigned, u64) override {}
  void function_reset() override {}
};

}  // namespace

HostBridge::HostBridge(PhysicalMemory& memory, std::array<IrqLine, kIntxLines> intx, std::array<u64, kRegions> windows)
    : memory_(memory), intx_(intx), windows_(windows) {
  add(std::make_unique<BridgeFunction>());
}

HostBridge::~HostBridge() = default;

bool HostBridge::add(std::unique_ptr<Function> function) {
  if (slots_.size() == kSlots) return false;
  function->attach(this, unsigned(slots_.size()));
  slots_.push_back(std::move(function));
  return true;
}

bool HostBridge::add_behind_port(std::unique_ptr<Function> function) {
  auto port = std::make_unique<RootPort>("port of " + function->name(), std::move(function));
  RootPort* raw = port.get();
  if (!add(std::move(port))) return false;
  ports_.push_back(raw);
  return true;
}

// 7.2.2: bus in bits 27:20, device 19:15, function 14:12, register 11:0.
Function* HostBridge::addressed(u64 ecam_offset) {
  if (const u64 bus = ecam_offset / kEcamBytesPerBus) {
    if (ecam_offset % kEcamBytesPerBus >> 12) return nullptr;  // there is device 0 only
    for (RootPort* port : ports_)
      if (Function* found = port->behind(unsigned(bus))) return found;
    return nullptr;
  }
  const u64 slot = ecam_offset >> 15;
  if (ecam_offset & 0x7000 || slot >= slots_.size()) return nullptr;
  return slots_[slot].get();
}

void HostBridge::decode(Function& function, const RootPort* port) {
  for (unsigned bar = 0; bar < kBars; ++bar) {
    const auto base = function.bar_base(bar);
    const BarKind kind = function.bar_kind(bar);
    if (!base || (port && !port->forwards(kind, *base, function.bar_bytes(bar)))) continue;
    auto& space = kind == BarKind::io ? io_ : memory_map_;
    space.push_back({*base, function.bar_bytes(bar), &function, bar});
  }
}

void HostBridge::decode() {
  stale_ = false;
  io_.clear();
  memory_map_.clear();
  for (auto& function : slots_) decode(*function, nullptr);
  for (RootPort* port : ports_) decode(port->endpoint(), port);
}

const HostBridge::Mapping* HostBridge::find(RegionId region, u64 address, unsigned width) {
  if (stale_) decode();
  for (const Mapping& m : region == kIoWindow ? io_ : memory_map_) {
    if (address >= m.base && address - m.base < m.bytes && width <= m.bytes - (address - m.base)) return &m;
  }
  return nullptr;
}

// An access that no function answers reads as all ones (Unsupported Request).
u64 HostBridge::read(RegionId region, u64 offset, unsigned width) {
  if (region == kEcam) {
    Function* function = width <= 4 && offset % width == 0 ? addressed(offset) : nullptr;
    return function ? function->read_config(u32(offset & 0xfff), width) : all_ones(width);
  }
  const u64 address = windows_[region] + offset;
  const Mapping* found = find(region, address, width);
  return found ? found->function->read_bar(found->bar, address - found->base, width) : all_ones(width);
}

void HostBridge::write(RegionId region, u64 offset, unsigned width, u64 value) {
  if (region == kEcam) {
    Function* function = width <= 4 && offset % width == 0 ? addressed(offset) : nullptr;
    if (function) function->write_config(u32(offset & 0xfff), width, value);
    return;
  }
  const u64 address = windows_[region] + offset;
  const Mapping* found = find(region, address, width);
  if (found) found->function->write_bar(found->bar, address - found->base, width, value);
}

void HostBridge::set_intx(unsigned slot, bool level) {
  const unsigned line = intx_line(slot);
  const u32 mask = u32{1} << slot;
  asserted_[line] = level ? asserted_[line] | mask : asserted_[line] & ~mask;
  intx_[line].set(asserted_[line] != 0);
}

// A message is a write of four bytes to wherever the address leads: an interrupt controller, or RAM.
void HostBridge::send(u32 requester, u64 address, u32 data) {
  const MemoryRange* range = memory_.find(address);
  if (!range || address % 4) return;
  if (range->device && range->device != this) {
    range->device->message(range->region, address - range->base, data, requester);
  } else if (range->host) {
    memory_.write(address, {reinterpret_cast<const u8*>(&data), sizeof data});
  }
}

void HostBridge::reset(ResetKind) {
  for (auto& function : slots_) function->reset();
}

void HostBridge::visit_state(StateVisitor& visitor) {
  visitor.begin("pci", 1);
  u32 count = u32(slots_.size());
  visitor.field("slots", count);
  if (visitor.loading() && count != slots_.size()) return visitor.reject("slots", "another number of PCI functions");
  if (visitor.loading()) asserted_ = {};
  for (auto& function : slots_) function->visit_state(visitor);
  visitor.end();
}

void HostBridge::after_load() {
  for (unsigned line = 0; line < kIntxLines; ++line) intx_[line].set(asserted_[line] != 0);
  for (auto& function : slots_) function->after_load();
}

}  // namespace mimus::pci
