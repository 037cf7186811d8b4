#include "machines/cli/engines.h"

#include <fmt/format.h>

#include "backends/baseline/engine.h"
#include "backends/interp/interp.h"
#include "backends/llvm/engine.h"
#include "core/base/module.h"

namespace mimus::cli {

struct EngineSet::Choice {
  std::string_view name;
  bool baseline;   // from the first execution on
  bool llvm;       // for what is hot
  bool need_llvm;  // its absence is an error
  u32 warm_after;  // executions that make code hot
  u32 warm_rate;   // and how many a millisecond make it worth compiling
};

namespace {

// Executions of a block before LLVM takes it on: a region costs it milliseconds, so what baseline runs has to run
// often.
constexpr u32 kInterpThreshold = 1000, kBaselineThreshold = 60000;
constexpr u32 kInterpRate = 1, kBaselineRate = 2000;
// Programs are often over before LLVM is loaded: theirs has to run this many times as often.
constexpr u32 kProcessPatience = 10;

Expected<MakeLlvmEngine> llvm_factory() {
  return load_factory<MakeLlvmEngine>(kLlvmModule, kLlvmFactory, "the llvm engine", "libllvm19");
}

}  // namespace

Expected<std::unique_ptr<EngineSet>> EngineSet::make(const Frontend& frontend, const std::string& choice,
                                                     const Tuning& tuning) {
  static constexpr Choice kChoices[] = {
      {"auto", true, true, false, kBaselineThreshold, kBaselineRate},
      {"interp", false, false, false, 0, 0},
      {"baseline", true, false, false, 0, 0},
      {"llvm", false, true, true, kInterpThreshold, kInterpRate},
  };
  std::unique_ptr<EngineSet> set(new EngineSet(frontend, tuning.memory));
  std::string known;
  for (const Choice& row : kChoices) {
    if (row.name == choice) set->choice_ = &row;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  if (!set->choice_) return usage_error(fmt::format("--engine {}: known engines: {}", choice, known));
  const u32 patience = set->choice_->baseline && set->layout_.flat() ? kProcessPatience : 1;
  set->warm_after_ = tuning.warm_after.value_or(set->choice_->warm_after * patience);
  set->warm_rate_ = tuning.warm_after ? 0 : set->choice_->warm_rate;  // who sets the limit wants all that reaches it
  set->interp_ = make_interp_engine(set->layout_);
  if (!set->choice_->baseline && !set->choice_->llvm) return set;
  MIMUS_CHECK(set->make_code_memory(tuning.code_memory));
  if (set->choice_->baseline) set->baseline_ = make_baseline_engine(set->layout_, *set->slab_, *set->host_);
  if (set->choice_->need_llvm) MIMUS_CHECK(llvm_factory());
  return set;
}

Expected<void> EngineSet::make_code_memory(u64 bytes) {
  if (bytes < kLeastCodeMemory || bytes > emit::CodeSlab::kMaxBytes)
    return usage_error(
        fmt::format("--code-memory: from {}M to {}M", kLeastCodeMemory >> 20, emit::CodeSlab::kMaxBytes >> 20));
  using Kind = emit::CodeSlab::Kind;
  MIMUS_TRY(slab_, emit::CodeSlab::create(bytes, layout_.flat() ? Kind::process : Kind::machine));
  MIMUS_TRY(host_, emit::HostRuntime::create(*slab_, layout_.state));
  return {};
}

Expected<Engine*> EngineSet::load_llvm(bool keep_listing, RegionStore* store) {
  MIMUS_TRY(auto factory, llvm_factory());
  const LlvmEngineConfig config{layout_, slab_.get(), host_.get(), keep_listing, store};
  Error error;
  llvm_.reset(factory(&config, &error));
  if (!llvm_) return std::unexpected(error);
  return llvm_.get();
}

bool EngineSet::has_warm() const { return choice_->llvm; }

std::string EngineSet::saved_code_identity() const {
  if (!baseline_) return choice_->llvm ? fmt::format("llvm memory={}", u32(layout_.memory)) : "";
  return fmt::format("{} counted={}", baseline_->saved_code_identity(),
                     !has_warm()  ? "no"
                     : warm_rate_ ? "loops"
                                  : "all");
}

void EngineSet::configure(dbt::CodeConfig& config) {
  config.tiers.fallback = interp_.get();
  config.tiers.cold = baseline_ ? baseline_.get() : interp_.get();
  if (has_warm()) {
    config.tiers.load_warm = [this, listing = bool(config.dump.wants)](RegionStore* store) {
      return load_llvm(listing, store);
    };
    config.tiers.warm_after = warm_after_;
    config.tiers.warm_rate = warm_rate_;
    config.tiers.warm_loops = choice_->baseline && warm_rate_ != 0;
  }
  if (!slab_) return;
  config.code_start = slab_->exec_start();
  config.code_bytes = slab_->capacity();
  config.code_space_left = [this] { return size_t(slab_->capacity() - slab_->used()); };
  config.reset_code_memory = [this](const CodeWriteToken& token) { slab_->reset(token); };
}

void EngineSet::listen(std::unique_ptr<emit::CodeListener> listener) {
  if (slab_) slab_->set_listener(std::move(listener));
}

Expected<Engine*> EngineSet::to_show() {
  if (choice_->need_llvm) return load_llvm(true, nullptr);
  return baseline_ ? baseline_.get() : interp_.get();
}

}  // namespace mimus::cli
