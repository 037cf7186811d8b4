#include "tests/isa/aarch64_block.h"

#include <gtest/gtest.h>

#include "core/ir/text.h"
#include "core/passes/pass.h"

namespace mimus::test {

namespace {

constexpr GuestPc kPc = 0x1000;
constexpr unsigned kTlbEntries = 16;

}  // namespace

Aarch64Block::Aarch64Block(MakeEngine make, const aarch64::CpuModel& model)
    : model_(model),
      frontend_(make_aarch64_frontend(model_)),
      layout_{frontend_->layout(), frontend_->helpers()},
      engine_(make(layout_)),
      owner_(frontend_->make_state(0)),
      state_(static_cast<aarch64::Aarch64State*>(owner_.get())),
      tlb_(kTlbEntries),
      jumps_(kJumpCacheEntries) {
  state_->cpacr_el1 = u64{3} << aarch64::kFpenShift;  // EL1 may use floating point and vectors
  state_->tlb = tlb_.data();
  state_->tlb_mask = (kTlbEntries - 1) * sizeof(TlbEntry);
  state_->jump_cache = jumps_.data();
}

bool Aarch64Block::run(std::span<const u32> words) {
  const ir::TextContext context{layout_.state, layout_.helpers};
  ir::Block block;
  block.key.pc = kPc;
  block.key.mode = frontend_->mode_key(*state_);
  const std::span bytes(reinterpret_cast<const u8*>(words.data()), words.size_bytes());
  frontend_->translate({kPc, bytes, u32(bytes.size()), {}}, {unsigned(words.size())}, block);
  const auto verified = ir::verify(block, context);
  EXPECT_TRUE(verified) << verified.error().message << "\n" << ir::print(block, context);
  passes::run_passes(block, context);
  auto code = engine_->prepare({{&block}}, {});
  if (!code) {
    why = code.error().message;
    return false;
  }
  state_->pc = kPc;
  state_->leave = u32(Leave::none);
  (*code)->run(*state_);
  EXPECT_EQ(state_->pc, kPc + bytes.size()) << ir::print(block, context);
  return true;
}

}  // namespace mimus::test
