// Random blocks and regions, run by the LLVM engine and by the interpreter.
#include <gtest/gtest.h>

#include <map>

#include "backends/interp/interp.h"
#include "backends/llvm/compiler.h"
#include "backends/llvm/engine.h"
#include "backends/llvm/saved_region.h"
#include "tests/ir/machine.h"
#include "tests/ir/random_ir.h"

extern "C" mimus::Engine* mimus_make_llvm_engine(const mimus::LlvmEngineConfig*, mimus::Error*);

namespace mimus::test {
namespace {

u64 from_environment(const char* name, u64 otherwise) {
  const char* text = getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

class MemoryStore final : public RegionStore {
 public:
  std::optional<std::vector<u8>> find_region(GuestPc, std::span<const u8> key) override {
    const auto at = kept.find({key.begin(), key.end()});
    if (at == kept.end()) return std::nullopt;
    ++hits;
    return at->second;
  }
  void keep_region(GuestPc, std::vector<u8> key, std::vector<u8> value) override { kept[key] = std::move(value); }

  std::map<std::vector<u8>, std::vector<u8>> kept;
  u64 hits = 0;
};

class RandomLlvm : public ::testing::Test {
 protected:
  void SetUp() override {
    slab_ = *emit::CodeSlab::create(u64{256} << 20);
    host_ = *emit::HostRuntime::create(*slab_, layout());
    Error error;
    const LlvmEngineConfig config{runtime_layout(), slab_.get(), host_.get(), getenv("MIMUS_LISTING") != nullptr};
    llvm_.reset(mimus_make_llvm_engine(&config, &error));
    ASSERT_TRUE(llvm_) << error.message;
    interp_ = make_interp_engine(runtime_layout());
    compiler_ = *jit::Compiler::create();
    options_.odd_floats = false;
    options_.supports = [this](const ir::Inst& inst, std::span<const ir::Type> types) { return supports(inst, types); };
  }

  // From here on by an engine in a slab of its own, which keeps what it compiles and takes what has been kept.
  void use_store() {
    auto slab = *emit::CodeSlab::create(u64{256} << 20);
    (void)slab->allocate(12345);
    auto host = *emit::HostRuntime::create(*slab, layout());
    Error error;
    const LlvmEngineConfig config{runtime_layout(), slab.get(), host.get(), false, &store_};
    llvm_.reset(mimus_make_llvm_engine(&config, &error));
    ASSERT_TRUE(llvm_) << error.message;
    slab_ = std::move(slab);
    host_ = std::move(host);
  }

  bool supports(const ir::Inst& inst, std::span<const ir::Type> types) {
    std::string key = std::to_string(unsigned(inst.op)) + ' ' + std::to_string(inst.attr) + ' ' + to_string(inst.type);
    for (const ir::Type& t : types) key += ' ' + to_string(t);
    const bool by_imm = inst.op == ir::Op::constant || ir::info(inst.op).imm == ir::ImmKind::poly;
    if (by_imm) key += ' ' + std::to_string(inst.imm);
    if (const auto it = known_.find(key); it != known_.end()) return it->second;
    return known_[key] = compiler_->can_lower(inst, types, runtime_layout());
  }

  // Runs the region on both engines from several states; false after a difference.
  bool agree(const ir::Region& region, u64 seed, bool counts) {
    const PrepareOptions prepare{.code_id = 5, .count_insns = counts};
    auto code = llvm_->prepare(region, prepare);
    auto judge = interp_->prepare(region, prepare);
    const auto text = [&] {
      std::string all;
      for (const ir::Block* b : region.blocks) all += ir::print(*b, text_context());
      return all;
    };
    EXPECT_TRUE(code) << "seed " << seed << ": " << (code ? "" : code.error().message) << "\n" << text();
    if (!code) return false;
    for (u64 state = 0; state < 4; ++state) {
      Machine a, b;
      a.fill(seed * 16 + state);
      b.fill(seed * 16 + state);
      // Random code jumps even to the PC that marks empty entries.
      for (u32 i = 0; i < kJumpCacheEntries; ++i) a.state().jump_cache[i].code = host_->leave_dispatch();
      for (ReturnEntry& e : a.state().return_stack) e.code = host_->leave_dispatch();
      a.run(**code);
      b.run(**judge);
      const std::string difference = a.difference(b);
      if (difference.empty()) continue;
      ADD_FAILURE() << "seed " << seed << " state " << state << ", llvm != interp:\n"
                    << difference << "\n"
                    << text() << (getenv("MIMUS_LISTING") ? (*code)->dump() : "");
      return false;
    }
    return true;
  }
  void blocks(u64 count) {
    const u64 first = from_environment("MIMUS_SEED", 1);
    for (u64 seed = first; seed < first + from_environment("MIMUS_COUNT", count); ++seed) {
      const ir::Block block = random_block(seed, options_);
      if (!agree({{&block}}, seed, seed % 4 == 0)) return;
    }
  }

  void regions(u64 count) {
    const u64 first = from_environment("MIMUS_SEED", 1);
    for (u64 seed = first; seed < first + from_environment("MIMUS_COUNT", count); ++seed) {
      const auto blocks = random_region(seed, 2 + seed % 6, options_);
      ir::Region region;
      for (const ir::Block& b : blocks) region.blocks.push_back(&b);
      if (!agree(region, seed, seed % 4 == 0)) return;
    }
  }

  std::unique_ptr<emit::CodeSlab> slab_;
  std::unique_ptr<emit::HostRuntime> host_;
  MemoryStore store_;
  std::unique_ptr<Engine> llvm_, interp_;
  std::unique_ptr<jit::Compiler> compiler_;
  std::map<std::string, bool> known_;
  RandomOptions options_;
};

TEST_F(RandomLlvm, Integers) {
  options_.vectors = options_.floats = options_.memory = options_.atomics = options_.helpers = false;
  blocks(150);
}
TEST_F(RandomLlvm, Memory) {
  options_.vectors = options_.floats = false;
  blocks(150);
}
TEST_F(RandomLlvm, Floats) {
  options_.vectors = options_.memory = options_.atomics = false;
  blocks(150);
}
TEST_F(RandomLlvm, Everything) { blocks(150); }

TEST_F(RandomLlvm, Regions) { regions(60); }

TEST_F(RandomLlvm, SavedRegions) {
  use_store();
  regions(40);
  const size_t compiled = store_.kept.size();
  EXPECT_EQ(store_.hits, 0u);
  EXPECT_GE(compiled, 40u);
  use_store();
  regions(40);
  EXPECT_EQ(store_.kept.size(), compiled);
  EXPECT_EQ(store_.hits, 40u);
}

TEST_F(RandomLlvm, SavedRegionsAreReadAsFarAsTheyAreWhole) {
  use_store();
  regions(3);
  for (const auto& [key, value] : store_.kept) {
    EXPECT_TRUE(jit::read_region(value));
    for (size_t length = 0; length < value.size(); length += 5)
      EXPECT_FALSE(jit::read_region(std::span(value).first(length)));
    std::vector<u8> longer = value;
    longer.push_back(0);
    EXPECT_FALSE(jit::read_region(longer));
  }
}

// Slots of 64 bits that hold floats, boxed or not, merged at joins (float_slots.cc).
TEST_F(RandomLlvm, FloatRegisters) {
  using enum ir::Op;
  options_.only = {constant, read,    read, read, write, write, write, box,  box,   unbox,   unbox, bitcast,
                   bitcast,  bitcast, fadd, fmul, fneg,  fmin,  trunc, load, store, exit_if, and_,  or_};
  options_.odd_floats = options_.vectors = options_.wide = options_.odd_rounding = false;
  options_.ops = 10;
  regions(120);
}

}  // namespace
}  // namespace mimus::test
