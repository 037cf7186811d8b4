// Life of baseline code: links, redirection, profile counters, PC maps, the ways out, regions, threads.
#include <gtest/gtest.h>

#include <thread>

#include "core/engine/runtime.h"
#include "tests/backend/owned_engine.h"
#include "tests/ir/machine.h"

namespace mimus {
namespace {

ir::Block parse(const std::string& text) {
  auto block = ir::parse(text, test::text_context());
  if (!block) throw std::runtime_error(block.error().message);
  return std::move(*block);
}

// A block at `pc` of one instruction with this body.
ir::Block block_at(GuestPc pc, const std::string& body) {
  char head[128];
  std::snprintf(head, sizeof head, "block pc=0x%llx phys=0x%llx mode=0x0 bytes=4 insns=1\n  insn 0x%llx +4\n",
                static_cast<unsigned long long>(pc), static_cast<unsigned long long>(pc),
                static_cast<unsigned long long>(pc));
  return parse(head + body);
}

const std::string kCount = "  %1 = read.i64 r1\n  %2 = constant.i64 0x1\n  %3 = add.i64 %1, %2\n  write r1, %3\n";

class BaselineCode : public ::testing::Test {
 protected:
  BaselineCode() : engine_(test::runtime_layout()) {
    state_.runtime = &runtime_;
    state_.jump_cache = jump_cache_.data();
    state_.jump_cache[0].pc = 2;
    state_.tlb = &tlb_;
  }
  std::unique_ptr<Code> prepare(const ir::Block& block, PrepareOptions options = {}) {
    auto code = engine_.prepare({{&block}}, options);
    if (!code) throw std::runtime_error(code.error().message);
    return std::move(*code);
  }
  CodeWriteToken token() { return CodeWriteToken(lock_); }

  test::OwnedBaseline engine_;
  test::State state_{};
  Runtime runtime_{};
  std::vector<JumpEntry> jump_cache_ = std::vector<JumpEntry>(kJumpCacheEntries);
  TlbEntry tlb_;
  std::mutex mutex_;
  std::unique_lock<std::mutex> lock_{mutex_};
};

TEST_F(BaselineCode, AnUnlinkedEdgeNamesItself) {
  auto code = prepare(block_at(0x4000, kCount + "  end jump 0x4800 [insns 1]\n"), {.code_id = 7});
  ASSERT_EQ(code->edges().size(), 1u);
  EXPECT_TRUE(code->edges()[0].linkable);
  code->run(state_);
  EXPECT_EQ(state_.leave, u32(Leave::edge));
  EXPECT_EQ(state_.left_code, 7u);
  EXPECT_EQ(state_.left_edge, 0u);
  EXPECT_EQ(state_.pc, 0x4800u);
  EXPECT_EQ(state_.r[1], 1u);
}

TEST_F(BaselineCode, LinksAndUnlinks) {
  auto first = prepare(block_at(0x4000, kCount + "  end jump 0x4800 [insns 1]\n"), {.code_id = 1});
  auto second = prepare(block_at(0x4800, kCount + "  end jump 0x4900 [insns 1]\n"), {.code_id = 2});
  first->link(token(), 0, second->host_entry());
  first->run(state_);
  EXPECT_EQ(state_.left_code, 2u);
  EXPECT_EQ(state_.r[1], 2u);
  first->unlink(token(), 0);
  first->run(state_);
  EXPECT_EQ(state_.left_code, 1u);
  EXPECT_EQ(state_.r[1], 3u);
}

TEST_F(BaselineCode, RedirectionSwapsOrInvalidates) {
  auto old = prepare(block_at(0x4000, kCount + "  end jump 0x4800 [insns 1]\n"), {.code_id = 1});
  auto fresh =
      prepare(block_at(0x4000, kCount + kCount.substr(0, 0) + "  end jump 0x4900 [insns 1]\n"), {.code_id = 2});
  old->redirect(token(), fresh->host_entry());
  old->run(state_);
  EXPECT_EQ(state_.left_code, 2u);
  old->redirect(token(), 0);
  state_.r[1] = 0;
  old->run(state_);
  EXPECT_EQ(state_.leave, u32(Leave::dispatch));
  EXPECT_EQ(state_.pc, 0x4000u);
  EXPECT_EQ(state_.r[1], 0u);
}

TEST_F(BaselineCode, ALoopToItselfEndsByPollOrRedirection) {
  auto code = prepare(block_at(0x4000, kCount + "  end jump 0x4000 [insns 1]\n"), {.code_id = 1});
  std::jthread outside([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    state_.exit_request = 1;
  });
  code->run(state_);
  EXPECT_EQ(state_.leave, u32(Leave::poll));
  EXPECT_EQ(state_.pc, 0x4000u);
  outside.join();
  state_.exit_request = 0;
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    code->redirect(token(), 0);
  });
  code->run(state_);
  EXPECT_EQ(state_.leave, u32(Leave::dispatch));
  EXPECT_EQ(state_.pc, 0x4000u);
}

