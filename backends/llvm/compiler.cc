#include "backends/llvm/compiler.h"

#include <mutex>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Analysis/TypeBasedAliasAnalysis.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/CodeGen/ExpandReductions.h>
#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Transforms/Scalar.h>
#pragma GCC diagnostic pop

namespace mimus::jit {
namespace {

constexpr u32 kModulesPerContext = 256;  // a context keeps every constant and type it has seen

// Keeps errors that LLVM reports while compiling from ending the process.
class Diagnostics : public llvm::DiagnosticHandler {
 public:
  explicit Diagnostics(std::string& first) : first_(first) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo& info) override {
    if (info.getSeverity() != llvm::DS_Error || !first_.empty()) return true;
    llvm::raw_string_ostream out(first_);
    llvm::DiagnosticPrinterRawOStream printer(out);
    info.print(printer);
    return true;
  }

 private:
  std::string& first_;
};

void initialise_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
}

const llvm::AnalysisID kUnused[] = {
    &llvm::StackMapLivenessID,  // does not know what MXCSR is
    // for what this engine's functions never have
    &llvm::FixupStatepointCallerSavedID, &llvm::GCMachineCodeAnalysisID, &llvm::MachineSanitizerBinaryMetadataID,
    &llvm::RemoveRedundantDebugValuesID, &llvm::LiveDebugValuesID, &llvm::PatchableFunctionID,
    &llvm::XRayInstrumentationID, &llvm::FEntryInserterID, &llvm::FuncletLayoutID, &llvm::StackColoringID,
    &llvm::LocalStackSlotAllocationID, &llvm::ShrinkWrapID,
    // what hardly ever finds anything in them
    &llvm::OptimizePHIsID, &llvm::EarlyIfConverterID, &llvm::MachineCombinerID, &llvm::DetectDeadLanesID,
    &llvm::LiveRangeShrinkID, &llvm::EarlyMachineLICMID, &llvm::MachineLICMID, &llvm::RenameIndependentSubregsID,
    &llvm::StackSlotColoringID, &llvm::MachineLateInstrsCleanupID, &llvm::EarlyTailDuplicateID, &llvm::TailDuplicateID,
    &llvm::PostRAMachineSinkingID};

// LLVM's own code generation pipeline without what does not pay for code that has just been made by this engine: it
// comes without redundant loads, dead code or loop-invariant arithmetic, and compile time is what limits the tier.
bool add_passes(llvm::LLVMTargetMachine& machine, llvm::legacy::PassManager& passes, llvm::raw_pwrite_stream& out,
                bool vectors) {
  auto* modules = new llvm::MachineModuleInfoWrapperPass(&machine);
  llvm::TargetPassConfig* config = machine.createPassConfig(passes);
  config->setDisableVerify(true);
  for (llvm::AnalysisID pass : kUnused) config->disablePass(pass);
  passes.add(config);
  passes.add(modules);
  passes.add(new llvm::TargetLibraryInfoWrapperPass(machine.getTargetTriple()));
  passes.add(llvm::createTargetTransformInfoWrapperPass(machine.getTargetIRAnalysis()));
  passes.add(llvm::createTypeBasedAAWrapperPass());
  passes.add(llvm::Pass::createPass(&llvm::AtomicExpandID));
  if (vectors) {
    passes.add(llvm::createScalarizeMaskedMemIntrinLegacyPass());
    passes.add(llvm::createExpandReductionsPass());
  }
  if (config->addInstSelector()) return false;
  passes.add(llvm::Pass::createPass(&llvm::FinalizeISelID));
  config->addMachinePasses();
  config->setInitialized();
  if (machine.addAsmPrinter(passes, out, nullptr, llvm::CodeGenFileType::ObjectFile, modules->getMMI().getContext()))
    return false;
  passes.add(llvm::createFreeMachineFunctionPass());
  return true;
}

}  // namespace

Compiler::Compiler() = default;
Compiler::~Compiler() = default;

Expected<std::unique_ptr<Compiler>> Compiler::create() {
  initialise_llvm();
  std::unique_ptr<Compiler> compiler(new Compiler);
  MIMUS_CHECK(compiler->start());
  return compiler;
}

namespace {

std::string feature_list() {
  std::string list;
  for (const auto& feature : llvm::sys::getHostCPUFeatures())
    list += (list.empty() ? "" : ",") + std::string(feature.second ? "+" : "-") + feature.first().str();
  return list + ",-avx512f";
}

}  // namespace

std::string Compiler::target() {
  return LLVM_VERSION_STRING " " + llvm::sys::getHostCPUName().str() + ' ' + feature_list();
}

