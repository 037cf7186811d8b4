#include "machines/virt/riscv_virt.h"

#include <fmt/format.h>
#include <sys/random.h>

#include "hw/char/ns16550a.h"
#include "hw/intc/riscv_clint.h"
#include "hw/intc/riscv_plic.h"
#include "hw/misc/test_finisher.h"
#include "hw/timer/goldfish_rtc.h"
#include "machines/virt/boot.h"
#include "machines/virt/memory_map.h"
#include "machines/virt/peripherals.h"

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
  Expected<void> add_peripherals(Vm& vm, const MachineConfig& config, IrqSink& plic) const;
  Expected<void> add_software(Vm& vm, const MachineConfig& config) const;

  RiscvCpuInfo cpu_;
};

Expected<void> RiscvVirt::check(const MachineConfig& config) const {
  if (config.cpus < 1 || config.cpus > kMaxCpus)
    return usage_error(fmt::format("--smp {}: the virt board has 1 to {} harts", config.cpus, kMaxCpus));
  if (config.memory < (16 << 20) || config.memory % kPageSize)
    return usage_error("--memory: the virt board needs at least 16M, in multiples of 4K");
  if (config.gic) return usage_error("--machine virt,gic=..: only boards of aarch64 have a GIC");
  if (config.flash.size() > 2) return usage_error("--flash: the virt board has two banks");
  for (const FlashBank& bank : config.flash) {
    if (bank.contents.size() > kFlashBankSize)
      return usage_error(fmt::format("--flash: a bank of the virt board has {} MiB", kFlashBankSize >> 20));
  }
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
  return add_peripherals(vm, config, plic);
}

Expected<void> RiscvVirt::add_peripherals(Vm& vm, const MachineConfig& config, IrqSink& plic) const {
  const Layout layout = riscv_layout(config.memory);
  MIMUS_CHECK(add_flash(vm, layout, config));
  MIMUS_CHECK(add_fw_cfg(vm, layout, config));
  auto devices = make_virtio_devices(vm, config);
  decltype(devices) none;
  const bool on_pci = config.virtio == VirtioBus::pci;
  MIMUS_CHECK(add_mmio_slots(vm, layout, std::move(on_pci ? none : devices), plic));
  return add_pci(vm, layout, config, std::move(on_pci ? devices : none), plic);
}

Expected<void> RiscvVirt::add_software(Vm& vm, const MachineConfig& config) const {
  RiscvTreeInfo tree;
  tree.cpus = config.cpus;
  tree.memory = config.memory;
  tree.isa = cpu_.isa;
  tree.extensions = cpu_.extensions;
  tree.cache_block = cpu_.cache_block;
  tree.append = config.append;
  tree.flash = !config.flash.empty();
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
