#include "machines/virt/aarch64_virt.h"

#include <fmt/format.h>
#include <sys/random.h>

#include "core/state/cpu.h"
#include "hw/char/pl011.h"
#include "hw/input/power_button.h"
#include "hw/intc/gicv2.h"
#include "hw/intc/gicv2m.h"
#include "hw/intc/gicv3_its.h"
#include "hw/misc/pl061.h"
#include "hw/misc/psci.h"
#include "hw/timer/pl031.h"
#include "machines/load/file.h"
#include "machines/virt/aarch64_acpi.h"
#include "machines/virt/aarch64_boot.h"
#include "machines/virt/aarch64_memory_map.h"
#include "machines/virt/peripherals.h"

namespace mimus::virt {
namespace {

using namespace aarch64;

GicVersion gic_version(const MachineConfig& config) { return config.gic.value_or(GicVersion::v3); }

class Aarch64Virt final : public Board {
 public:
  explicit Aarch64Virt(Aarch64CpuInfo cpu) : cpu_(std::move(cpu)) {}
  std::string_view name() const override { return "virt"; }
  Expected<void> build(Vm& vm, const MachineConfig& config) override;

 private:
  Expected<void> check(const MachineConfig& config) const;
  Expected<IrqSink*> add_gic(Vm& vm, const MachineConfig& config) const;
  Expected<IrqSink*> add_gicv3(Vm& vm, std::span<IrqSink* const> cpus) const;
  Expected<IrqSink*> add_gicv2(Vm& vm, std::span<IrqSink* const> cpus) const;
  Expected<void> add_devices(Vm& vm, const MachineConfig& config, IrqSink& gic) const;
  Expected<void> add_software(Vm& vm, const MachineConfig& config) const;

