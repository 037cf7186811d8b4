#include "accel/dbt/code_cache.h"

#include "accel/dbt/system_code_memory.h"

#include <gtest/gtest.h>

#include <thread>

namespace mimus::dbt {
namespace {

constexpr GuestPa kRam = 0x80000000;

// Host code of nothing: remembers what was done to it.
struct FakeCode final : Code {
  explicit FakeCode(u64 entry, u32 edges = 2) : entry(entry), edge_list(edges, CodeEdge{0, 0, true}), linked(edges) {
    for (u32 i = 0; i < 64; ++i) bytes[i] = u8(i);
  }
  void run(CpuState&) override {}
  u64 host_entry() const override { return entry; }
  std::span<const CodeEdge> edges() const override { return edge_list; }
  void link(const CodeWriteToken&, u32 edge, u64 target) override { linked[edge] = target; }
  void unlink(const CodeWriteToken&, u32 edge) override { linked[edge] = 0; }
  void redirect(const CodeWriteToken&, u64 target) override { redirected = true, redirect_target = target; }
  std::span<const u8> host_bytes() const override { return bytes; }
  std::span<const PcMapEntry> pc_map() const override { return map; }
  std::string dump() const override { return {}; }

  u64 entry;
  std::vector<CodeEdge> edge_list;
  std::vector<u64> linked;
  bool redirected = false;
  u64 redirect_target = 0;
  u8 bytes[64];
  std::vector<PcMapEntry> map;
};

class CodeCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(memory.add_ram("ram", kRam, 16 * kPageSize));
    memory.set_code_watcher(&cache);
  }
  // Translates (as far as the cache is concerned) four bytes at `offset`.
  TranslatedBlock* make(u64 offset, u64 entry, FakeCode** code_out = nullptr) {
    const u64 generation = cache.mark_page(align_down(kRam + offset, kPageSize));
    auto code = std::make_unique<FakeCode>(entry);
    if (code_out) *code_out = code.get();
    auto block = std::make_unique<TranslatedBlock>();
    block->key = {kRam + offset, 0x1000 + offset, 3};
    block->id = cache.next_id();
    block->guest_bytes = 4;
    block->bytes_hash = hash_code({memory.host(kRam + offset, 4), 4});
    block->code = std::move(code);
    return cache.publish(std::move(block), generation, 0);
  }
  u8 marks(u64 offset) { return memory.find(kRam)->marks[offset >> kPageBits]; }

  PhysicalMemory memory;
  SystemCodeMemory code_memory{memory};
  CodeCache cache{code_memory};
};

TEST_F(CodeCacheTest, FindsByWholeKey) {
  TranslatedBlock* t = make(0x10, 1);
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(cache.find(t->key), t);
  EXPECT_EQ(cache.find({t->key.physical, t->key.pc, 4}), nullptr);
  EXPECT_EQ(cache.find({t->key.physical, t->key.pc + kPageSize, 3}), nullptr);
  EXPECT_TRUE(marks(0) & kPageHasCode);
}

TEST_F(CodeCacheTest, WriteInvalidatesUnlinksAndClearsTheMark) {
  FakeCode *from_code = nullptr, *to_code = nullptr;
  TranslatedBlock* from = make(0x10, 1, &from_code);
  TranslatedBlock* to = make(0x20, 2, &to_code);
  cache.link(from->id, 1, *to);
  EXPECT_EQ(from_code->linked[1], 2u);
  const u8 byte = 0;
  ASSERT_TRUE(memory.write(kRam + 0x800, {&byte, 1}));
  EXPECT_FALSE(from->valid);
  EXPECT_FALSE(to->valid);
  EXPECT_EQ(from_code->linked[1], 0u);
  EXPECT_TRUE(to_code->redirected);
  EXPECT_EQ(to_code->redirect_target, 0u);
  EXPECT_EQ(cache.find(from->key), nullptr);
  EXPECT_FALSE(marks(0) & kPageHasCode);
}

TEST_F(CodeCacheTest, LinksOnlyWithinOnePage) {
  FakeCode* code = nullptr;
  TranslatedBlock* from = make(0x10, 1, &code);
  TranslatedBlock* far = make(kPageSize, 2);
  cache.link(from->id, 0, *far);
  EXPECT_EQ(code->linked[0], 0u);
}

TEST_F(CodeCacheTest, RefusesWhatWasWrittenWhileBeingTranslated) {
  const u64 generation = cache.mark_page(kRam);
  const u8 byte = 0x55;
  ASSERT_TRUE(memory.write(kRam + 4, {&byte, 1}));
  auto block = std::make_unique<TranslatedBlock>();
  block->key = {kRam, 0x1000, 3};
  block->code = std::make_unique<FakeCode>(1);
  EXPECT_EQ(cache.publish(std::move(block), generation, 0), nullptr);
}

