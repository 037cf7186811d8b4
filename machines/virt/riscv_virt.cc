#include "machines/virt/riscv_virt.h"

#include <fmt/format.h>
#include <sys/random.h>

#include "hw/char/ns16550a.h"
#include "hw/intc/riscv_clint.h"
#include "hw/intc/riscv_plic.h"
#include "hw/misc/test_finisher.h"
#include "hw/timer/goldfish_rtc.h"
#include "hw/virtio/block.h"
#include "hw/virtio/console.h"
#include "hw/virtio/entropy.h"
#include "hw/virtio/mmio.h"
#include "hw/virtio/net.h"
#include "machines/virt/boot.h"
#include "machines/virt/memory_map.h"

namespace mimus::virt {
namespace {

class RiscvVirt final : public Board {
 public:
  explicit RiscvVirt(RiscvCpuInfo cpu) : cpu_(std::move(cpu)) {}
  std::string_view name() const override { return "virt"; }
  Expected<void> build(Vm& vm, const MachineConfig& config) override;

 private:
  Expected<void> check(const MachineConfig& config) const;
  Expected<void> add_devices(Vm& vm, const MachineConfig& config) const;
  Expected<void> add_virtio(Vm& vm, const MachineConfig& config, IrqSink& plic) const;
  Expected<void> add_software(Vm& vm, const MachineConfig& config) const;

  RiscvCpuInfo cpu_;
};

Expected<void> RiscvVirt::check(const MachineConfig& config) const {
  if (config.cpus < 1 || config.cpus > kMaxCpus)
    return usage_error(fmt::format("--smp {}: the virt board has 1 to {} harts", config.cpus, kMaxCpus));
  if (config.memory < (16 << 20) || config.memory % kPageSize)
    return usage_error("--memory: the virt board needs at least 16M, in multiples of 4K");
  return {};
}

Expected<void> RiscvVirt::add_devices(Vm& vm, const MachineConfig& config) const {
  PhysicalMemory& memory = vm.memory();
  std::vector<IrqSink*> harts;
  for (u32 i = 0; i < config.cpus; i++) harts.push_back(&vm.accelerator().irq_sink(i));
  auto& clint = vm.add_device(std::make_unique<RiscvClint>(vm.timebase(), vm.events(), harts));
  auto& plic = vm.add_device(std::make_unique<RiscvPlic>(harts));
  auto& finisher = vm.add_device(std::make_unique<TestFinisher>(vm));
  auto& rtc = vm.add_device(std::make_unique<GoldfishRtc>(vm.clock(), vm.events(), IrqLine{&plic, kRtcIrq}));
  auto& uart =
      vm.add_device(std::make_unique<Ns16550a>(vm.clock(), vm.events(), IrqLine{&plic, kUartIrq}, config.serial));
  MIMUS_CHECK(memory.add_device("finisher", kFinisherBase, TestFinisher::kSize, finisher, 0));
  MIMUS_CHECK(memory.add_device("rtc", kRtcBase, GoldfishRtc::kSize, rtc, 0));
  MIMUS_CHECK(memory.add_device("clint", kClintBase, RiscvClint::kSize, clint, 0));
  MIMUS_CHECK(memory.add_device("plic", kPlicBase, kPlicSize, plic, 0));
  MIMUS_CHECK(memory.add_device("uart", kUartBase, Ns16550a::kSize, uart, 0));
  return add_virtio(vm, config, plic);
}

// Slots are filled in the order disks, networks, consoles, entropy; the rest stay empty.
Expected<void> RiscvVirt::add_virtio(Vm& vm, const MachineConfig& config, IrqSink& plic) const {
  std::vector<std::unique_ptr<virtio::VirtioDevice>> devices;
  const virtio::Wiring wiring{vm.memory(), &vm};
  for (size_t i = 0; i < config.disks.size(); i++)
    devices.push_back(std::make_unique<virtio::Block>(fmt::format("disk{}", i), *config.disks[i], wiring));
  for (size_t i = 0; i < config.networks.size(); i++) {
    virtio::Net::Options options;
    options.mac[5] = u8(options.mac[5] + i);
    devices.push_back(std::make_unique<virtio::Net>(fmt::format("net{}", i), *config.networks[i], options, wiring));
  }
  for (size_t i = 0; i < config.consoles.size(); i++) {
    devices.push_back(
        std::make_unique<virtio::Console>(fmt::format("console{}", i), *config.consoles[i], std::nullopt, wiring));
  }
  if (config.entropy) devices.push_back(std::make_unique<virtio::Entropy>("entropy", *config.entropy, wiring));
  if (devices.size() > kVirtioSlots) {
    return usage_error(fmt::format("{} disks, networks and other virtio devices, but the virt board has {} slots",
                                   devices.size(), kVirtioSlots));
  }
  devices.resize(kVirtioSlots);
  for (u32 slot = 0; slot < kVirtioSlots; slot++) {
    std::string name = fmt::format("virtio{}", slot);
    auto& device = vm.add_device(
        std::make_unique<virtio::Mmio>(name, IrqLine{&plic, kVirtioIrq + slot}, std::move(devices[slot])));
    MIMUS_CHECK(
        vm.memory().add_device(name, kVirtioBase + slot * kVirtioStride, virtio::Mmio::kWindowBytes, device, 0));
  }
  return {};
}

Expected<void> RiscvVirt::add_software(Vm& vm, const MachineConfig& config) const {
  TreeInfo tree;
  tree.cpus = config.cpus;
  tree.memory = config.memory;
  tree.isa = cpu_.isa;
  tree.extensions = cpu_.extensions;
  tree.cache_block = cpu_.cache_block;
  tree.append = config.append;
  tree.rng_seed.resize(32);
  if (getrandom(tree.rng_seed.data(), tree.rng_seed.size(), 0) < 0) tree.rng_seed.clear();
  MIMUS_TRY(auto image, make_boot_image(config, std::move(tree)));
  MIMUS_CHECK(vm.memory().add_rom("reset vector", kRomBase, image.rom));
  for (PayloadPart& part : image.parts) vm.add_image(part.address, std::move(part.bytes));
  return {};
}

Expected<void> RiscvVirt::build(Vm& vm, const MachineConfig& config) {
  MIMUS_CHECK(check(config));
  MIMUS_CHECK(vm.memory().add_ram("ram", kRamBase, config.memory));
  MIMUS_CHECK(add_devices(vm, config));
  return add_software(vm, config);
}

}  // namespace

std::unique_ptr<Board> make_riscv_virt(RiscvCpuInfo cpu) { return std::make_unique<RiscvVirt>(std::move(cpu)); }

}  // namespace mimus::virt