  Aarch64CpuInfo cpu_;
};

Expected<void> Aarch64Virt::check(const MachineConfig& config) const {
  if (config.cpus < 1 || config.cpus > kMaxCpus)
    return usage_error(fmt::format("--smp {}: the virt board has 1 to {} CPUs", config.cpus, kMaxCpus));
  if (config.memory < (16 << 20) || config.memory > kMostMemory || config.memory % kPageSize)
    return usage_error("--memory: the virt board needs 16M to 255G, in multiples of 4K");
  if (cpu_.el2 && gic_version(config) == GicVersion::v3) {
    return usage_error(
        "--machine virt,virtualization=on: the board's GICv3 has no virtual interface, which software at EL2 expects; "
        "add gic=2");
  }
  if (config.flash.size() > 2) return usage_error("--flash: the virt board has two banks");
  return {};
}

Expected<IrqSink*> Aarch64Virt::add_gicv3(Vm& vm, std::span<IrqSink* const> cpus) const {
  PhysicalMemory& memory = vm.memory();
  auto& gic = vm.add_device(std::make_unique<Gicv3>(memory, cpus));
  auto& its = vm.add_device(std::make_unique<GicIts>(gic, memory, vm.clock(), vm.events(), &vm));
  for (u32 i = 0; i < cpus.size(); i++) vm.accelerator().cpu(i).interrupt_port = &gic.cpu_port(i);
  MIMUS_CHECK(memory.add_device("gicd", kGicDistributorBase, Gicv3::kDistributorSize, gic, Gicv3::kDistributor));
  MIMUS_CHECK(memory.add_device("gicr", kRedistributorBase, Gicv3::kRedistributorSize * cpus.size(), gic,
                                Gicv3::kRedistributors));
  MIMUS_CHECK(memory.add_device("its", kItsBase, GicIts::kFrameSize, its, GicIts::kControl));
  MIMUS_CHECK(
      memory.add_device("its messages", kItsBase + GicIts::kFrameSize, GicIts::kFrameSize, its, GicIts::kTranslation));
  return &gic;
}

Expected<IrqSink*> Aarch64Virt::add_gicv2(Vm& vm, std::span<IrqSink* const> cpus) const {
  PhysicalMemory& memory = vm.memory();
  auto& gic = vm.add_device(std::make_unique<Gicv2>(cpus));
  auto& messages = vm.add_device(std::make_unique<Gicv2m>(gic, kMessageIrq, kMessageIrqs));
  for (u32 i = 0; i < cpus.size(); i++) vm.accelerator().cpu(i).interrupt_port = &gic.cpu_port(i);
  MIMUS_CHECK(memory.add_device("gicd", kGicDistributorBase, Gicv2::kDistributorSize, gic, Gicv2::kDistributor));
  MIMUS_CHECK(memory.add_device("gicc", kGicCpuInterfaceBase, Gicv2::kCpuInterfaceSize, gic, Gicv2::kCpuInterface));
  MIMUS_CHECK(memory.add_device("gicv2m", kGicMessageBase, Gicv2m::kSize, messages, 0));
  return &gic;
}

Expected<IrqSink*> Aarch64Virt::add_gic(Vm& vm, const MachineConfig& config) const {
  std::vector<IrqSink*> cpus;
  for (u32 i = 0; i < config.cpus; i++) cpus.push_back(&vm.accelerator().irq_sink(i));
  return gic_version(config) == GicVersion::v3 ? add_gicv3(vm, cpus) : add_gicv2(vm, cpus);
}

Expected<void> Aarch64Virt::add_devices(Vm& vm, const MachineConfig& config, IrqSink& gic) const {
  PhysicalMemory& memory = vm.memory();
  auto& psci = vm.add_device(std::make_unique<Psci>(config.cpus, vm, memory, vm.accelerator().cpu_power()));
  for (u32 i = 0; i < config.cpus; i++) vm.accelerator().cpu(i).firmware_port = &psci;
  auto& uart = vm.add_device(std::make_unique<Pl011>(vm.clock(), vm.events(), IrqLine{&gic, kUartIrq}, config.serial));
  auto& rtc = vm.add_device(std::make_unique<Pl031>(vm.clock(), vm.events(), IrqLine{&gic, kRtcIrq}));
  auto& gpio = vm.add_device(std::make_unique<Pl061>(IrqLine{&gic, kGpioIrq}));
  auto& button = vm.add_device(std::make_unique<PowerButton>(vm.clock(), vm.events(), IrqLine{&gpio, kPowerButtonPin}));
  vm.on_power_button([&button] { button.press(); });
  MIMUS_CHECK(memory.add_device("uart", kUartBase, Pl011::kSize, uart, 0));
  MIMUS_CHECK(memory.add_device("rtc", kRtcBase, Pl031::kSize, rtc, 0));
  MIMUS_CHECK(memory.add_device("gpio", kGpioBase, Pl061::kSize, gpio, 0));
  const Layout map = layout(config.memory);
  MIMUS_CHECK(add_flash(vm, map, config));
  const AcpiInfo acpi{config.cpus, config.memory, gic_version(config), cpu_.pmu,
                      cpu_.psci == Aarch64CpuInfo::Psci::hvc};
  MIMUS_CHECK(add_fw_cfg(vm, map, config, config.acpi ? make_acpi_tables(acpi) : std::vector<acpi::FirmwareFile>{}));
  auto devices = make_virtio_devices(vm, config);
  decltype(devices) none;
  const bool on_pci = config.virtio == VirtioBus::pci;
  MIMUS_CHECK(add_mmio_slots(vm, map, std::move(on_pci ? none : devices), gic));
  return add_pci(vm, map, config, std::move(on_pci ? devices : none), gic);
}

Expected<void> Aarch64Virt::add_software(Vm& vm, const MachineConfig& config) const {
  Aarch64TreeInfo tree;
  tree.cpus = config.cpus;
  tree.memory = config.memory;
  tree.append = config.append;
  tree.flash = !config.flash.empty();
  tree.cpu = cpu_.compatible;
  tree.pmu = cpu_.pmu;
  constexpr const char* kMethods[] = {"hvc", "smc", ""};
  tree.psci = kMethods[unsigned(cpu_.psci)];
  tree.gic = gic_version(config);
  tree.rng_seed.resize(32);
  if (getrandom(tree.rng_seed.data(), tree.rng_seed.size(), 0) < 0) tree.rng_seed.clear();
  MIMUS_TRY(auto image, make_boot_image(config, std::move(tree)));
  if (!image.rom.empty()) MIMUS_CHECK(vm.memory().add_rom("reset vector", kFlashBase, image.rom));
  for (PayloadPart& part : image.parts) vm.add_image(part.address, std::move(part.bytes));
  return {};
}

// --firmware is the first bank of flash: code that starts at the reset vector.
Expected<void> Aarch64Virt::build(Vm& vm, const MachineConfig& given) {
  MachineConfig config = given;
  if (!config.firmware.empty() && config.firmware != "none") {
    if (!config.flash.empty())
      return usage_error("--firmware and --flash: both are what starts at address 0; name one of them");
    config.flash.push_back({config.firmware});
  }
  MIMUS_CHECK(check(config));
  MIMUS_CHECK(vm.memory().add_ram("ram", kRamBase, config.memory));
  MIMUS_TRY(IrqSink * gic, add_gic(vm, config));
  MIMUS_CHECK(add_devices(vm, config, *gic));
  return add_software(vm, config);
}

}  // namespace

std::unique_ptr<Board> make_aarch64_virt(Aarch64CpuInfo cpu) { return std::make_unique<Aarch64Virt>(std::move(cpu)); }

}  // namespace mimus::virt
