// The namespace of the AArch64 "virt" board.
// Specification: ACPI 6.4, chapters 5.6 (events), 6.1 and 6.2 (identification, configuration, _OSC), 8.4 (processors);
// PCI Firmware 3.2, 4.5 (_OSC of host bridges).
#include <fmt/format.h>

#include "hw/char/pl011.h"
#include "hw/misc/fw_cfg.h"
#include "hw/misc/pl061.h"
#include "hw/pci/host_bridge.h"
#include "machines/acpi/resources.h"
#include "machines/virt/aarch64_acpi.h"
#include "machines/virt/aarch64_memory_map.h"

namespace mimus::virt::aarch64 {
namespace {

using namespace acpi::aml;
using acpi::fixed_memory;
using acpi::level_interrupt;
using acpi::resource_template;

constexpr u32 gsi(u32 spi) { return 32 + spi; }

Code hid(std::string_view id) { return name("_HID", string(id)); }
Code uid(u64 number) { return name("_UID", integer(number)); }
Code coherent() { return name("_CCA", integer(1)); }

// A device with registers in memory and, if `irq` is a number, an interrupt.
Code resources(GuestPa base, u64 size, std::optional<u32> irq = {}) {
  const Code wire = irq ? level_interrupt(gsi(*irq)) : Code{};
  return name("_CRS", resource_template({fixed_memory(u32(base), u32(size)), wire}));
}

Code processors(const AcpiInfo& info) {
  Code code;
  for (u32 i = 0; i < info.cpus; i++) append(code, device(fmt::format("C{:03X}", i), join({hid("ACPI0007"), uid(i)})));
  return code;
}

Code virtio_slots(const Layout& map) {
  Code code;
  for (u32 i = 0; i < map.virtio.slots; i++) {
    const GuestPa base = map.virtio.base + i * map.virtio.stride;
    append(code, device(fmt::format("VR{:02}", i), join({hid("LNRO0005"), uid(i), coherent(),
                                                         resources(base, map.virtio.stride, map.virtio.irq + i)})));
  }
  return code;
}

// The wires of every slot: pin p of slot s is line s + p.
Code pci_wires(const Layout& map) {
  std::vector<Code> routes;
  for (u32 slot = 0; slot < pci::kSlots; slot++)
    for (u32 pin = 0; pin < pci::kIntxLines; pin++)
      routes.push_back(package({integer(slot << 16 | 0xffff), integer(pin), integer(0),
                                integer(gsi(map.pci.irq + pci::intx_line(slot + pin)))}));
  return name("_PRT", package(routes));
}

// The operating system controls everything of PCI Express that is there, if it can use MMCONFIG (bit 0 of its support).
// The capabilities buffer: status and query flag, support, control.
Code pci_control() {
  constexpr u64 kHotPlug = 1 << 0, kPowerEvents = 1 << 2, kErrors = 1 << 3, kCapabilities = 1 << 4;
  constexpr u64 kUnknownUuid = 1 << 2, kUnknownRevision = 1 << 3, kMasked = 1 << 4;
  const Code guid = uuid(0x33db4d5b, 0x1ff7, 0x401c, {0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66});
  const Code status = name_string("CDW1"), control = name_string("CDW3");
  const Code known = join({
      dword_field(arg(3), 8, "CDW3"),
      bit_and(control, integer(kHotPlug | kPowerEvents | kErrors | kCapabilities), local(0)),
      if_true(not_equal(arg(1), integer(1)), bit_or(status, integer(kUnknownRevision), status)),
      if_true(not_equal(local(0), control), bit_or(status, integer(kMasked), status)),
      store(local(0), control),
  });
  return method(
      "_OSC", 4,
      join({dword_field(arg(3), 0, "CDW1"),
            if_else(equal(arg(0), guid), known, bit_or(status, integer(kUnknownUuid), status)), give_back(arg(3))}));
}

Code pci_bridge(const Layout& map) {
  const auto& pci = map.pci;
  const u16 last_bus = u16(pci.ecam.size / pci::HostBridge::kEcamBytesPerBus - 1);
  const Code windows = resource_template(
      {acpi::bus_numbers(0, last_bus), acpi::memory_window(pci.memory32.base, pci.memory32.size),
       acpi::io_window(0, pci.io.size, pci.io.base), acpi::memory_window(pci.memory64.base, pci.memory64.size)});
  const Code ecam = device(
      "RES0", join({name("_HID", eisa_id("PNP0C02")),
                    name("_CRS", resource_template({acpi::memory_window(pci.ecam.base, pci.ecam.size, true)}))}));
  return device(
      "PCI0", join({name("_HID", eisa_id("PNP0A08")), name("_CID", eisa_id("PNP0A03")), uid(0),
                    name("_SEG", integer(0)), name("_BBN", integer(0)), coherent(),
                    name("_CBA", integer(pci.ecam.base)), pci_wires(map), name("_CRS", windows), pci_control(), ecam}));
}

// The power button is on a pin of the GPIO controller; a rising edge there runs the method named for the pin.
Code power_button() {
  constexpr u8 kPressed = 0x80;
  const std::string controller = "\\_SB.GPO0", event = fmt::format("_E{:02X}", kPowerButtonPin);
  const Code pin = acpi::gpio_interrupt(kPowerButtonPin, controller);
  return join({device("PWRB", join({hid("PNP0C0C"), uid(0)})),
               device("GPO0", join({hid("ARMH0061"), uid(0), resources(kGpioBase, Pl061::kSize, kGpioIrq),
                                    name("_AEI", resource_template({pin})),
                                    method(event, 0, notify("\\_SB.PWRB", kPressed))}))});
}

}  // namespace

Code make_dsdt(const AcpiInfo& info) {
  constexpr u64 kPresentButHidden = 0xb;  // _STA
  const Layout map = layout(info.memory);
  return scope("\\_SB",
               join({processors(info),
                     device("COM0", join({hid("ARMH0011"), uid(0), resources(kUartBase, Pl011::kSize, kUartIrq)})),
                     device("FWCF", join({hid("QEMU0002"), name("_STA", integer(kPresentButHidden)), coherent(),
                                          resources(kFwCfgBase, FwCfg::kSize)})),
                     virtio_slots(map), pci_bridge(map), power_button()}));
}

}  // namespace mimus::virt::aarch64
