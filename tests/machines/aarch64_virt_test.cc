// The AArch64 "virt" board: its device tree, its memory contents, and its wiring, with CPUs that do nothing.
#include <gtest/gtest.h>
#include <libfdt.h>

#include <fstream>

#include "core/device/cpu_interrupt_port.h"
#include "core/device/firmware_port.h"
#include "core/state/cpu.h"
#include "machines/virt/aarch64_boot.h"
#include "machines/virt/aarch64_memory_map.h"
#include "machines/virt/aarch64_virt.h"

namespace mimus::virt::aarch64 {
namespace {

struct IdleCpus final : Accelerator {
  struct Cpu final : IrqSink {
    CpuState state;
    bool levels[4] = {};
    void set_irq(unsigned input, bool level) override { levels[input] = level; }
  };
  explicit IdleCpus(u32 count) {
    for (u32 i = 0; i < count; i++) cpus.push_back(std::make_unique<Cpu>());
  }
  Expected<void> start() override { return {}; }
  void stop() override {}
  u32 cpu_count() const override { return u32(cpus.size()); }
  CpuState& cpu(u32 index) override { return cpus[index]->state; }
  IrqSink& irq_sink(u32 cpu) override { return *cpus[cpu]; }
  void pause() override {}
  void resume() override {}
  void reset() override {}
  std::string stats() const override { return ""; }
  std::vector<std::unique_ptr<Cpu>> cpus;
};

struct TemporaryFile {
  std::string path;
  TemporaryFile(const char* name, const std::string& contents) : path(testing::TempDir() + name) {
    std::ofstream(path) << contents;
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
};

MachineConfig config(u32 cpus, GicVersion gic) {
  MachineConfig config;
  config.memory = 64 << 20;
  config.cpus = cpus;
  config.gic = gic;
  config.append = "console=ttyAMA0";
  return config;
}

struct Machine {
  TemporaryFile kernel{"aarch64_virt_kernel", std::string(100, 'k')};
  Vm vm{kTimebaseHz};
  IdleCpus* cpus;
  explicit Machine(MachineConfig c) {
    if (c.kernel.empty()) c.kernel = kernel.path;
    auto accelerator = std::make_unique<IdleCpus>(c.cpus);
    cpus = accelerator.get();
    vm.set_accelerator(std::move(accelerator));
    auto built = make_aarch64_virt({.compatible = "arm,cortex-a72"})->build(vm, c);
    EXPECT_TRUE(built) << built.error().message;
    for (auto& device : vm.devices()) device->reset(ResetKind::cold);
  }
  u64 get(GuestPa pa, unsigned width = 4, u32 cpu = 0) {
    const MemoryRange* range = vm.memory().find(pa);
    if (!range) return ~u64{0};
    if (range->device) return range->device->cpu_read(cpu, range->region, pa - range->base, width);
    u64 value = 0;
    std::memcpy(&value, range->host + (pa - range->base), width);
    return value;
  }
  void set(GuestPa pa, u64 value, unsigned width = 4, u32 cpu = 0) {
    const MemoryRange* range = vm.memory().find(pa);
    ASSERT_TRUE(range && range->device) << pa;
    range->device->cpu_write(cpu, range->region, pa - range->base, width, value);
  }
  CpuInterruptPort& port(u32 cpu) { return *cpus->cpus[cpu]->state.interrupt_port; }
};

std::string text(std::span<const u8> tree, const char* path, const char* property) {
  int length = 0;
  const void* value = fdt_getprop(tree.data(), fdt_path_offset(tree.data(), path), property, &length);
  return value ? std::string(static_cast<const char*>(value), size_t(length)) : "";
}

u32 cell(std::span<const u8> tree, const char* path, const char* property, unsigned index = 0) {
  const std::string value = text(tree, path, property);
  fdt32_t raw = 0;
  if (value.size() < 4 * (index + 1)) return ~0u;
  std::memcpy(&raw, value.data() + 4 * index, 4);
  return fdt32_to_cpu(raw);
}

Aarch64TreeInfo info(u32 cpus, GicVersion gic) {
  Aarch64TreeInfo tree;
  tree.cpus = cpus;
  tree.memory = 64 << 20;
  tree.append = "console=ttyAMA0";
  tree.cpu = "arm,cortex-a72";
  tree.gic = gic;
  tree.flash = true;
  return tree;
}

TEST(Aarch64Tree, WhatFirmwareAndKernelsLookFor) {
  auto tree = make_device_tree(info(2, GicVersion::v3)).value();
  ASSERT_EQ(fdt_check_full(tree.data(), tree.size()), 0);
  EXPECT_EQ(text(tree, "/chosen", "stdout-path"), std::string("/pl011@9000000\0", 15));
  EXPECT_EQ(cell(tree, "/memory@40000000", "reg", 3), 64u << 20);
  EXPECT_EQ(text(tree, "/psci", "method"), std::string("hvc\0", 4));
  EXPECT_EQ(text(tree, "/cpus/cpu@1", "enable-method"), std::string("psci\0", 5));
  EXPECT_EQ(cell(tree, "/", "interrupt-parent"), cell(tree, "/intc@8000000", "phandle"));
  EXPECT_EQ(cell(tree, "/intc@8000000", "reg", 7), 2 * 0x20000u) << "a redistributor for each CPU";
  EXPECT_EQ(cell(tree, "/timer", "interrupts", 7), 11u) << "the virtual timer";
  EXPECT_EQ(cell(tree, "/timer", "interrupts", 8), 4u);
  EXPECT_EQ(cell(tree, "/pl011@9000000", "clocks"), cell(tree, "/apb-pclk", "phandle"));
  EXPECT_EQ(cell(tree, "/pl031@9010000", "interrupts", 1), 2u);
  EXPECT_EQ(cell(tree, "/gpio-keys/poweroff", "gpios"), cell(tree, "/pl061@9030000", "phandle"));
  EXPECT_EQ(cell(tree, "/virtio_mmio@a003e00", "interrupts", 1), 47u);
  EXPECT_EQ(cell(tree, "/flash@0", "reg", 7), 64u << 20);
  EXPECT_EQ(cell(tree, "/pcie@10000000", "msi-map", 1), cell(tree, "/intc@8000000/its@8080000", "phandle"));
  EXPECT_EQ(cell(tree, "/pcie@10000000", "reg"), 0x40u);
  // Slot 0, pin 2: three cells of the bus, the pin, the GIC, two of its address, three of the interrupt.
  EXPECT_EQ(cell(tree, "/pcie@10000000", "interrupt-map", 10 + 3), 2u);
  EXPECT_EQ(cell(tree, "/pcie@10000000", "interrupt-map", 10 + 8), 4u);
}

TEST(Aarch64Tree, Gicv2) {
  auto tree = make_device_tree(info(2, GicVersion::v2)).value();
  ASSERT_EQ(fdt_check_full(tree.data(), tree.size()), 0);
  EXPECT_EQ(cell(tree, "/timer", "interrupts", 8), 0x304u) << "on both CPUs";
  EXPECT_EQ(cell(tree, "/intc@8000000", "reg", 5), 0x8010000u);
  EXPECT_EQ(cell(tree, "/pcie@10000000", "msi-map", 1), cell(tree, "/intc@8000000/v2m@8020000", "phandle"));
}

TEST(Aarch64Boot, KernelInitrdTreeAndResetVector) {
  TemporaryFile initrd("aarch64_virt_initrd", std::string(5000, 'i'));
  TemporaryFile kernel("aarch64_virt_kernel2", std::string(100, 'k'));
  auto c = config(1, GicVersion::v3);
  c.kernel = kernel.path;
  c.initrd = initrd.path;
  auto image = make_boot_image(c, info(1, GicVersion::v3)).value();
  ASSERT_EQ(image.parts.size(), 3u);
  EXPECT_EQ(image.parts[0].address, 0x40000000u);
  EXPECT_EQ(image.parts[1].address, 0x40200000u);
  EXPECT_EQ(image.parts[2].address, 0x42000000u) << "the middle of RAM";
  EXPECT_EQ(cell(image.parts[0].bytes, "/chosen", "linux,initrd-end", 1), 0x42000000u + 5000);
  u64 words[2];
  std::memcpy(words, &image.rom[24], 16);
  EXPECT_EQ(words[0], 0x40000000u);
  EXPECT_EQ(words[1], 0x40200000u);
  c.kernel.clear();
  EXPECT_FALSE(make_boot_image(c, info(1, GicVersion::v3)));
  c.flash.push_back({"code.fd"});
  image = make_boot_image(c, info(1, GicVersion::v3)).value();
  EXPECT_TRUE(image.rom.empty());
  EXPECT_EQ(image.parts.size(), 1u);
}

TEST(Aarch64Virt, EverythingIsWhereSoftwareExpectsIt) {
  Machine m(config(2, GicVersion::v3));
  EXPECT_EQ(m.get(0), 0x580000c0u) << "the reset vector";
  EXPECT_EQ(m.get(0x0800ffe8) & 0xf0, 0x30u) << "GICv3";
  EXPECT_EQ(m.get(0x080c0008, 8) >> 32, 1u) << "the second redistributor";
  EXPECT_EQ(m.get(0x0808ffe8) & 0xf0, 0x30u) << "ITS";
  EXPECT_EQ(m.get(0x09000fe0), 0x11u);
  EXPECT_EQ(m.get(0x09010fe0), 0x31u);
  EXPECT_EQ(m.get(0x09030fe0), 0x61u);
  EXPECT_EQ(m.get(0x0a000000), 0x74726976u);
  EXPECT_EQ(m.get(0x0a003e00), 0x74726976u);
  EXPECT_EQ(m.get(0x4010000000), 0x00081b36u) << "the PCI host bridge";
  EXPECT_EQ(m.get(0x08010000), ~u64{0}) << "GICv3 has no CPU interface in memory";
  EXPECT_TRUE(m.port(1).has_registers());
  EXPECT_EQ(m.cpus->cpus[1]->state.firmware_port->call(1, 0x84000000, 0, 0, 0).result, 0x10001u) << "PSCI_VERSION";
}

TEST(Aarch64Virt, PowerButtonOfGicv2) {
  Machine m(config(2, GicVersion::v2));
  EXPECT_EQ(m.get(0x08000fe8), 0x2bu);
  EXPECT_FALSE(m.port(0).has_registers());
  m.set(0x08000000, 1);
  m.set(0x08000104, 1 << 7);
  m.set(0x08000827, 2, 1);
  m.set(0x08010004, 0xf0, 4, 1);
  m.set(0x08010000, 1, 4, 1);
  m.set(0x09030408, 8);
  m.set(0x09030410, 8);
  EXPECT_TRUE(m.vm.press_power_button());
  EXPECT_TRUE(m.cpus->cpus[1]->levels[0]);
  EXPECT_EQ(m.get(0x0801000c, 4, 1), 32u + kGpioIrq);
}

TEST(Aarch64Virt, MessagesReachTheCpusThroughTheIts) {
  Machine m(config(1, GicVersion::v3));
  PhysicalMemory& memory = m.vm.memory();
  constexpr GuestPa kTables = kRamBase + (16 << 20);
  auto poke = [&](GuestPa at, std::vector<u64> words) {
    EXPECT_TRUE(memory.write(at, {reinterpret_cast<const u8*>(words.data()), words.size() * 8}));
  };
  constexpr u64 kValid = u64{1} << 63;
  m.set(kGicDistributorBase, 2);
  m.set(kRedistributorBase + 0x70, kTables | 15, 8);
  m.set(kRedistributorBase + 0x78, kTables + 0x10000, 8);
  m.set(kRedistributorBase, 1);
  poke(kTables, {0xa1});
  poke(kTables + 0x40000, {0x09, 0, kValid, 0});
  poke(kTables + 0x40020, {0x18ull << 32 | 0x08, 0, (kTables + 0x60000) | kValid, 0});
  poke(kTables + 0x40040, {0x18ull << 32 | 0x0a, 8192ull << 32, 0, 0});
  m.set(kItsBase + 0x80, (kTables + 0x40000) | kValid, 8);
  m.set(kItsBase + 0x100, (kTables + 0x50000) | kValid, 8);
  m.set(kItsBase + 0x108, (kTables + 0x58000) | kValid, 8);
  m.set(kItsBase, 1);
  m.set(kItsBase + 0x88, 0x60, 8);
  m.port(0).write(0xc230, 0xf0);  // ICC_PMR_EL1
  m.port(0).write(0xc667, 1);     // ICC_IGRPEN1_EL1
  const MemoryRange* doorbell = memory.find(kItsBase + 0x10040);
  doorbell->device->message(doorbell->region, kItsBase + 0x10040 - doorbell->base, 0, 0x18);
  EXPECT_TRUE(m.cpus->cpus[0]->levels[0]);
  EXPECT_EQ(m.port(0).read(0xc660), 8192u);
}

// The directory of the firmware configuration device, names and all.
std::string fw_cfg_directory(Machine& m) {
  m.set(kFwCfgBase + 8, 0x1900, 2);  // FW_CFG_FILE_DIR, big-endian
  std::string text;
  for (int i = 0; i < 512; i++) text += char(m.get(kFwCfgBase, 1));
  return text;
}

TEST(Aarch64Virt, FirmwareGetsAcpiTablesUnlessTheyAreOff) {
  const TemporaryFile code("aarch64_virt_code", "code");
  for (bool acpi : {true, false}) {
    auto c = config(1, GicVersion::v3);
    c.flash.push_back({code.path});
    c.acpi = acpi;
    Machine m(c);
    EXPECT_EQ(fw_cfg_directory(m).find("etc/table-loader") != std::string::npos, acpi);
  }
}

TEST(Aarch64Virt, WhatDoesNotFitIsRefused) {
  auto error_of = [](MachineConfig c) {
    Vm vm(kTimebaseHz);
    vm.set_accelerator(std::make_unique<IdleCpus>(c.cpus));
    auto built = make_aarch64_virt({})->build(vm, c);
    return built ? "" : built.error().message;
  };
  auto c = config(9, GicVersion::v3);
  EXPECT_NE(error_of(c).find("--smp"), std::string::npos);
  c.cpus = 1;
  EXPECT_NE(error_of(c).find("nothing to boot"), std::string::npos);
  c.memory = u64{300} << 30;
  EXPECT_NE(error_of(c).find("--memory"), std::string::npos);
  c.memory = 64 << 20;
  c.firmware = "/nonexistent/firmware";
  EXPECT_NE(error_of(c).find("/nonexistent/firmware"), std::string::npos);
}

}  // namespace
}  // namespace mimus::virt::aarch64