TEST_F(CodeCacheTest, ReplacementRelinksAndRedirects) {
  FakeCode *from_code = nullptr, *cold = nullptr;
  TranslatedBlock* from = make(0x10, 1, &from_code);
  TranslatedBlock* hot = make(0x20, 2, &cold);
  cache.link(from->id, 0, *hot);
  const u32 id = cache.next_id();
  ASSERT_TRUE(cache.replace(*hot, std::make_unique<FakeCode>(3), id, cache.generation(kRam)));
  EXPECT_EQ(from_code->linked[0], 3u);
  EXPECT_EQ(cold->redirect_target, 3u);
  EXPECT_FALSE(cache.replace(*hot, std::make_unique<FakeCode>(4), cache.next_id(), cache.generation(kRam)));
}

TEST_F(CodeCacheTest, ReplacementMadeFromOldBytesIsRefused) {
  TranslatedBlock* t = make(0x10, 1);
  const u64 generation = cache.generation(kRam);
  const u8 byte = 1;
  ASSERT_TRUE(memory.write(kRam + 0x100, {&byte, 1}));
  EXPECT_FALSE(cache.replace(*t, std::make_unique<FakeCode>(2), cache.next_id(), generation));
}

TEST_F(CodeCacheTest, PcMapFindsTheCallingInstruction) {
  FakeCode* code = nullptr;
  make(0x10, 1, &code);
  code->map = {{0, 0x1010}, {8, 0x1012}, {20, 0x1016}};
  const u64 start = u64(code->bytes);
  EXPECT_EQ(cache.guest_pc(start + 8), 0x1010u);  // the call ends where the next instruction's code begins
  EXPECT_EQ(cache.guest_pc(start + 9), 0x1012u);
  EXPECT_EQ(cache.guest_pc(start + 60), 0x1016u);
}

TEST_F(CodeCacheTest, FenceFindsAStoreThatSlippedPastTheMark) {
  std::vector<u64> epochs{1, 1};
  cache.set_epochs([&] { return epochs; });
  memory.find(kRam)->marks[0] |= kPageWriteFast;
  TranslatedBlock* t = make(0x10, 1);
  memory.host(kRam + 0x10, 4)[0] ^= 1;  // another CPU's store that had passed its TLB check already
  EXPECT_TRUE(t->valid);
  cache.fence_check();
  EXPECT_FALSE(t->valid);
}

TEST_F(CodeCacheTest, FenceLooksNoMoreAtPagesThatNoStoreCanBeUnderWayTo) {
  std::vector<u64> epochs{1, 1, CodeCache::kAsleep};  // the last CPU has never been started
  cache.set_epochs([&] { return epochs; });
  memory.find(kRam)->marks[0] |= kPageWriteFast;
  TranslatedBlock* t = make(0x10, 1);
  epochs = {2, CodeCache::kAsleep, CodeCache::kAsleep};
  cache.fence_check();
  memory.host(kRam + 0x10, 4)[0] ^= 1;  // nobody could do this unnoticed
  cache.fence_check();
  EXPECT_TRUE(t->valid);
}

TEST_F(CodeCacheTest, ClearForgetsEverything) {
  TranslatedBlock* t = make(0x10, 1);
  const ir::BlockKey key = t->key;
  bool called = false;
  cache.clear([&](const CodeWriteToken&) { called = true; });
  EXPECT_TRUE(called);
  EXPECT_EQ(cache.find(key), nullptr);
  EXPECT_FALSE(marks(0) & kPageHasCode);
}

// One thread translates and links, another writes to the pages: nothing valid may survive a write that came after it.
TEST_F(CodeCacheTest, ConcurrentTranslationAndInvalidation) {
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    const u8 byte = 7;
    for (int i = 0; i < 2000; ++i) memory.write(kRam + u64(i % 4) * kPageSize + 0x900, {&byte, 1});
    stop = true;
  });
  u64 made = 0;
  while (!stop) {
    TranslatedBlock* a = make((made % 4) * kPageSize + 0x10, 1);
    TranslatedBlock* b = make((made % 4) * kPageSize + 0x20, 2);
    if (a && b) cache.link(a->id, 0, *b);
    ++made;
  }
  writer.join();
  for (u64 page = 0; page < 4; ++page) cache.code_page_written(kRam + page * kPageSize);
  for (u64 page = 0; page < 4; ++page) EXPECT_FALSE(marks(page * kPageSize) & kPageHasCode);
}

}  // namespace
}  // namespace mimus::dbt
