#include "machines/virt/aarch64_device_tree.h"

#include "hw/char/pl011.h"
#include "hw/intc/gicv2.h"
#include "hw/intc/gicv2m.h"
#include "hw/intc/gicv3_its.h"
#include "hw/misc/pl061.h"
#include "hw/timer/pl031.h"
#include "machines/virt/aarch64_memory_map.h"
#include "machines/virt/tree_nodes.h"

namespace mimus::virt::aarch64 {
namespace {

constexpr u32 kSpi = 0, kPpi = 1;  // first cell of an interrupt
constexpr u32 kLevelHigh = 4;      // third cell
constexpr u32 kPowerKey = 116;     // KEY_POWER of Linux

std::vector<u32> spi(u32 number) { return {kSpi, number, kLevelHigh}; }

// GICv2 wants to know which CPUs a private interrupt is connected to.
std::vector<u32> ppis(const Aarch64TreeInfo& info, std::initializer_list<u32> numbers) {
  const u32 mask = info.gic == GicVersion::v2 ? ((1u << info.cpus) - 1) << 8 : 0;
  std::vector<u32> cells;
  for (u32 number : numbers) cells.insert(cells.end(), {kPpi, number, kLevelHigh | mask});
  return cells;
}

void psci(FdtBuilder& t, const std::string& method) {
  if (method.empty()) return;
  auto node = t.node("psci");
  t.strings("compatible", {"arm,psci-1.0", "arm,psci-0.2", "arm,psci"});
  t.string("method", method);
  t.cells("cpu_suspend", {0xc4000001});
  t.cells("cpu_off", {0x84000002});
  t.cells("cpu_on", {0xc4000003});
  t.cells("migrate", {0xc4000005});
}

void cpus(FdtBuilder& t, const Aarch64TreeInfo& info) {
  auto node = t.node("cpus");
  t.cells("#address-cells", {1});
  t.cells("#size-cells", {0});
  for (u32 i = 0; i < info.cpus; i++) {
    auto cpu = t.node(unit("cpu", i));
    t.string("device_type", "cpu");
    t.cells("reg", {i});
    t.string("compatible", info.cpu);
    if (!info.psci.empty()) t.string("enable-method", "psci");
  }
}

void timers(FdtBuilder& t, const Aarch64TreeInfo& info) {
  {
    auto node = t.node("timer");
    t.strings("compatible", {"arm,armv8-timer", "arm,armv7-timer"});
    t.empty("always-on");
    t.cells("interrupts", ppis(info, {kSecureTimerPpi, kTimerPpi, kVirtualTimerPpi, kHypervisorTimerPpi}));
  }
  if (!info.pmu) return;
  auto node = t.node("pmu");
  t.string("compatible", "arm,armv8-pmuv3");
  t.cells("interrupts", ppis(info, {kPmuPpi}));
}

struct Controllers {
  InterruptParent interrupts;
  u32 messages;  // phandle
};

void controller_cells(FdtBuilder& t) {
  t.cells("#interrupt-cells", {3});
  t.empty("interrupt-controller");
  t.cells("#address-cells", {2});
  t.cells("#size-cells", {2});
  t.empty("ranges");
}

Controllers gicv3(FdtBuilder& t, const Aarch64TreeInfo& info, u32 phandle) {
  auto node = t.node(unit("intc", kGicDistributorBase));
  t.string("compatible", "arm,gic-v3");
  controller_cells(t);
  t.cells("#redistributor-regions", {1});
  t.pairs("reg",
          {kGicDistributorBase, Gicv3::kDistributorSize, kRedistributorBase, Gicv3::kRedistributorSize * info.cpus});
  t.cells("phandle", {phandle});
  auto its = t.node(unit("its", kItsBase));
  t.string("compatible", "arm,gic-v3-its");
  t.empty("msi-controller");
  t.cells("#msi-cells", {1});
  t.pairs("reg", {kItsBase, 2 * GicIts::kFrameSize});
  return {{phandle, 2, spi}, t.phandle()};
}

Controllers gicv2(FdtBuilder& t, u32 phandle) {
  auto node = t.node(unit("intc", kGicDistributorBase));
  t.string("compatible", "arm,cortex-a15-gic");
  controller_cells(t);
  t.pairs("reg", {kGicDistributorBase, Gicv2::kDistributorSize, kGicCpuInterfaceBase, Gicv2::kCpuInterfaceSize});
  t.cells("phandle", {phandle});
  auto frame = t.node(unit("v2m", kGicMessageBase));
  t.string("compatible", "arm,gic-v2m-frame");
  t.empty("msi-controller");
  t.pairs("reg", {kGicMessageBase, Gicv2m::kSize});
  return {{phandle, 2, spi}, t.phandle()};
}

u32 peripheral_clock(FdtBuilder& t) {
  auto node = t.node("apb-pclk");
  t.string("compatible", "fixed-clock");
  t.cells("#clock-cells", {0});
  t.cells("clock-frequency", {u32(Pl011::kClockHz)});
  t.string("clock-output-names", "clk24mhz");
  return t.phandle();
}

// What all PrimeCell nodes have. `clock_names`: its clocks, all of them the board's one.
void primecell(FdtBuilder& t, const char* compatible, Window at, u32 irq, u32 clock,
               const std::vector<std::string>& clock_names) {
  t.strings("compatible", {compatible, "arm,primecell"});
  t.pairs("reg", {at.base, at.size});
  t.cells("interrupts", spi(irq));
  t.cells("clocks", std::vector<u32>(clock_names.size(), clock));
  t.strings("clock-names", clock_names);
}

void primecells(FdtBuilder& t, u32 clock) {
  {
    auto uart = t.node(unit("pl011", kUartBase));
    primecell(t, "arm,pl011", {kUartBase, Pl011::kSize}, kUartIrq, clock, {"uartclk", "apb_pclk"});
  }
  {
    auto rtc = t.node(unit("pl031", kRtcBase));
    primecell(t, "arm,pl031", {kRtcBase, Pl031::kSize}, kRtcIrq, clock, {"apb_pclk"});
  }
  u32 gpio = 0;
  {
    auto node = t.node(unit("pl061", kGpioBase));
    primecell(t, "arm,pl061", {kGpioBase, Pl061::kSize}, kGpioIrq, clock, {"apb_pclk"});
    t.cells("#gpio-cells", {2});
    t.empty("gpio-controller");
    t.cells("#address-cells", {0});
    t.cells("#interrupt-cells", {2});
    t.empty("interrupt-controller");
    gpio = t.phandle();
  }
  auto keys = t.node("gpio-keys");
  t.string("compatible", "gpio-keys");
  auto button = t.node("poweroff");
  t.string("label", "GPIO Key Poweroff");
  t.cells("linux,code", {kPowerKey});
  t.cells("gpios", {gpio, kPowerButtonPin, 0});
}

}  // namespace

Expected<std::vector<u8>> make_device_tree(const Aarch64TreeInfo& info) {
  const Layout map = layout(info.memory);
  FdtBuilder t;
  {
    const u32 gic_phandle = t.reserve_phandle();
    auto root = t.node("");
    t.cells("interrupt-parent", {gic_phandle});
    t.cells("#address-cells", {2});
    t.cells("#size-cells", {2});
    t.string("compatible", "linux,dummy-virt");
    t.string("model", "linux,dummy-virt");
    t.empty("dma-coherent");
    {
      auto aliases = t.node("aliases");
      t.string("serial0", "/" + unit("pl011", kUartBase));
      t.string("rtc0", "/" + unit("pl031", kRtcBase));
    }
    chosen_node(t, info, "/" + unit("pl011", kUartBase));
    memory_node(t, map);
    psci(t, info.psci);
    cpus(t, info);
    timers(t, info);
    const Controllers gic = info.gic == GicVersion::v3 ? gicv3(t, info, gic_phandle) : gicv2(t, gic_phandle);
    primecells(t, peripheral_clock(t));
    virtio_nodes(t, map, gic.interrupts);
    fw_cfg_node(t, map);
    if (info.flash) flash_node(t, map);
    pci_node(t, map, unit("pcie", kPciMemory32Base), gic.interrupts, gic.messages);
  }
  return t.finish();
}

}  // namespace mimus::virt::aarch64
