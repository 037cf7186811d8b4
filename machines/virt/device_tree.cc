#include "machines/virt/device_tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "hw/char/ns16550a.h"
#include "hw/intc/riscv_clint.h"
#include "hw/intc/riscv_plic.h"
#include "hw/misc/fw_cfg.h"
#include "hw/misc/test_finisher.h"
#include "hw/pci/host_bridge.h"
#include "hw/timer/goldfish_rtc.h"
#include "machines/virt/fdt_builder.h"
#include "machines/virt/memory_map.h"

namespace mimus::virt {
namespace {

constexpr u32 kSei = RiscvPlic::kSei, kMei = RiscvPlic::kMei;
constexpr u32 kMsi = RiscvClint::kMsi, kMti = RiscvClint::kMti;

std::string unit(std::string_view name, u64 address) { return fmt::format("{}@{:x}", name, address); }

void chosen(FdtBuilder& t, const TreeInfo& info) {
  auto node = t.node("chosen");
  t.string("stdout-path", "/soc/" + unit("serial", kUartBase));
  t.string("bootargs", info.append);
  if (info.initrd) {
    t.pairs("linux,initrd-start", {info.initrd->start});
    t.pairs("linux,initrd-end", {info.initrd->end});
  }
  if (!info.rng_seed.empty()) t.bytes("rng-seed", info.rng_seed);
}

// Our firmware lies below the first 2 MiB of RAM; PMP keeps everybody else out of it.
void reserved_memory(FdtBuilder& t, const TreeInfo& info) {
  if (!info.own_firmware) return;
  auto node = t.node("reserved-memory");
  t.cells("#address-cells", {2});
  t.cells("#size-cells", {2});
  t.empty("ranges");
  auto firmware = t.node(unit("mmode_resv0", kRamBase));
  t.pairs("reg", {kRamBase, kFirmwareSize});
  t.empty("no-map");
}

// Returns the phandles of the harts' interrupt controllers.
std::vector<u32> cpus(FdtBuilder& t, const TreeInfo& info) {
  std::vector<u32> controllers;
  auto node = t.node("cpus");
  t.cells("#address-cells", {1});
  t.cells("#size-cells", {0});
  t.cells("timebase-frequency", {u32(kTimebaseHz)});
  auto has = [&](std::string_view name) { return std::ranges::find(info.extensions, name) != info.extensions.end(); };
  for (u32 i = 0; i < info.cpus; i++) {
    auto cpu = t.node(unit("cpu", i));
    t.string("device_type", "cpu");
    t.cells("reg", {i});
    t.string("status", "okay");
    t.string("compatible", "riscv");
    t.string("riscv,isa", info.isa);
    t.string("riscv,isa-base", "rv64i");
    t.strings("riscv,isa-extensions", info.extensions);
    t.string("mmu-type", "riscv,sv48");
    if (has("zicbom")) t.cells("riscv,cbom-block-size", {info.cache_block});
    if (has("zicbop")) t.cells("riscv,cbop-block-size", {info.cache_block});
    if (has("zicboz")) t.cells("riscv,cboz-block-size", {info.cache_block});
    auto controller = t.node("interrupt-controller");
    t.string("compatible", "riscv,cpu-intc");
    t.cells("#interrupt-cells", {1});
    t.empty("interrupt-controller");
    controllers.push_back(t.phandle());
  }
  return controllers;
}

void clint(FdtBuilder& t, const std::vector<u32>& harts) {
  auto node = t.node(unit("clint", kClintBase));
  t.strings("compatible", {"sifive,clint0", "riscv,clint0"});
  t.pairs("reg", {kClintBase, RiscvClint::kSize});
  std::vector<u32> wires;
  for (u32 hart : harts) wires.insert(wires.end(), {hart, kMsi, hart, kMti});
  t.cells("interrupts-extended", wires);
}

u32 plic(FdtBuilder& t, const std::vector<u32>& harts) {
  auto node = t.node(unit("plic", kPlicBase));
  t.strings("compatible", {"sifive,plic-1.0.0", "riscv,plic0"});
  t.pairs("reg", {kPlicBase, kPlicSize});
  t.cells("#interrupt-cells", {1});
  t.cells("#address-cells", {0});
  t.empty("interrupt-controller");
  std::vector<u32> wires;
  for (u32 hart : harts) wires.insert(wires.end(), {hart, kMei, hart, kSei});
  t.cells("interrupts-extended", wires);
  t.cells("riscv,ndev", {RiscvPlic::kSources - 1});
  return t.phandle();
}

void interrupt(FdtBuilder& t, u32 controller, u32 number) {
  t.cells("interrupt-parent", {controller});
  t.cells("interrupts", {number});
}

u32 finisher(FdtBuilder& t) {
  auto node = t.node(unit("test", kFinisherBase));
  t.strings("compatible", {"sifive,test1", "sifive,test0", "syscon"});
  t.pairs("reg", {kFinisherBase, TestFinisher::kSize});
  return t.phandle();
}

// What Linux and U-Boot write to the finisher.
void finisher_action(FdtBuilder& t, const char* name, const char* compatible, u32 finisher, u32 value) {
  auto node = t.node(name);
  t.string("compatible", compatible);
  t.cells("regmap", {finisher});
  t.cells("offset", {0});
  t.cells("value", {value});
}

// Source: PCI Bus Binding to IEEE 1275-1994, 2.2.1.1 (phys.hi) and 12 (interrupt mapping); host-generic-pci.yaml.
void pci(FdtBuilder& t, u32 controller, u64 ram) {
  constexpr u32 kIo = 0x01000000, kMemory32 = 0x02000000, kMemory64 = 0x43000000;
  constexpr unsigned kPins = pci::kIntxLines;
  auto high = [](u64 value) { return u32(value >> 32); };
  auto low = [](u64 value) { return u32(value); };
  auto node = t.node(unit("pci", kPciEcamBase));
  t.string("compatible", "pci-host-ecam-generic");
  t.string("device_type", "pci");
  t.cells("#address-cells", {3});
  t.cells("#size-cells", {2});
  t.cells("#interrupt-cells", {1});
  t.cells("linux,pci-domain", {0});
  t.cells("bus-range", {0, u32(kPciEcamSize / pci::HostBridge::kEcamBytesPerBus) - 1});
  t.empty("dma-coherent");
  t.pairs("reg", {kPciEcamBase, kPciEcamSize});
  std::vector<u32> ranges;
  auto window = [&](u32 space, u64 bus, GuestPa base, u64 size) {
    ranges.insert(ranges.end(), {space, high(bus), low(bus), high(base), low(base), high(size), low(size)});
  };
  window(kIo, 0, kPciIoBase, kPciIoSize);
  window(kMemory32, kPciMemory32Base, kPciMemory32Base, kPciMemory32Size);
  window(kMemory64, pci_memory64_base(ram), pci_memory64_base(ram), kPciMemory64Size);
  t.cells("ranges", ranges);
  std::vector<u32> wires;
  for (u32 slot = 0; slot < kPins; slot++) {
    for (u32 pin = 0; pin < kPins; pin++)
      wires.insert(wires.end(), {slot << 11, 0, 0, pin + 1, controller, kPciIrq + pci::intx_line(slot + pin)});
  }
  t.cells("interrupt-map", wires);
  t.cells("interrupt-map-mask", {(kPins - 1) << 11, 0, 0, 7});
}

void firmware_devices(FdtBuilder& t, const TreeInfo& info) {
  {
    auto node = t.node(unit("fw-cfg", kFwCfgBase));
    t.string("compatible", "qemu,fw-cfg-mmio");
    t.pairs("reg", {kFwCfgBase, FwCfg::kSize});
    t.empty("dma-coherent");
  }
  if (!info.flash) return;
  auto node = t.node(unit("flash", kFlashBase));
  t.string("compatible", "cfi-flash");
  t.pairs("reg", {kFlashBase, kFlashBankSize, kFlashBase + kFlashBankSize, kFlashBankSize});
  t.cells("bank-width", {4});
}

// Returns the phandle of the finisher.
u32 soc(FdtBuilder& t, const std::vector<u32>& harts, const TreeInfo& info) {
  auto node = t.node("soc");
  t.string("compatible", "simple-bus");
  t.cells("#address-cells", {2});
  t.cells("#size-cells", {2});
  t.empty("ranges");
  clint(t, harts);
  const u32 controller = plic(t, harts);
  const u32 finisher_handle = finisher(t);
  {
    auto uart = t.node(unit("serial", kUartBase));
    t.string("compatible", "ns16550a");
    t.pairs("reg", {kUartBase, Ns16550a::kSize});
    t.cells("clock-frequency", {u32(Ns16550a::kClockHz)});
    interrupt(t, controller, kUartIrq);
  }
  {
    auto rtc = t.node(unit("rtc", kRtcBase));
    t.string("compatible", "google,goldfish-rtc");
    t.pairs("reg", {kRtcBase, GoldfishRtc::kSize});
    interrupt(t, controller, kRtcIrq);
  }
  for (u32 slot = 0; slot < kVirtioSlots; slot++) {
    const GuestPa base = kVirtioBase + slot * kVirtioStride;
    auto virtio = t.node(unit("virtio_mmio", base));
    t.string("compatible", "virtio,mmio");
    t.pairs("reg", {base, kVirtioStride});
    interrupt(t, controller, kVirtioIrq + slot);
  }
  firmware_devices(t, info);
  pci(t, controller, info.memory);
  return finisher_handle;
}

}  // namespace

Expected<std::vector<u8>> make_device_tree(const TreeInfo& info) {
  FdtBuilder t;
  {
    auto root = t.node("");
    t.cells("#address-cells", {2});
    t.cells("#size-cells", {2});
    t.string("compatible", "riscv-virtio");
    t.string("model", "riscv-virtio,mimus");
    {
      auto aliases = t.node("aliases");
      t.string("serial0", "/soc/" + unit("serial", kUartBase));
      t.string("rtc0", "/soc/" + unit("rtc", kRtcBase));
    }
    chosen(t, info);
    {
      auto memory = t.node(unit("memory", kRamBase));
      t.string("device_type", "memory");
      t.pairs("reg", {kRamBase, info.memory});
    }
    reserved_memory(t, info);
    const u32 finisher_handle = soc(t, cpus(t, info), info);
    finisher_action(t, "poweroff", "syscon-poweroff", finisher_handle, TestFinisher::kPass);
    finisher_action(t, "reboot", "syscon-reboot", finisher_handle, TestFinisher::kReset);
  }
  return t.finish();
}

}  // namespace mimus::virt
