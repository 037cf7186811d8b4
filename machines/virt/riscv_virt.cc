#include "machines/virt/riscv_virt.h"

#include <fmt/format.h>
#include <sys/random.h>

#include "core/state/cpu.h"
#include "hw/char/ns16550a.h"
#include "hw/intc/riscv_aplic.h"
#include "hw/intc/riscv_clint.h"
#include "hw/intc/riscv_imsic.h"
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
  Expected<void> add_peripherals(Vm& vm, const MachineConfig& config, IrqSink& controller) const;
  Expected<void> add_software(Vm& vm, const MachineConfig& config) const;

  RiscvCpuInfo cpu_;
};

using Harts = std::vector<IrqSink*>;

// Messages of the APLIC reach the IMSIC and nothing else: what their address says is the guest's word.
Expected<IrqSink*> add_aia(Vm& vm, const MachineConfig& config, const Harts& harts) {
  PhysicalMemory& memory = vm.memory();
  RiscvAplic::Send send;
  if (config.interrupts == InterruptController::aplic_imsic) {
    auto& imsic = vm.add_device(std::make_unique<RiscvImsic>(harts));
    const u64 bytes = harts.size() * RiscvImsic::kPageBytes;
    MIMUS_CHECK(memory.add_device("imsic m", kImsicMachineBase, bytes, imsic, 0));
    MIMUS_CHECK(memory.add_device("imsic s", kImsicSupervisorBase, bytes, imsic, 1));
    for (u32 i = 0; i < harts.size(); i++) vm.accelerator().cpu(i).interrupt_port = &imsic.port(i);
    send = [&memory, &imsic](GuestPa address, u32 data) {
      const MemoryRange* range = memory.find(address);
      if (range && range->device == &imsic) imsic.write(range->region, address - range->base, 4, data);
    };
  }
  auto& aplic = vm.add_device(std::make_unique<RiscvAplic>(harts, std::move(send)));
  MIMUS_CHECK(memory.add_device("aplic m", kAplicMachineBase, RiscvAplic::kWindowBytes, aplic, 0));
  MIMUS_CHECK(memory.add_device("aplic s", kAplicSupervisorBase, RiscvAplic::kWindowBytes, aplic, 1));
  return &aplic;
}

Expected<IrqSink*> add_interrupt_controller(Vm& vm, const MachineConfig& config, const Harts& harts) {
  if (config.interrupts != InterruptController::plic) return add_aia(vm, config, harts);
  auto& plic = vm.add_device(std::make_unique<RiscvPlic>(harts));
  MIMUS_CHECK(vm.memory().add_device("plic", kPlicBase, kPlicSize, plic, 0));
  return &plic;
}

Expected<void> RiscvVirt::check(const MachineConfig& config) const {
  if (config.cpus < 1 || config.cpus > kMaxCpus)
    return usage_error(fmt::format("--smp {}: the virt board has 1 to {} harts", config.cpus, kMaxCpus));
  if (config.memory < (16 << 20) || config.memory % kPageSize)
    return usage_error("--memory: the virt board needs at least 16M, in multiples of 4K");
  if (config.gic) return usage_error("--machine virt,gic=..: only boards of aarch64 have a GIC");
  if (config.flash.size() > 2) return usage_error("--flash: the virt board has two banks");
  return {};
}

Expected<void> RiscvVirt::add_devices(Vm& vm, const MachineConfig& config) const {
  PhysicalMemory& memory = vm.memory();
  Harts harts;
  for (u32 i = 0; i < config.cpus; i++) harts.push_back(&vm.accelerator().irq_sink(i));
  auto& clint = vm.add_device(std::make_unique<RiscvClint>(vm.timebase(), vm.events(), harts));
  MIMUS_TRY(IrqSink* const controller, add_interrupt_controller(vm, config, harts));
  auto& finisher = vm.add_device(std::make_unique<TestFinisher>(vm));
  auto& rtc = vm.add_device(std::make_unique<GoldfishRtc>(vm.clock(), vm.events(), IrqLine{controller, kRtcIrq}));
  auto& uart =
      vm.add_device(std::make_unique<Ns16550a>(vm.clock(), vm.events(), IrqLine{controller, kUartIrq}, config.serial));
  MIMUS_CHECK(memory.add_device("finisher", kFinisherBase, TestFinisher::kSize, finisher, 0));
  MIMUS_CHECK(memory.add_device("rtc", kRtcBase, GoldfishRtc::kSize, rtc, 0));
  MIMUS_CHECK(memory.add_device("clint", kClintBase, RiscvClint::kSize, clint, 0));
  MIMUS_CHECK(memory.add_device("uart", kUartBase, Ns16550a::kSize, uart, 0));
  return add_peripherals(vm, config, *controller);
}

Expected<void> RiscvVirt::add_peripherals(Vm& vm, const MachineConfig& config, IrqSink& controller) const {
  const Layout layout = riscv_layout(config.memory);
  MIMUS_CHECK(add_flash(vm, layout, config));
  MIMUS_CHECK(add_fw_cfg(vm, layout, config));
  auto devices = make_virtio_devices(vm, config);
  decltype(devices) none;
  const bool on_pci = config.virtio == VirtioBus::pci;
  MIMUS_CHECK(add_mmio_slots(vm, layout, std::move(on_pci ? none : devices), controller));
  return add_pci(vm, layout, config, std::move(on_pci ? devices : none), controller);
}

Expected<void> RiscvVirt::add_software(Vm& vm, const MachineConfig& config) const {
  RiscvTreeInfo tree;
  tree.cpus = config.cpus;
  tree.memory = config.memory;
  tree.isa = cpu_.isa;
  tree.extensions = cpu_.extensions;
  tree.cache_block = cpu_.cache_block;
  tree.append = config.append;
  tree.interrupts = config.interrupts;
  tree.sv57 = cpu_.sv57;
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