Expected<void> Compiler::start() {
  const std::string triple = "x86_64-unknown-linux-gnu";
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) return fail("LLVM has no x86-64 target: " + error);
  const auto host = llvm::sys::getHostCPUFeatures();
  const auto has = [&](const char* name) { return host.lookup(name); };
  features_ = {.fma = has("fma"),
               .pclmul = has("pclmul"),
               .ssse3 = has("ssse3"),
               .sse41 = has("sse4.1"),
               .aes = has("aes"),
               .sha = has("sha")};
  llvm::TargetOptions options;
  options.UniqueSectionNames = false;
  options.TrapUnreachable = false;
  options.EnableFastISel = false;
  machine_.reset(target->createTargetMachine(triple, llvm::sys::getHostCPUName(), feature_list(), options,
                                             llvm::Reloc::PIC_, llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default,
                                             true));
  if (!machine_) return fail("LLVM cannot generate code for this host");
  return {};
}

void Compiler::renew_context() {
  diagnostic_.clear();
  if (context_ && modules_++ < kModulesPerContext) return;
  modules_ = 0;
  context_ = std::make_unique<llvm::LLVMContext>();
  context_->setDiscardValueNames(true);
  context_->setDiagnosticHandler(std::make_unique<Diagnostics>(diagnostic_));
}

Expected<CompiledRegion> Compiler::compile(const ir::Region& region, const RuntimeLayout& layout,
                                           const PrepareOptions& options, bool keep_listing, u32 access_slack) {
  renew_context();
  llvm::Module module("region", *context_);
  module.setDataLayout(machine_->createDataLayout());
  module.setTargetTriple(machine_->getTargetTriple().str());
  module.setPICLevel(llvm::PICLevel::BigPIC);
  CompiledRegion result;
  const RegionPlan plan = make_plan(region, layout);
  Lowering lowering(module, plan, layout, options, features_, access_slack);
  MIMUS_CHECK(lowering.run());
  result.stubs.assign(lowering.stubs().begin(), lowering.stubs().end());
  result.cold_sites.assign(lowering.cold_sites().begin(), lowering.cold_sites().end());
  result.memory = layout.memory;
  result.wide_vectors = plan.uses_wide_vectors;
  if (keep_listing) {
    llvm::raw_string_ostream out(result.listing);
    module.print(out, nullptr);
  }
  MIMUS_TRY(result.object, generate(module, plan.uses_vectors));
  return result;
}

bool Compiler::can_lower(const ir::Inst& inst, std::span<const ir::Type> operands, const RuntimeLayout& layout) {
  renew_context();
  llvm::Module module("region", *context_);
  ir::Block block;
  block.pool.resize(512);
  ir::Inst copy = inst;
  for (unsigned i = 0; i < operands.size(); ++i) {
    const bool wide = operands[i].is_vector() || operands[i].bits() > 64;
    block.insts.push_back({wide ? ir::Op::constant_wide : ir::Op::constant, 0, operands[i], {}, 0});
    copy.args[i] = i;
  }
  if (ir::info(inst.op).imm == ir::ImmKind::pool) copy.imm = 0;
  block.insts.push_back(copy);
  block.insts.push_back({ir::Op::end, 0, {}, {}, 0});
  block.exits.push_back({.kind = ir::Exit::Kind::yield});
  const ir::Region region{{&block}};
  const RegionPlan plan = make_plan(region, layout);
  return Lowering(module, plan, layout, {}, features_).run().has_value();
}

Expected<std::vector<u8>> Compiler::compile_text(std::string_view text) {
  renew_context();
  llvm::SMDiagnostic error;
  context_->setDiscardValueNames(false);  // text has names
  auto module = llvm::parseAssemblyString(llvm::StringRef(text), error, *context_);
  context_->setDiscardValueNames(true);
  if (!module) return fail("LLVM assembly: " + error.getMessage().str());
  module->setDataLayout(machine_->createDataLayout());
  module->setTargetTriple(machine_->getTargetTriple().str());
  return generate(*module, true);
}

Expected<std::vector<u8>> Compiler::generate(llvm::Module& module, bool vectors) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  if (!add_passes(static_cast<llvm::LLVMTargetMachine&>(*machine_), passes, out, vectors))
    return fail("LLVM cannot emit objects for this host");
  passes.run(module);
  if (!diagnostic_.empty()) return fail("LLVM: " + diagnostic_);
  return std::vector<u8>(bytes.begin(), bytes.end());
}

}  // namespace mimus::jit