TEST_F(BaselineCode, FarEdgesGoThroughTheJumpCache) {
  auto code = prepare(block_at(0x4000, "  end jump 0xffffffff80006000 [insns 1]\n"));
  EXPECT_FALSE(code->edges()[0].linkable);
  code->run(state_);
  EXPECT_EQ(state_.leave, u32(Leave::dispatch));
  EXPECT_EQ(state_.pc, 0xffffffff80006000);
  auto target = prepare(block_at(0xffffffff80006000, kCount + "  end yield 0x1 [insns 1]\n"));
  jump_cache_[jump_cache_index(0xffffffff80006000)] = {0xffffffff80006000, target->host_entry()};
  code->run(state_);
  EXPECT_EQ(state_.r[1], 1u);
}

TEST_F(BaselineCode, ReturnsArePredicted) {
  auto call = prepare(block_at(0x4000, "  end call 0x4100 return 0x4004 [insns 1]\n"), {.code_id = 1});
  auto callee = prepare(block_at(0x4100, kCount + "  %5 = constant.i64 0x4004\n  end ret %5 [insns 1]\n"));
  auto after = prepare(block_at(0x4004, kCount + "  end yield 0x1 [insns 1]\n"));
  ASSERT_EQ(call->edges().size(), 2u);
  EXPECT_TRUE(call->edges()[1].to_return);
  call->link(token(), 0, callee->host_entry());
  call->run(state_);
  EXPECT_EQ(state_.leave, u32(Leave::edge));  // by the return stub
  EXPECT_EQ(state_.left_edge, 1u);
  EXPECT_EQ(state_.pc, 0x4004u);
  call->link(token(), 1, after->host_entry());
  for (int i = 0; i < 100; ++i) call->run(state_);  // the stack wraps
  EXPECT_EQ(state_.leave, u32(Leave::dispatch));
  EXPECT_EQ(state_.r[1], 201u);
}

TEST_F(BaselineCode, AWrongPredictionLooksInTheJumpCache) {
  auto ret = prepare(block_at(0x4100, "  %1 = read.i64 r2\n  end ret %1 [insns 1]\n"));
  auto target = prepare(block_at(0x7000, kCount + "  end yield 0x1 [insns 1]\n"));
  jump_cache_[jump_cache_index(0x7000)] = {0x7000, target->host_entry()};
  state_.r[2] = 0x7000;
  ret->run(state_);
  EXPECT_EQ(state_.r[1], 1u);
  state_.r[2] = 0x9000;
  ret->run(state_);
  EXPECT_EQ(state_.leave, u32(Leave::dispatch));
  EXPECT_EQ(state_.pc, 0x9000u);
}

TEST_F(BaselineCode, HotCodeLeavesOnce) {
  auto code = prepare(block_at(0x4000, kCount + "  end yield 0x1 [insns 1]\n"), {.profile = true, .profile_limit = 5});
  for (int i = 0; i < 4; ++i) code->run(state_);
  EXPECT_FALSE(code->hot());
  EXPECT_EQ(state_.pc, 1u);
  code->run(state_);
  EXPECT_TRUE(code->hot());
  EXPECT_EQ(state_.leave, u32(Leave::dispatch));
  EXPECT_EQ(state_.pc, 0x4000u);
  for (int i = 0; i < 4; ++i) code->run(state_);
  EXPECT_EQ(state_.r[1], 8u);
  EXPECT_TRUE(code->hot());
}

