// Compiler: an LLVM target machine and a code generation pipeline that are kept from one region to the next, because
// making them costs more than a small region does. One per compiling thread; not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/llvm/lower.h"
#include "core/base/error.h"

namespace mimus::jit {

struct CompiledRegion {
  std::vector<u8> object;  // ELF relocatable
  std::vector<ExitStub> stubs;
  std::vector<ColdSite> cold_sites;
  MemoryModel memory = MemoryModel::soft_tlb;
  bool wide_vectors = false;  // vectors of more than 128 bits may live across cold sites
  std::string listing;        // LLVM IR, when asked for
};

class Compiler {
 public:
  static Expected<std::unique_ptr<Compiler>> create();
  static std::string target();  // LLVM's version, the host CPU and its features
  ~Compiler();

  Expected<CompiledRegion> compile(const ir::Region& region, const RuntimeLayout& layout, const PrepareOptions& options,
                                   bool keep_listing, u32 access_slack = 0);
  // Compiles LLVM assembly text of the caller; for tests of the contracts. It must define "entry".
  Expected<std::vector<u8>> compile_text(std::string_view text);

  // Whether the lowering accepts the instruction (operand types given); for generators of tests.
  bool can_lower(const ir::Inst& inst, std::span<const ir::Type> operands, const RuntimeLayout& layout);

  const HostFeatures& features() const { return features_; }

 private:
  Compiler();
  Expected<void> start();
  Expected<std::vector<u8>> generate(llvm::Module& module, bool vectors);
  void renew_context();

  HostFeatures features_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  std::unique_ptr<llvm::LLVMContext> context_;
  std::string diagnostic_;  // the first error that LLVM reported
  u32 modules_ = 0;         // compiled in this context
};

}  // namespace mimus::jit
