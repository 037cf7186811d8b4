// Code generators with a code slab of their own.
#pragma once

#include "backends/baseline/engine.h"
#include "backends/llvm/engine.h"

extern "C" mimus::Engine* mimus_make_llvm_engine(const mimus::LlvmEngineConfig*, mimus::Error*);

namespace mimus::test {

class OwnedEngine : public Engine {
 public:
  std::string_view name() const override { return engine_->name(); }
  Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) override {
    return engine_->prepare(region, options);
  }
  std::string saved_code_identity() const override { return engine_->saved_code_identity(); }
  Expected<std::unique_ptr<Code>> load(std::span<const u8> saved, const PrepareOptions& options) override {
    return engine_->load(saved, options);
  }
  emit::CodeSlab& slab() { return *slab_; }

 protected:
  OwnedEngine(const RuntimeLayout& layout, const emit::HostFeatures& features)
      : slab_(std::move(*emit::CodeSlab::create(32 << 20))),
        runtime_(std::move(*emit::HostRuntime::create(*slab_, layout.state, features))) {}

  std::unique_ptr<emit::CodeSlab> slab_;
  std::unique_ptr<emit::HostRuntime> runtime_;
  std::unique_ptr<Engine> engine_;
};

class OwnedBaseline final : public OwnedEngine {
 public:
  explicit OwnedBaseline(const RuntimeLayout& layout, const emit::HostFeatures& features = emit::HostFeatures::probe())
      : OwnedEngine(layout, features) {
    engine_ = make_baseline_engine(layout, *slab_, *runtime_);
  }
};

class OwnedLlvm final : public OwnedEngine {
 public:
  explicit OwnedLlvm(const RuntimeLayout& layout) : OwnedEngine(layout, emit::HostFeatures::probe()) {
    Error error;
    const LlvmEngineConfig config{layout, slab_.get(), runtime_.get()};
    engine_.reset(mimus_make_llvm_engine(&config, &error));
  }
};

// Code that one engine makes, saves and forgets, and another, with a slab elsewhere, loads.
class SavedBaseline final : public Engine {
 public:
  explicit SavedBaseline(const RuntimeLayout& layout, const emit::HostFeatures& features = emit::HostFeatures::probe())
      : maker_(layout, features), user_(layout, features) {
    shift();
  }

  std::string_view name() const override { return "saved baseline"; }
  Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) override {
    PrepareOptions savable = options;
    savable.savable = true;
    savable.code_id = ~options.code_id;
    MIMUS_TRY(const auto made, maker_.prepare(region, savable));
    std::vector<u8> bytes;
    if (!made->save(bytes)) {
      ++unsaved;
      return user_.prepare(region, options);
    }
    ++saved;
    return user_.load(bytes, options);
  }
  unsigned saved = 0, unsaved = 0;

 private:
  // So that nothing is at the same place in both slabs.
  void shift() {
    (void)user_.slab().allocate(4096 + 16);
    (void)user_.slab().allocate_counter();
  }
  OwnedBaseline maker_, user_;
};

}  // namespace mimus::test
