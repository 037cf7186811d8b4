#include "tests/isa/engines.h"

#include <gtest/gtest.h>

#include "backends/baseline/engine.h"
#include "backends/emit/slab.h"
#include "backends/emit/thunks.h"
#include "backends/interp/interp.h"
#include "backends/llvm/engine.h"

extern "C" mimus::Engine* mimus_make_llvm_engine(const mimus::LlvmEngineConfig*, mimus::Error*);

namespace mimus::test {
namespace {

// A code generator with the memory and the thunks that it works with.
class JitEngine final : public Engine {
 public:
  using Make = std::unique_ptr<Engine> (*)(const RuntimeLayout&, emit::CodeSlab&, emit::HostRuntime&);
  JitEngine(const RuntimeLayout& layout, Make make)
      : slab_(*emit::CodeSlab::create(u64{64} << 20)),
        host_(*emit::HostRuntime::create(*slab_, layout.state)),
        engine_(make(layout, *slab_, *host_)) {}

  std::string_view name() const override { return engine_->name(); }
  Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) override {
    return engine_->prepare(region, options);
  }

 private:
  std::unique_ptr<emit::CodeSlab> slab_;
  std::unique_ptr<emit::HostRuntime> host_;
  std::unique_ptr<Engine> engine_;
};

std::unique_ptr<Engine> make_baseline(const RuntimeLayout& layout) {
  return std::make_unique<JitEngine>(layout, make_baseline_engine);
}

std::unique_ptr<Engine> make_llvm(const RuntimeLayout& layout) {
  return std::make_unique<JitEngine>(layout,
                                     [](const RuntimeLayout& layout, emit::CodeSlab& slab, emit::HostRuntime& host) {
                                       Error error;
                                       const LlvmEngineConfig config{layout, &slab, &host};
                                       std::unique_ptr<Engine> engine(mimus_make_llvm_engine(&config, &error));
                                       EXPECT_TRUE(engine) << error.message;
                                       return engine;
                                     });
}

// All tiers, in turns that look like chance but are the same in each run.
class MixedEngine final : public Engine {
 public:
  explicit MixedEngine(const RuntimeLayout& layout) {
    engines_.push_back(make_interp_engine(layout));
    engines_.push_back(make_baseline(layout));
    engines_.push_back(make_llvm(layout));
  }
  std::string_view name() const override { return "mixed"; }
  Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) override {
    constexpr unsigned kTurns = 64, kLlvmTurns = 2;  // LLVM's are dear
    turn_ = turn_ * 6364136223846793005u + 1442695040888963407u;
    const unsigned turn = unsigned(turn_ >> 58);
    const auto& engine = engines_[turn < kLlvmTurns ? 2 : turn < kTurns / 2 ? 0 : 1];
    auto code = engine->prepare(region, options);
    return code ? std::move(code) : engines_[0]->prepare(region, options);
  }

 private:
  std::vector<std::unique_ptr<Engine>> engines_;
  u64 turn_ = 1;
};

std::unique_ptr<Engine> make_mixed(const RuntimeLayout& layout) { return std::make_unique<MixedEngine>(layout); }

constexpr EngineRow kEngines[] = {{"interp", make_interp_engine, false, false, 1},
                                  {"interp_passes", make_interp_engine, true, false, 1},
                                  {"baseline", make_baseline, true, false, 1},
                                  {"llvm", make_llvm, true, true, 30},
                                  {"mixed", make_mixed, true, true, 4}};

}  // namespace

std::span<const EngineRow> engines_and_mixture() { return kEngines; }
std::span<const EngineRow> engines() { return engines_and_mixture().first(std::size(kEngines) - 1); }

}  // namespace mimus::test
