// The firmware configuration device: byte stream, directory, DMA.
#include "hw/misc/fw_cfg.h"

#include <gtest/gtest.h>

#include <string>

namespace mimus {
namespace {

constexpr GuestPa kRam = 0x80000000;

struct FwCfgTest : ::testing::Test {
  PhysicalMemory memory;
  FwCfg device{memory, 4};

  FwCfgTest() {
    EXPECT_TRUE(memory.add_ram("ram", kRam, 0x10000));
    const std::string text = "hello";
    device.add_file("opt/b", Bytes(text.begin(), text.end()));
    device.add_file("opt/a", Bytes(2, 7));
  }
  void select(u16 key) { device.write(0, 8, 2, __builtin_bswap16(key)); }
  std::string take(size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += char(device.read(0, 0, 1));
    return out;
  }
  // The control word after the transfer, host order.
  u32 dma(u32 control, u32 length, GuestPa address, bool halves = false) {
    const u32 words[4] = {__builtin_bswap32(control), __builtin_bswap32(length), __builtin_bswap32(u32(address >> 32)),
                          __builtin_bswap32(u32(address))};
    EXPECT_TRUE(memory.write(kRam, {reinterpret_cast<const u8*>(words), sizeof words}));
    if (halves) {
      device.write(0, 16, 4, __builtin_bswap32(u32(kRam >> 32)));
      device.write(0, 20, 4, __builtin_bswap32(u32(kRam)));
    } else {
      device.write(0, 16, 8, __builtin_bswap64(kRam));
    }
    u32 result;
    EXPECT_TRUE(memory.read(kRam, {reinterpret_cast<u8*>(&result), sizeof result}));
    return __builtin_bswap32(result);
  }
  std::string at(GuestPa pa, size_t count) {
    std::string out(count, 0);
    EXPECT_TRUE(memory.read(pa, {reinterpret_cast<u8*>(out.data()), count}));
    return out;
  }
};

TEST_F(FwCfgTest, SignatureNumbersAndWideReads) {
  select(FwCfg::kSignature);
  EXPECT_EQ(take(6), std::string("QEMU\0\0", 6));
  select(FwCfg::kSignature);
  EXPECT_EQ(device.read(0, 0, 4), 0x554d4551u);
  select(FwCfg::kCpuCount);
  EXPECT_EQ(device.read(0, 0, 8), 4u);
  select(0x7777);
  EXPECT_EQ(device.read(0, 0, 8), 0u);
  EXPECT_EQ(device.read(0, 16, 8), __builtin_bswap64(0x51454d5520434647));
  EXPECT_EQ(device.read(0, 16, 4), __builtin_bswap32(0x51454d55));
  EXPECT_EQ(device.read(0, 20, 4), __builtin_bswap32(0x20434647));
}

TEST_F(FwCfgTest, DirectoryIsSortedByName) {
  select(FwCfg::kDirectory);
  const std::string all = take(4 + 2 * 64);
  EXPECT_EQ(all.substr(0, 4), std::string("\0\0\0\2", 4));
  EXPECT_EQ(all.substr(4, 8), std::string("\0\0\0\2\0\x21\0\0", 8));
  EXPECT_STREQ(all.c_str() + 12, "opt/a");
  EXPECT_STREQ(all.c_str() + 76, "opt/b");
}

TEST_F(FwCfgTest, DmaReadsSkipsAndPads) {
  EXPECT_EQ(dma(FwCfg::kFirstFile << 16 | 8 | 2, 3, kRam + 0x100), 0u);
  EXPECT_EQ(at(kRam + 0x100, 3), "hel");
  EXPECT_EQ(dma(4, 1, 0), 0u);
  EXPECT_EQ(dma(2, 4, kRam + 0x200, true), 0u);
  EXPECT_EQ(at(kRam + 0x200, 4), std::string("o\0\0\0", 4));
}

TEST_F(FwCfgTest, DmaErrors) {
  EXPECT_EQ(dma(FwCfg::kFirstFile << 16 | 8 | 2, 5, 0x1000), 1u);              // not RAM
  EXPECT_EQ(dma(FwCfg::kFirstFile << 16 | 8 | 2, 0x20000, kRam + 0x100), 1u);  // more than RAM
  EXPECT_EQ(dma(FwCfg::kFirstFile << 16 | 8 | 16, 5, kRam + 0x100), 1u);       // write
  EXPECT_EQ(dma(4, 0xffffffff, 0), 0u);
  EXPECT_EQ(dma(4, 0xffffffff, 0), 0u);
  EXPECT_EQ(dma(2, 1, ~u64{0}), 1u);
  device.write(0, 16, 8, ~u64{0});  // the control block itself is nowhere
}

}  // namespace
}  // namespace mimus
