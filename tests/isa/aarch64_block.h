// A few A64 instructions without memory accesses, run as one block by an engine on a state of one's own.
#pragma once

#include <memory>
#include <span>

#include "core/engine/engine.h"
#include "core/engine/frontend.h"
#include "core/memory/soft_tlb.h"
#include "frontends/aarch64/aarch64.h"
#include "frontends/aarch64/state.h"

namespace mimus::test {

class Aarch64Block {
 public:
  using MakeEngine = std::unique_ptr<Engine> (*)(const RuntimeLayout&);
  explicit Aarch64Block(MakeEngine make, const aarch64::CpuModel& model = {});

  // Translates and runs the instructions; a test failure if the IR is wrong. False if the engine declines the block:
  // `why` says what it cannot do.
  bool run(std::span<const u32> words);
  aarch64::Aarch64State& state() { return *state_; }
  std::string why;

 private:
  const aarch64::CpuModel model_;
  std::unique_ptr<Frontend> frontend_;
  RuntimeLayout layout_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<CpuState, void (*)(CpuState*)> owner_;
  aarch64::Aarch64State* state_;
  std::vector<TlbEntry> tlb_;
  std::vector<JumpEntry> jumps_;
};

}  // namespace mimus::test
