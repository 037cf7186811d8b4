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

constexpr EngineRow kEngines[] = {{"interp", make_interp_engine, false, false, 1},
                                  {"interp_passes", make_interp_engine, true, false, 1},
                                  {"baseline", make_baseline, true, false, 1},
                                  {"llvm", make_llvm, true, true, 30}};

}  // namespace

std::span<const EngineRow> engines() { return kEngines; }

}  // namespace mimus::test
