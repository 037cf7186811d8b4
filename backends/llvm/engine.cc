#include "backends/llvm/engine.h"

#include <mutex>

#include "backends/llvm/code.h"
#include "backends/llvm/compiler.h"
#include "backends/llvm/saved_region.h"
#include "backends/llvm/self_test.h"
#include "core/base/build_id.h"
#include "core/base/module.h"

namespace mimus {
namespace jit {
namespace {

class LlvmEngine : public Engine {
 public:
  LlvmEngine(const LlvmEngineConfig& config, const Thunks& thunks, std::unique_ptr<Compiler> compiler)
      : config_(config), thunks_(thunks), place_{*config.slab, *config.host, thunks_} {
    give_back(std::move(compiler));
  }

  std::string_view name() const override { return "llvm"; }

  Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) override {
    MIMUS_TRY(std::unique_ptr<Compiler> compiler, borrow());
    auto code = compile(*compiler, region, options, 0);
    // LLVM may choose registers with which an instruction of ours is a byte longer than usual.
    if (!code && config_.runtime.flat()) code = compile(*compiler, region, options, 1);
    give_back(std::move(compiler));
    return code;
  }

 private:
  Expected<std::unique_ptr<Code>> compile(Compiler& compiler, const ir::Region& region, const PrepareOptions& options,
                                          u32 access_slack) {
    const GuestPc pc = region.blocks[0]->key.pc;
    std::vector<u8> key;
    if (config_.store && !config_.keep_listing) {
      key = region_key(region, config_.runtime, options, access_slack, identity_);
      if (const auto kept = config_.store->find_region(pc, key)) {
        if (auto known = read_region(*kept)) return LlvmCode::place(place_, region, options, std::move(*known));
      }
    }
    MIMUS_TRY(auto compiled, compiler.compile(region, config_.runtime, options, config_.keep_listing, access_slack));
    std::vector<u8> bytes;
    if (!key.empty()) bytes = write_region(compiled);
    auto code = LlvmCode::place(place_, region, options, std::move(compiled));
    if (code && !key.empty()) config_.store->keep_region(pc, std::move(key), std::move(bytes));
    return code;
  }
  // One compiler per thread that compiles at the same time.
  Expected<std::unique_ptr<Compiler>> borrow() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto compiler = std::move(idle_.back());
        idle_.pop_back();
        return compiler;
      }
    }
    return Compiler::create();
  }
  void give_back(std::unique_ptr<Compiler> compiler) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(compiler));
  }

  const LlvmEngineConfig config_;
  const std::string identity_ = build_id() + ' ' + Compiler::target();
  const Thunks thunks_;
  const CodePlace place_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Compiler>> idle_;
};

Expected<std::unique_ptr<Engine>> make_engine(const LlvmEngineConfig& config) {
  MIMUS_TRY(const Thunks thunks, Thunks::create(*config.slab, *config.host, config.runtime.helpers));
  MIMUS_TRY(std::unique_ptr<Compiler> compiler, Compiler::create());
  MIMUS_CHECK(check_register_contract(*compiler, *config.slab, *config.host, thunks));
  return std::make_unique<LlvmEngine>(config, thunks, std::move(compiler));
}

}  // namespace
}  // namespace jit

MIMUS_MODULE_FACTORY Engine* mimus_make_llvm_engine(const LlvmEngineConfig* config, Error* error) {
  auto engine = jit::make_engine(*config);
  if (engine) return engine->release();
  *error = std::move(engine).error();
  return nullptr;
}

}  // namespace mimus