TEST_F(BaselineCode, FaultsFindTheirInstruction) {
  const ir::Block block = parse(
      "block pc=0x4000 phys=0x4000 mode=0x0 bytes=12 insns=3\n"
      "  insn 0x4000 +4\n  %1 = read.i64 r1\n  %2 = constant.i64 0x7\n  write r2, %2\n"
      "  insn 0x4004 +4\n  %5 = load.i64 %1 + 8\n  write r3, %5\n"
      "  insn 0x4008 +4\n  %8 = constant.i64 0x9\n  write r2, %8\n  end jump 0x4010 [insns 3]\n");
  auto code = prepare(block);
  static u64 site;
  runtime_.load = [](CpuState* state, u64, u32, u64 at) -> u64 {
    site = at;
    state->pc = 0xdead;
    state->leave = u32(Leave::dispatch);
    return 0;
  };
  code->run(state_);
  EXPECT_EQ(state_.pc, 0xdeadu);
  EXPECT_EQ(state_.r[2], 7u);
  const u32 offset = u32(site - 1 - code->host_entry());
  GuestPc found = 0;
  for (const PcMapEntry& entry : code->pc_map())
    if (entry.host_offset <= offset) found = entry.guest_pc;
  EXPECT_EQ(found, 0x4004u);
}

TEST_F(BaselineCode, RegionsLoopInsideThemselves) {
  const ir::Block head = block_at(0x4000, kCount + "  end jump 0x4100 [insns 1]\n");
  const ir::Block tail = block_at(0x4100,
                                  "  %1 = read.i64 r1\n  %2 = constant.i64 0x64\n  %3 = ult.i1 %1, %2\n"
                                  "  exit_if %3, jump 0x4000 [insns 1]\n  end yield 0x1 [insns 1]\n");
  auto code = engine_.prepare({{&head, &tail}}, {});
  ASSERT_TRUE(code);
  (*code)->run(state_);
  EXPECT_EQ(state_.r[1], 100u);
  EXPECT_EQ(state_.pc, 1u);
  (*code)->redirect(token(), 0);
  (*code)->run(state_);
  EXPECT_EQ(state_.pc, 0x4000u);
}

TEST_F(BaselineCode, ManyThreadsCompile) {
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      test::State own{};
      own.runtime = &runtime_;
      own.jump_cache = jump_cache_.data();
      for (int i = 0; i < 200; ++i) {
        const GuestPc pc = 0x10000 + u64(t) * 0x10000 + u64(i) * 8;
        auto code = prepare(block_at(pc, kCount + "  end yield 0x1 [insns 1]\n"));
        code->run(own);
        if (own.r[1] != u64(i) + 1) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_F(BaselineCode, AFullSlabIsAnError) {
  auto slab = std::move(*emit::CodeSlab::create(256 << 10));
  auto host = std::move(*emit::HostRuntime::create(*slab, test::layout()));
  auto engine = make_baseline_engine(test::runtime_layout(), *slab, *host);
  const ir::Block block = block_at(0x4000, kCount + "  end yield 0x1 [insns 1]\n");
  std::vector<std::unique_ptr<Code>> kept;
  for (int i = 0; i < 100000; ++i) {
    auto code = engine->prepare({{&block}}, {});
    if (!code) break;
    kept.push_back(std::move(*code));
  }
  EXPECT_GT(kept.size(), 100u);
  EXPECT_LT(kept.size(), 10000u);
  kept.clear();
  slab->reset(token());
  auto code = engine->prepare({{&block}}, {});
  ASSERT_TRUE(code);
  (*code)->run(state_);
  EXPECT_EQ(state_.r[1], 1u);
}

TEST_F(BaselineCode, DumpListsGuestInstructions) {
  auto code = prepare(block_at(0x4000, kCount + "  end yield 0x1 [insns 1]\n"));
  const std::string text = code->dump();
  EXPECT_NE(text.find("; 4000"), std::string::npos) << text;
}

}  // namespace
}  // namespace mimus
