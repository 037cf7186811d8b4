#include "machines/virt/peripherals.h"

#include <fmt/format.h>

#include <algorithm>

#include "hw/block/cfi_flash.h"
#include "hw/block/nvme.h"
#include "hw/misc/fw_cfg.h"
#include "hw/virtio/block.h"
#include "hw/virtio/console.h"
#include "hw/virtio/entropy.h"
#include "hw/virtio/mmio.h"
#include "hw/virtio/net.h"
#include "hw/virtio/pci.h"
#include "machines/load/file.h"

namespace mimus::virt {
namespace {

using VirtioDevices = std::vector<std::unique_ptr<virtio::VirtioDevice>>;

Expected<void> map_windows(PhysicalMemory& memory, const Layout& layout, pci::HostBridge& bridge) {
  using Bridge = pci::HostBridge;
  const auto& pci = layout.pci;
  MIMUS_CHECK(memory.add_device("pci ecam", pci.ecam.base, pci.ecam.size, bridge, Bridge::kEcam));
  MIMUS_CHECK(memory.add_device("pci io", pci.io.base, pci.io.size, bridge, Bridge::kIoWindow));
  MIMUS_CHECK(memory.add_device("pci mmio", pci.memory32.base, pci.memory32.size, bridge, Bridge::kMemoryWindow32));
  return memory.add_device("pci mmio64", pci.memory64.base, pci.memory64.size, bridge, Bridge::kMemoryWindow64);
}

// A whole bank: what the file does not fill is erased.
Expected<Bytes> read_bank(const FlashBank& bank, u64 size) {
  MIMUS_TRY(auto contents, read_file(bank.file, "flash"));
  if (contents.size() > size)
    return usage_error(fmt::format("--flash {}: a bank of the virt board has {} MiB", bank.file, size >> 20));
  contents.resize(size, 0xff);
  return contents;
}

}  // namespace

VirtioDevices make_virtio_devices(Vm& vm, const MachineConfig& config) {
  VirtioDevices devices;
  const virtio::Wiring wiring{vm.memory(), &vm};
  for (size_t i = 0; i < config.disks.size(); i++) {
    if (config.disks[i].interface == DiskInterface::virtio)
      devices.push_back(std::make_unique<virtio::Block>(fmt::format("disk{}", i), *config.disks[i].endpoint, wiring));
  }
  for (size_t i = 0; i < config.networks.size(); i++) {
    virtio::Net::Options options;
    options.mac[5] = u8(options.mac[5] + i);
    options.mac = config.networks[i].mac.value_or(options.mac);
    devices.push_back(
        std::make_unique<virtio::Net>(fmt::format("net{}", i), *config.networks[i].endpoint, options, wiring));
  }
  for (size_t i = 0; i < config.consoles.size(); i++) {
    devices.push_back(
        std::make_unique<virtio::Console>(fmt::format("console{}", i), *config.consoles[i], std::nullopt, wiring));
  }
  if (config.entropy) devices.push_back(std::make_unique<virtio::Entropy>("entropy", *config.entropy, wiring));
  return devices;
}

Expected<void> add_mmio_slots(Vm& vm, const Layout& layout, VirtioDevices devices, IrqSink& controller) {
  if (devices.size() > layout.virtio.slots) {
    return usage_error(
        fmt::format("{} disks, networks and other virtio devices, but the virt board has {} slots; "
                    "--machine virt,virtio=pci has more",
                    devices.size(), layout.virtio.slots));
  }
  devices.resize(layout.virtio.slots);
  for (u32 slot = 0; slot < layout.virtio.slots; slot++) {
    std::string name = fmt::format("virtio{}", slot);
    auto& device = vm.add_device(
        std::make_unique<virtio::Mmio>(name, IrqLine{&controller, layout.virtio.irq + slot}, std::move(devices[slot])));
    MIMUS_CHECK(vm.memory().add_device(name, layout.virtio.base + slot * layout.virtio.stride,
                                       virtio::Mmio::kWindowBytes, device, 0));
  }
  return {};
}

Expected<void> add_flash(Vm& vm, const Layout& layout, const MachineConfig& config) {
  if (config.flash.empty()) return {};
  const auto [base, bank] = layout.flash;
  MIMUS_TRY(const auto code, read_bank(config.flash[0], bank));
  MIMUS_CHECK(vm.memory().add_rom("flash0", base, code));
  Bytes variables;
  BlockEndpoint* store = nullptr;
  if (config.flash.size() > 1) {
    MIMUS_TRY(variables, read_bank(config.flash[1], bank));
    store = config.flash[1].store;
  } else {
    variables.assign(bank, 0xff);
  }
  auto& flash = vm.add_device(std::make_unique<CfiFlash>("flash1", std::move(variables), store));
  return vm.memory().add_device("flash1", base + bank, bank, flash, 0);
}

Expected<void> add_fw_cfg(Vm& vm, const Layout& layout, const MachineConfig& config,
                          std::vector<acpi::FirmwareFile> tables) {
  auto& device = vm.add_device(std::make_unique<FwCfg>(vm.memory(), config.cpus));
  if (!config.flash.empty()) {
    auto add_data = [&](const std::string& path, std::string_view what, u16 size_key, u16 key) -> Expected<void> {
      if (path.empty()) return {};
      MIMUS_TRY(auto contents, read_file(path, what));
      device.add_number(size_key, contents.size(), 4);
      device.add(key, std::move(contents));
      return {};
    };
    MIMUS_CHECK(add_data(config.kernel, "kernel", FwCfg::kKernelSize, FwCfg::kKernelData));
    MIMUS_CHECK(add_data(config.initrd, "initrd", FwCfg::kInitrdSize, FwCfg::kInitrdData));
    const char* text = config.append.c_str();
    device.add_number(FwCfg::kCommandLineSize, config.append.size() + 1, 4);
    device.add(FwCfg::kCommandLine, Bytes(text, text + config.append.size() + 1));
    for (const acpi::FirmwareFile& file : tables)
      device.add_file(file.name, Bytes(file.contents.begin(), file.contents.end()));
  }
  return vm.memory().add_device("fw_cfg", layout.fw_cfg, FwCfg::kSize, device, 0);
}

Expected<void> add_pci(Vm& vm, const Layout& layout, const MachineConfig& config, VirtioDevices on_pci,
                       IrqSink& controller) {
  std::array<IrqLine, pci::kIntxLines> intx;
  for (u32 i = 0; i < pci::kIntxLines; i++) intx[i] = {&controller, layout.pci.irq + i};
  auto& bridge = vm.add_device(std::make_unique<pci::HostBridge>(
      vm.memory(), intx,
      std::array<u64, pci::HostBridge::kRegions>{0, 0, layout.pci.memory32.base, layout.pci.memory64.base}));
  MIMUS_CHECK(map_windows(vm.memory(), layout, bridge));
  bool fits = true;
  const auto add = [&](std::unique_ptr<pci::Function> function) {
    fits &= config.pci_ports ? bridge.add_behind_port(std::move(function)) : bridge.add(std::move(function));
  };
  for (auto& device : on_pci) {
    std::string name = device->name();
    add(std::make_unique<virtio::Pci>(name, std::move(device)));
  }
  for (size_t i = 0; i < config.disks.size(); i++) {
    if (config.disks[i].interface != DiskInterface::nvme) continue;
    add(std::make_unique<nvme::Controller>(fmt::format("nvme{}", i), *config.disks[i].endpoint, vm.memory(), &vm));
  }
  if (!fits) return usage_error(fmt::format("the PCI bus has {} slots only: too many devices", pci::kSlots));
  return {};
}

}  // namespace mimus::virt
