#include "machines/cli/engines.h"

#include <fmt/format.h>

#include "backends/interp/interp.h"
#include "backends/llvm/engine.h"
#include "core/base/module.h"

namespace mimus::cli {

struct EngineSet::Choice {
  std::string_view name;
  bool llvm;       // for what is hot
  u32 warm_after;  // executions
};

namespace {

constexpr u32 kInterpThreshold = 64;  // interpreting that often costs about as much as compiling

}  // namespace

Expected<std::unique_ptr<EngineSet>> EngineSet::make(const Frontend& frontend, const std::string& choice) {
  static constexpr Choice kChoices[] = {
      {"auto", false, 0},
      {"interp", false, 0},
      {"llvm", true, kInterpThreshold},
  };
  std::unique_ptr<EngineSet> set(new EngineSet(frontend));
  std::string known;
  for (const Choice& row : kChoices) {
    if (row.name == choice) set->choice_ = &row;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  if (!set->choice_) return usage_error(fmt::format("--engine {}: known engines: {}", choice, known));
  set->interp_ = make_interp_engine(set->layout_);
  if (set->choice_->llvm) MIMUS_CHECK(set->make_code_memory());
  return set;
}

Expected<void> EngineSet::make_code_memory() {
  MIMUS_TRY(slab_, emit::CodeSlab::create());
  MIMUS_TRY(host_, emit::HostRuntime::create(*slab_, layout_.state));
  return {};
}

Expected<Engine*> EngineSet::load_llvm(bool keep_listing) {
  MIMUS_TRY(auto factory, load_factory<MakeLlvmEngine>(kLlvmModule, kLlvmFactory, "--engine llvm", "llvm-19-dev"));
  const LlvmEngineConfig config{layout_, slab_.get(), host_.get(), keep_listing};
  Error error;
  llvm_.reset(factory(&config, &error));
  if (!llvm_) return std::unexpected(error);
  return llvm_.get();
}

void EngineSet::configure(dbt::DbtConfig& config) {
  config.tiers.fallback = interp_.get();
  config.tiers.cold = interp_.get();
  if (choice_->llvm) {
    config.tiers.load_warm = [this, listing = bool(config.dump.wants)] { return load_llvm(listing); };
    config.tiers.warm_after = choice_->warm_after;
  }
  if (!slab_) return;
  config.code_space_left = [this] { return size_t(slab_->capacity() - slab_->used()); };
  config.reset_code_memory = [this](const CodeWriteToken& token) { slab_->reset(token); };
}

Expected<Engine*> EngineSet::to_show() {
  if (choice_->llvm) return load_llvm(true);
  return interp_.get();
}

}  // namespace mimus::cli
