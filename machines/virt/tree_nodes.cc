#include "machines/virt/tree_nodes.h"

#include <fmt/format.h>

#include "hw/misc/fw_cfg.h"
#include "hw/pci/host_bridge.h"

namespace mimus::virt {

std::string unit(std::string_view name, u64 address) { return fmt::format("{}@{:x}", name, address); }

void interrupt(FdtBuilder& t, const InterruptParent& parent, u32 input) {
  t.cells("interrupt-parent", {parent.phandle});
  t.cells("interrupts", parent.cells(input));
}

void chosen_node(FdtBuilder& t, const TreeInfo& info, const std::string& stdout_path) {
  auto node = t.node("chosen");
  t.string("stdout-path", stdout_path);
  t.string("bootargs", info.append);
  if (info.initrd) {
    t.pairs("linux,initrd-start", {info.initrd->start});
    t.pairs("linux,initrd-end", {info.initrd->end});
  }
  if (!info.rng_seed.empty()) t.bytes("rng-seed", info.rng_seed);
}

void memory_node(FdtBuilder& t, const Layout& layout) {
  auto memory = t.node(unit("memory", layout.ram.base));
  t.string("device_type", "memory");
  t.pairs("reg", {layout.ram.base, layout.ram.size});
}

void virtio_nodes(FdtBuilder& t, const Layout& layout, const InterruptParent& parent) {
  for (u32 slot = 0; slot < layout.virtio.slots; slot++) {
    const GuestPa base = layout.virtio.base + slot * layout.virtio.stride;
    auto virtio = t.node(unit("virtio_mmio", base));
    t.string("compatible", "virtio,mmio");
    t.pairs("reg", {base, layout.virtio.stride});
    t.empty("dma-coherent");
    interrupt(t, parent, layout.virtio.irq + slot);
  }
}

void fw_cfg_node(FdtBuilder& t, const Layout& layout) {
  auto node = t.node(unit("fw-cfg", layout.fw_cfg));
  t.string("compatible", "qemu,fw-cfg-mmio");
  t.pairs("reg", {layout.fw_cfg, FwCfg::kSize});
  t.empty("dma-coherent");
}

void flash_node(FdtBuilder& t, const Layout& layout) {
  const auto [base, bank] = layout.flash;
  auto node = t.node(unit("flash", base));
  t.string("compatible", "cfi-flash");
  t.pairs("reg", {base, bank, base + bank, bank});
  t.cells("bank-width", {4});
}

// Source: PCI Bus Binding to IEEE 1275-1994, 2.2.1.1 (phys.hi) and 12 (interrupt mapping).
void pci_node(FdtBuilder& t, const Layout& layout, const std::string& name, const InterruptParent& parent,
              std::optional<u32> msi) {
  constexpr u32 kIo = 0x01000000, kMemory32 = 0x02000000, kMemory64 = 0x03000000;
  constexpr unsigned kPins = pci::kIntxLines;
  auto high = [](u64 value) { return u32(value >> 32); };
  auto low = [](u64 value) { return u32(value); };
  const auto& pci = layout.pci;
  auto node = t.node(name);
  t.string("compatible", "pci-host-ecam-generic");
  t.string("device_type", "pci");
  t.cells("#address-cells", {3});
  t.cells("#size-cells", {2});
  t.cells("#interrupt-cells", {1});
  t.cells("linux,pci-domain", {0});
  t.cells("bus-range", {0, u32(pci.ecam.size / pci::HostBridge::kEcamBytesPerBus) - 1});
  t.empty("dma-coherent");
  t.pairs("reg", {pci.ecam.base, pci.ecam.size});
  if (msi) t.cells("msi-map", {0, *msi, 0, 0x10000});
  std::vector<u32> ranges;
  auto window = [&](u32 space, u64 bus, const Window& at) {
    ranges.insert(ranges.end(), {space, high(bus), low(bus), high(at.base), low(at.base), high(at.size), low(at.size)});
  };
  window(kIo, 0, pci.io);
  window(kMemory32, pci.memory32.base, pci.memory32);
  window(kMemory64, pci.memory64.base, pci.memory64);
  t.cells("ranges", ranges);
  std::vector<u32> wires;
  for (u32 slot = 0; slot < kPins; slot++) {
    for (u32 pin = 0; pin < kPins; pin++) {
      wires.insert(wires.end(), {slot << 11, 0, 0, pin + 1, parent.phandle});
      wires.insert(wires.end(), parent.address_cells, 0);
      const auto cells = parent.cells(pci.irq + pci::intx_line(slot + pin));
      wires.insert(wires.end(), cells.begin(), cells.end());
    }
  }
  t.cells("interrupt-map", wires);
  t.cells("interrupt-map-mask", {(kPins - 1) << 11, 0, 0, 7});
}

}  // namespace mimus::virt
