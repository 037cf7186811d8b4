// A baseline engine with a code slab of its own.
#pragma once

#include "backends/baseline/engine.h"

namespace mimus::test {

class OwnedBaseline final : public Engine {
 public:
  explicit OwnedBaseline(const RuntimeLayout& layout, const emit::HostFeatures& features = emit::HostFeatures::probe())
      : slab_(std::move(*emit::CodeSlab::create(32 << 20))),
        runtime_(std::move(*emit::HostRuntime::create(*slab_, layout.state, features))),
        engine_(make_baseline_engine(layout, *slab_, *runtime_)) {}

  std::string_view name() const override { return engine_->name(); }
  Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) override {
    return engine_->prepare(region, options);
  }
  emit::CodeSlab& slab() { return *slab_; }

 private:
  std::unique_ptr<emit::CodeSlab> slab_;
  std::unique_ptr<emit::HostRuntime> runtime_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace mimus::test
