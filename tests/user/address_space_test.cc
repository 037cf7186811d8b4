// The guest's map of its memory: what mmap and its like answer, and what the host's pages allow.
#include "machines/user/address_space.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "machines/user/host_signals.h"

namespace mimus::user {
namespace {

constexpr int kRw = PROT_READ | PROT_WRITE, kRwx = kRw | PROT_EXEC, kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

class AddressSpaceTest : public testing::Test {
 protected:
  void SetUp() override {
    install_fault_handlers();
    auto made = AddressSpace::create();
    ASSERT_TRUE(made) << made.error().message;
    memory = std::move(*made);
    memory->on_forget([this](GuestVa start, u64 bytes) { forgotten.push_back({start, bytes}); });
    memory->on_page_written([this](GuestVa page) { written.push_back(page), memory->unwatch_writes(page); });
  }
  void TearDown() override {
    for (const auto& range : memory->ranges()) memory->unmap(range.start, range.mapping.end - range.start);
  }
  GuestVa map(u64 pages, int prot = kRw) {
    const s64 at = memory->map(0, pages * kPageSize, prot, kAnonymous, -1, 0);
    EXPECT_GT(at, 0);
    return GuestVa(at);
  }
  bool writable(GuestVa at) { return memory->put(at, u8{1}) == 0; }

  std::unique_ptr<AddressSpace> memory;
  std::vector<std::pair<GuestVa, u64>> forgotten;
  std::vector<GuestVa> written;
};

TEST_F(AddressSpaceTest, FromTheTopDown) {
  const GuestVa a = map(2), b = map(1);
  EXPECT_EQ(a + 2 * kPageSize, AddressSpace::kLowLimit);
  EXPECT_EQ(b + kPageSize, a);
  memory->unmap(a, kPageSize);
  EXPECT_EQ(map(1), a);
}

TEST_F(AddressSpaceTest, NeighboursOfOneKindMerge) {
  const GuestVa a = map(4);
  EXPECT_EQ(memory->ranges().size(), 1u);
  EXPECT_EQ(memory->protect(a + kPageSize, kPageSize, PROT_READ), 0);
  EXPECT_EQ(memory->ranges().size(), 3u);
  EXPECT_EQ(memory->protect(a + kPageSize, kPageSize, kRw), 0);
  EXPECT_EQ(memory->ranges().size(), 1u);
}

TEST_F(AddressSpaceTest, Errors) {
  map(8);
  const GuestVa a = map(2, PROT_READ);
  EXPECT_EQ(memory->map(0, 0, kRw, kAnonymous, -1, 0), -EINVAL);
  EXPECT_EQ(memory->map(0, kPageSize, kRw, kAnonymous, -1, 7), -EINVAL);
  EXPECT_EQ(memory->map(a + 1, kPageSize, kRw, kAnonymous | MAP_FIXED, -1, 0), -EINVAL);
  EXPECT_EQ(memory->map(a, kPageSize, kRw, kAnonymous | MAP_FIXED_NOREPLACE, -1, 0), -EEXIST);
  EXPECT_EQ(memory->map(memory->limit(), kPageSize, kRw, kAnonymous | MAP_FIXED, -1, 0), -ENOMEM);
  EXPECT_EQ(memory->map(0, ~u64{0}, kRw, kAnonymous, -1, 0), -ENOMEM);
  EXPECT_EQ(memory->unmap(a, ~u64{0}), -EINVAL);
  EXPECT_EQ(memory->protect(a - kPageSize, 3 * kPageSize, PROT_READ), -ENOMEM);
  EXPECT_EQ(memory->remap(a, kPageSize, kPageSize, 64, 0), -EINVAL);
  EXPECT_EQ(memory->remap(a, 8 * kPageSize, kPageSize, MREMAP_MAYMOVE, 0), -EFAULT);
}

TEST_F(AddressSpaceTest, AccessesAreChecked) {
  const GuestVa a = map(1), none = a - 16 * kPageSize;
  u64 value = 0;
  EXPECT_EQ(memory->put(a + 8, u64{42}), 0);
  EXPECT_EQ(memory->get(value, a + 8), 0);
  EXPECT_EQ(value, 42u);
  EXPECT_EQ(memory->get(value, none), -EFAULT);
  EXPECT_EQ(memory->get(value, memory->limit() - 4), -EFAULT);
  EXPECT_EQ(memory->get(value, ~u64{0} - 3), -EFAULT);
  EXPECT_TRUE(memory->allows(a, kPageSize, PROT_READ));
  EXPECT_FALSE(memory->allows(a, kPageSize + 1, PROT_READ));
}

TEST_F(AddressSpaceTest, StringsEndAtTheMapping) {
  const GuestVa a = map(1);
  std::string text;
  memory->copy_out(a + kPageSize - 4, "abc", 4);
  EXPECT_EQ(memory->get_string(text, a + kPageSize - 4), 0);
  EXPECT_EQ(text, "abc");
  memory->copy_out(a + kPageSize - 4, "abcd", 4);
  memory->unmap(a + kPageSize, kPageSize);
  EXPECT_EQ(memory->get_string(text, a + kPageSize - 4), -EFAULT);
}

TEST_F(AddressSpaceTest, WatchedPagesAreNotWritable) {
  const GuestVa a = map(2, kRwx);
  EXPECT_TRUE(memory->executable(a));
  EXPECT_TRUE(memory->watch_writes(a));
  EXPECT_FALSE(memory->watch_writes(a - kPageSize));
  EXPECT_TRUE(memory->watched_writable(a));
  // What the emulator writes for a system call goes through, and is reported.
  EXPECT_TRUE(writable(a + 100));
  EXPECT_EQ(written, std::vector<GuestVa>{a});
  EXPECT_FALSE(memory->watched_writable(a));
}

TEST_F(AddressSpaceTest, CodeIsForgotten) {
  const GuestVa a = map(4, kRwx);
  memory->protect(a, kPageSize, kRw);
  memory->unmap(a + kPageSize, kPageSize);
  memory->map(a + 2 * kPageSize, kPageSize, kRw, kAnonymous | MAP_FIXED, -1, 0);
  const std::vector<std::pair<GuestVa, u64>> expected = {
      {a, kPageSize}, {a + kPageSize, kPageSize}, {a + 2 * kPageSize, kPageSize}};
  EXPECT_EQ(forgotten, expected);
}

TEST_F(AddressSpaceTest, RemapMovesContents) {
  const GuestVa a = map(1);
  memory->put(a, u64{7});
  const s64 b = memory->remap(a, kPageSize, 100 * kPageSize, MREMAP_MAYMOVE, 0);
  ASSERT_GT(b, 0);
  u64 value = 0;
  EXPECT_EQ(memory->get(value, GuestVa(b)), 0);
  EXPECT_EQ(value, 7u);
  EXPECT_EQ(memory->ranges().size(), 1u);
}

TEST_F(AddressSpaceTest, BreakGrowsAndShrinks) {
  memory->start_break(0x100000);
  EXPECT_EQ(memory->set_break(0), 0x100000);
  EXPECT_EQ(memory->set_break(0x103456), 0x103456);
  EXPECT_TRUE(writable(0x103455));
  EXPECT_EQ(memory->set_break(0x101000), 0x101000);
  EXPECT_FALSE(writable(0x102000));
}

}  // namespace
}  // namespace mimus::user
