// The engines of a run, by the choice of the user:
//   interp    the interpreter alone
//   baseline  the fast compiler alone
//   llvm      the interpreter for what runs a few times, LLVM for the rest
//   auto      baseline, and LLVM for what is hot; without the LLVM module baseline alone
// The interpreter stands behind each of them, for what they cannot compile.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "accel/dbt/dbt.h"
#include "backends/emit/slab.h"
#include "backends/emit/thunks.h"
#include "core/engine/engine.h"
#include "core/engine/frontend.h"
#include "core/engine/region_store.h"

namespace mimus::cli {

class EngineSet {
 public:
  struct Tuning {
    std::optional<u32> warm_after = {};               // executions that make code hot; default: by the choice
    u64 code_memory = emit::CodeSlab::kDefaultBytes;  // bytes of host code
    MemoryModel memory = MemoryModel::soft_tlb;       // flat: for a process
  };
  static constexpr u64 kLeastCodeMemory = u64{2} << 20;

  // `frontend` must outlive the set, and the set the accelerator. Errors are of kind `usage` for values out of range.
  static Expected<std::unique_ptr<EngineSet>> make(const Frontend& frontend, const std::string& choice,
                                                   const Tuning& tuning);

  // Fills in what the accelerator needs: tiers and the management of code memory.
  void configure(dbt::CodeConfig& config);
  // What saved code of the cold tier depends on; empty: it has none.
  std::string saved_code_identity() const;
  // Tells `listener` about all generated code. Call it before there is any.
  void listen(std::unique_ptr<emit::CodeListener> listener);
  // The engine whose code `mimus dump` shows; listings are complete.
  Expected<Engine*> to_show();

 private:
  EngineSet(const Frontend& frontend, MemoryModel memory) : layout_{frontend.layout(), frontend.helpers(), memory} {}
  Expected<void> make_code_memory(u64 bytes);
  Expected<Engine*> load_llvm(bool keep_listing, RegionStore* store);
  bool has_warm() const;

  struct Choice;  // a row of the table of choices
  const Choice* choice_ = nullptr;
  u32 warm_after_ = 0, warm_rate_ = 0;
  RuntimeLayout layout_;
  std::unique_ptr<emit::CodeSlab> slab_;
  std::unique_ptr<emit::HostRuntime> host_;
  std::unique_ptr<Engine> interp_, baseline_, llvm_;
};

}  // namespace mimus::cli
