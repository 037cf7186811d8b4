// The device tree and the memory contents of the "virt" board.
#include <gtest/gtest.h>
#include <libfdt.h>

#include <cstdlib>
#include <fstream>

#include "machines/virt/boot.h"
#include "machines/virt/given_tree.h"
#include "machines/virt/memory_map.h"

namespace mimus::virt {
namespace {

RiscvTreeInfo info(u32 cpus) {
  RiscvTreeInfo tree;
  tree.cpus = cpus;
  tree.memory = 64 << 20;
  tree.isa = "rv64imafdc_zicbom";
  tree.extensions = {"i", "m", "a", "f", "d", "c", "zicbom"};
  tree.append = "console=ttyS0";
  tree.rng_seed = std::vector<u8>(32, 1);
  return tree;
}

std::string text(std::span<const u8> tree, const char* path, const char* property) {
  int length = 0;
  const void* value = fdt_getprop(tree.data(), fdt_path_offset(tree.data(), path), property, &length);
  return value ? std::string(static_cast<const char*>(value), size_t(length)) : "";
}

u32 cell(std::span<const u8> tree, const char* path, const char* property, unsigned index = 0) {
  std::string value = text(tree, path, property);
  fdt32_t raw = 0;
  if (value.size() < 4 * (index + 1)) return ~0u;
  std::memcpy(&raw, value.data() + 4 * index, 4);
  return fdt32_to_cpu(raw);
}

TEST(DeviceTree, WhatFirmwareAndKernelsLookFor) {
  auto tree = make_device_tree(info(2)).value();
  ASSERT_EQ(fdt_check_full(tree.data(), tree.size()), 0);
  EXPECT_EQ(cell(tree, "/cpus", "timebase-frequency"), 10'000'000u);
  EXPECT_EQ(text(tree, "/cpus/cpu@1", "riscv,isa-base"), std::string("rv64i\0", 6));
  EXPECT_EQ(text(tree, "/cpus/cpu@1", "riscv,isa-extensions"), std::string("i\0m\0a\0f\0d\0c\0zicbom\0", 19));
  EXPECT_EQ(cell(tree, "/cpus/cpu@0", "riscv,cbom-block-size"), 64u);
  EXPECT_EQ(cell(tree, "/cpus/cpu@0", "riscv,cboz-block-size"), ~0u);
  EXPECT_EQ(cell(tree, "/cpus/cpu@2", "reg"), ~0u);
  EXPECT_EQ(text(tree, "/chosen", "bootargs"), std::string("console=ttyS0\0", 14));
  EXPECT_EQ(text(tree, "/chosen", "stdout-path"), std::string("/soc/serial@10000000\0", 21));
  EXPECT_EQ(cell(tree, "/memory@80000000", "reg", 3), 64u << 20);
  EXPECT_EQ(cell(tree, "/soc/plic@c000000", "riscv,ndev"), 95u);
  EXPECT_EQ(cell(tree, "/soc/plic@c000000", "interrupts-extended", 5), 11u);
  EXPECT_EQ(cell(tree, "/soc/virtio_mmio@10008000", "interrupts"), 8u);
  EXPECT_EQ(cell(tree, "/poweroff", "regmap"), cell(tree, "/soc/test@100000", "phandle"));
  EXPECT_EQ(cell(tree, "/reboot", "value"), 0x7777u);
  EXPECT_EQ(cell(tree, "/reserved-memory/mmode_resv0@80000000", "reg", 3), 0x80000u);
}

TEST(GivenTree, GetsWhatTheRunSays) {
  auto given = make_device_tree(info(1)).value();
  auto run = info(1);
  run.append = "root=/dev/vda with a command line that is longer than the one before it";
  run.initrd = TreeInfo::Range{0x82000000, 0x82001000};
  auto tree = complete_given_tree(given, run).value();
  EXPECT_EQ(text(tree, "/chosen", "bootargs"), run.append + std::string(1, 0));
  EXPECT_EQ(cell(tree, "/chosen", "linux,initrd-end", 1), 0x82001000u);
  EXPECT_EQ(cell(tree, "/cpus", "timebase-frequency"), 10'000'000u);
}

TEST(GivenTree, GarbageIsRefused) {
  auto error_of = [](std::vector<u8> blob) {
    auto tree = complete_given_tree(blob, info(1));
    return tree ? "" : tree.error().message;
  };
  auto given = make_device_tree(info(1)).value();
  EXPECT_NE(error_of(std::vector<u8>(1000, 'x')).find("not a device tree"), std::string::npos);
  EXPECT_NE(error_of({}), "");
  for (size_t length = 40; length < given.size(); length += 61)
    EXPECT_NE(error_of({given.begin(), given.begin() + long(length)}).find("damaged"), std::string::npos) << length;
}

struct TemporaryFile {
  std::string path;
  TemporaryFile(const char* name, size_t bytes) : path(testing::TempDir() + name) {
    std::ofstream(path) << std::string(bytes, 'x');
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
};

struct Placed {
  BootImage image;
  u64 word(u64 offset) const {
    u64 value;
    std::memcpy(&value, image.rom.data() + offset, 8);
    return value;
  }
  const PayloadPart* at(GuestPa address) const {
    for (auto& part : image.parts)
      if (part.address == address) return &part;
    return nullptr;
  }
};

TEST(Boot, OwnFirmwareAndInitrd) {
  TemporaryFile kernel("kernel.bin", 5000), initrd("initrd.bin", 3000);
  MachineConfig config;
  config.memory = 64 << 20;
  config.kernel = kernel.path;
  config.initrd = initrd.path;
  Placed placed{make_boot_image(config, info(1)).value()};
  EXPECT_EQ(placed.word(24), kRamBase);
  EXPECT_EQ(placed.word(40), 0x4942534fu);
  EXPECT_EQ(placed.word(56), 0x80200000u) << "next address";
  EXPECT_EQ(placed.word(64), 1u) << "S-mode";
  ASSERT_TRUE(placed.at(0x80200000));
  EXPECT_EQ(placed.at(0x80200000)->bytes.size(), 5000u);
  ASSERT_TRUE(placed.at(0x82000000));
  const PayloadPart* tree = placed.at(placed.word(32));
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->address, 0x83e00000u);
  EXPECT_EQ(cell(tree->bytes, "/chosen", "linux,initrd-start", 1), 0x82000000u);
  EXPECT_EQ(cell(tree->bytes, "/chosen", "linux,initrd-end", 1), 0x82000000u + 3000);
}

TEST(Boot, GivenFirmwareGetsNoReservation) {
  TemporaryFile firmware("firmware.bin", 100);
  MachineConfig config;
  config.firmware = firmware.path;
  Placed placed{make_boot_image(config, info(1)).value()};
  const PayloadPart* tree = placed.at(placed.word(32));
  ASSERT_TRUE(tree);
  EXPECT_LT(fdt_path_offset(tree->bytes.data(), "/reserved-memory"), 0);
}

TEST(Boot, BarePayloadStartsInMachineMode) {
  TemporaryFile kernel("bare.bin", 100);
  MachineConfig config;
  config.firmware = "none";
  config.kernel = kernel.path;
  Placed placed{make_boot_image(config, info(1)).value()};
  EXPECT_EQ(placed.word(24), kRamBase);
  EXPECT_TRUE(placed.at(kRamBase));
}

std::string error_of(const MachineConfig& config) {
  auto image = make_boot_image(config, info(1));
  return image ? "" : image.error().message;
}

TEST(Boot, Mistakes) {
  MachineConfig config;
  EXPECT_NE(error_of(config).find("--kernel"), std::string::npos);
  TemporaryFile large("large.bin", 20 << 20), small("small.bin", 100);
  config.memory = 16 << 20;
  config.kernel = large.path;
  EXPECT_NE(error_of(config).find("--memory"), std::string::npos);
  config.kernel = small.path;
  config.initrd = large.path;
  EXPECT_NE(error_of(config).find("larger --memory"), std::string::npos);
  config.initrd = "/no/such/initrd";
  EXPECT_EQ(error_of(config), "initrd /no/such/initrd: No such file or directory");
  config.initrd.clear();
  config.firmware = large.path;
  EXPECT_NE(error_of(config), "");
  TemporaryFile overlapping("overlap.bin", 3 << 20);
  config.firmware = overlapping.path;
  EXPECT_NE(error_of(config).find("do not fit beside each other"), std::string::npos);
}

}  // namespace
}  // namespace mimus::virt
