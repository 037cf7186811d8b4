// The devices that a user adds to a "virt" board: disks, networks, consoles, entropy; on virtio-mmio slots or on PCI.
#pragma once

#include <memory>
#include <vector>

#include "hw/pci/host_bridge.h"
#include "hw/virtio/device.h"
#include "machines/acpi/firmware_tables.h"
#include "machines/virt/layout.h"
#include "machines/vm/config.h"
#include "machines/vm/vm.h"

namespace mimus::virt {

// In the order disks, networks, consoles, entropy.
std::vector<std::unique_ptr<virtio::VirtioDevice>> make_virtio_devices(Vm& vm, const MachineConfig& config);

// Fills the virtio-mmio slots; those without a device stay empty. `irq(slot)` is the slot's interrupt line.
Expected<void> add_mmio_slots(Vm& vm, const Layout& layout, std::vector<std::unique_ptr<virtio::VirtioDevice>> devices,
                              IrqSink& controller);

// Flash banks, if there is a file for the first: it is executed in place and read-only, the second one is CFI flash.
Expected<void> add_flash(Vm& vm, const Layout& layout, const MachineConfig& config);

// The firmware configuration device. Firmware in flash finds the kernel, the initrd, the command line and `tables`
// there.
Expected<void> add_fw_cfg(Vm& vm, const Layout& layout, const MachineConfig& config,
                          std::vector<acpi::FirmwareFile> tables = {});

// The PCI host bridge and everything that sits behind it, `on_pci` included.
Expected<void> add_pci(Vm& vm, const Layout& layout, const MachineConfig& config,
                       std::vector<std::unique_ptr<virtio::VirtioDevice>> on_pci, IrqSink& controller);

}  // namespace mimus::virt
