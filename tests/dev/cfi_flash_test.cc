// The flash's command set, and that it is ready only when the disk has it.
#include "hw/block/cfi_flash.h"

#include <gtest/gtest.h>

#include "tests/virtio/memory_disk.h"

namespace mimus {
namespace {

constexpr u64 kBlock = CfiFlash::kBlockBytes;

struct FlashTest : ::testing::Test {
  virtio::MemoryDisk disk{4 * kBlock};
  CfiFlash flash{"flash", Bytes(disk.data.begin(), disk.data.end()), &disk};

  u32 get(u64 offset) { return u32(flash.read(0, offset, 4)); }
  void set(u64 offset, u32 value) { flash.write(0, offset, 4, value); }
  void command(u64 offset, u16 value) { set(offset, u32{value} << 16 | value); }
  u32 status() {
    command(0, 0x70);
    return get(0);
  }
};

TEST_F(FlashTest, EraseThenProgram) {
  command(kBlock, 0x20);
  command(kBlock, 0xd0);
  EXPECT_EQ(get(0) & 0x80, 0u);  // busy
  disk.complete_one();
  EXPECT_EQ(get(0) & 0x80, 0u);  // written, not flushed yet
  disk.complete_one();
  EXPECT_EQ(get(0), 0x00800080u);
  EXPECT_EQ(disk.data[kBlock], 0xff);
  EXPECT_EQ(disk.data[2 * kBlock - 1], 0xff);
  EXPECT_NE(disk.data[kBlock - 1], 0xff);
  command(kBlock + 8, 0x40);
  set(kBlock + 8, 0x12345678);
  disk.complete_all();
  command(0, 0xff);
  EXPECT_EQ(get(kBlock + 8), 0x12345678u);
  EXPECT_EQ(disk.data[kBlock + 8], 0x78);
  command(kBlock + 8, 0x40);
  set(kBlock + 8, 0xf0f0f0f0);
  disk.complete_all();
  command(0, 0xff);
  EXPECT_EQ(get(kBlock + 8), 0x10305070u);  // bits are only cleared
}

TEST_F(FlashTest, BufferedProgram) {
  command(0, 0x20);
  command(0, 0xd0);
  disk.complete_all();
  command(0x100, 0xe8);
  EXPECT_EQ(get(0x100), 0x00800080u);
  command(0x100, 3);
  for (u32 i = 0; i < 4; ++i) set(0x100 + 4 * i, 0x1000 + i);
  command(0x100, 0xd0);
  disk.complete_all();
  EXPECT_EQ(status(), 0x00800080u);
  command(0, 0xff);
  EXPECT_EQ(get(0x10c), 0x1003u);
  EXPECT_EQ(get(0x110), 0xffffffffu);
  EXPECT_EQ(disk.data[0x10c], 3);
}

TEST_F(FlashTest, SequenceErrors) {
  command(0, 0x20);
  command(0, 0x11);
  EXPECT_EQ(status(), 0x00b000b0u);
  command(0, 0x50);
  EXPECT_EQ(status(), 0x00800080u);
  command(0, 0xe8);
  command(0, 0x3ff);  // too many words
  EXPECT_EQ(status(), 0x00b000b0u);
  command(0, 0x50);
  command(0, 0xe8);
  command(0, 1);
  set(kBlock, 0);  // another block
  EXPECT_EQ(status(), 0x00b000b0u);
  command(0, 0x50);
  command(0, 0x77);
  EXPECT_EQ(status(), 0x00b000b0u);
  EXPECT_TRUE(disk.work.empty());
}

TEST_F(FlashTest, IdentificationAndQuery) {
  command(0, 0x90);
  EXPECT_EQ(get(0), 0x00890089u);
  EXPECT_EQ(get(4), 0x00180018u);
  EXPECT_EQ(get(8), 0u);
  command(0x55 * 4, 0x98);
  EXPECT_EQ(get(0x10 * 4), 0x00510051u);
  EXPECT_EQ(get(0x11 * 4), 0x00520052u);
  EXPECT_EQ(get(0x27 * 4), 0x00130013u);  // 512 KiB a chip
  EXPECT_EQ(get(0x2d * 4), 0x00030003u);  // four blocks
  EXPECT_EQ(get(0x30 * 4), 0x00020002u);  // of 128 KiB
  EXPECT_EQ(flash.read(0, 0x10 * 4, 2), 0x51u);
  EXPECT_EQ(flash.read(0, 4 * kBlock - 4, 8), 0u);  // beyond the end
}

TEST_F(FlashTest, DiskErrorIsReported) {
  disk.result = BlockEndpoint::Status::io_error;
  command(0, 0x40);
  set(0, 0);
  disk.complete_all();
  EXPECT_EQ(get(0), 0x00b000b0u);
}

TEST_F(FlashTest, ResetAndDestructionWhileSaving) {
  {
    CfiFlash other("other", Bytes(kBlock), &disk);
    other.write(0, 0, 4, 0x00400040);
    other.write(0, 0, 4, 0);
  }
  command(0, 0x40);
  set(0, 0);
  flash.reset(ResetKind::warm);
  disk.complete_all();
  EXPECT_EQ(get(0), 0u);
  EXPECT_EQ(disk.data[0], 0);
}

TEST_F(FlashTest, StateRoundTripInMidProgram) {
  command(0x100, 0xe8);
  command(0x100, 1);
  set(0x100, 0);
  const auto visit = [&](StateVisitor& v) { flash.visit_state(v); };
  const auto saved = save_state(visit);
  flash.reset(ResetKind::cold);
  ASSERT_TRUE(load_state(saved, visit));
  flash.after_load();
  EXPECT_EQ(*compare_state(saved, visit), "");
  set(0x104, 0);
  command(0x100, 0xd0);
  disk.complete_all();
  EXPECT_EQ(disk.data[0x104], 0);
  EXPECT_EQ(status(), 0x00800080u);
}

}  // namespace
}  // namespace mimus
