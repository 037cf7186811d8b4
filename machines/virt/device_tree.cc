#include "machines/virt/device_tree.h"

#include <algorithm>

#include "hw/char/ns16550a.h"
#include "hw/misc/test_finisher.h"
#include "hw/timer/goldfish_rtc.h"
#include "machines/virt/fdt_builder.h"
#include "machines/virt/interrupt_tree.h"
#include "machines/virt/memory_map.h"
#include "machines/virt/tree_nodes.h"

namespace mimus::virt {
namespace {

// Our firmware lies below the first 2 MiB of RAM; PMP keeps everybody else out of it.
void reserved_memory(FdtBuilder& t, const RiscvTreeInfo& info) {
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
std::vector<u32> cpus(FdtBuilder& t, const RiscvTreeInfo& info) {
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
    t.string("mmu-type", info.sv57 ? "riscv,sv57" : "riscv,sv48");
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

// Returns the phandle of the finisher.
u32 soc(FdtBuilder& t, const Layout& layout, const std::vector<u32>& harts, const RiscvTreeInfo& info) {
  auto node = t.node("soc");
  t.string("compatible", "simple-bus");
  t.cells("#address-cells", {2});
  t.cells("#size-cells", {2});
  t.empty("ranges");
  const auto [parent, messages] = add_interrupt_controllers(t, info, harts);
  const u32 finisher_handle = finisher(t);
  {
    auto uart = t.node(unit("serial", kUartBase));
    t.string("compatible", "ns16550a");
    t.pairs("reg", {kUartBase, Ns16550a::kSize});
    t.cells("clock-frequency", {u32(Ns16550a::kClockHz)});
    interrupt(t, parent, kUartIrq);
  }
  {
    auto rtc = t.node(unit("rtc", kRtcBase));
    t.string("compatible", "google,goldfish-rtc");
    t.pairs("reg", {kRtcBase, GoldfishRtc::kSize});
    interrupt(t, parent, kRtcIrq);
  }
  virtio_nodes(t, layout, parent);
  fw_cfg_node(t, layout);
  if (info.flash) flash_node(t, layout);
  pci_node(t, layout, unit("pci", kPciEcamBase), parent, messages);
  return finisher_handle;
}

}  // namespace

Expected<std::vector<u8>> make_device_tree(const RiscvTreeInfo& info) {
  const Layout layout = riscv_layout(info.memory);
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
    chosen_node(t, info, "/soc/" + unit("serial", kUartBase));
    memory_node(t, layout);
    reserved_memory(t, info);
    const u32 finisher_handle = soc(t, layout, cpus(t, info), info);
    finisher_action(t, "poweroff", "syscon-poweroff", finisher_handle, TestFinisher::kPass);
    finisher_action(t, "reboot", "syscon-reboot", finisher_handle, TestFinisher::kReset);
  }
  return t.finish();
}

}  // namespace mimus::virt
