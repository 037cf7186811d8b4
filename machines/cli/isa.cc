#include "machines/cli/isa.h"

#include <fmt/format.h>

#include "frontends/aarch64/aarch64.h"
#include "frontends/riscv/riscv.h"
#include "machines/load/elf.h"
#include "machines/virt/aarch64_memory_map.h"
#include "machines/virt/aarch64_virt.h"
#include "machines/virt/memory_map.h"
#include "machines/virt/riscv_virt.h"

namespace mimus::cli {
namespace {

Expected<Isa> make_riscv64(const CpuOptions& options) {
  MIMUS_TRY(auto model, riscv::parse_cpu_model(options.cpu));
  Isa isa;
  isa.elf_machine = kElfRiscv;
  isa.make_board = [model](const std::string& machine) -> Expected<std::unique_ptr<Board>> {
    if (machine != "virt") return usage_error(fmt::format("--machine {}: riscv64 has the board virt", machine));
    return virt::make_riscv_virt(
        {riscv::isa_string(model), riscv::isa_extensions(model), riscv::kCacheBlock, model.has(riscv::Ext::Sv57)});
  };
  isa.frontend = make_riscv_frontend(model);
  isa.features = riscv::isa_extensions(model);
  return isa;
}

Expected<Isa> make_aarch64(const CpuOptions& options) {
  MIMUS_TRY(auto model, aarch64::parse_cpu_model(options.cpu));
  Isa isa;
  isa.elf_machine = kElfAarch64;
  isa.make_board = [model](const std::string& machine) -> Expected<std::unique_ptr<Board>> {
    if (machine != "virt") return usage_error(fmt::format("--machine {}: aarch64 has the board virt", machine));
    const std::string compatible = model.name == "max" ? "arm,armv8" : fmt::format("arm,{}", model.name);
    using Psci = virt::Aarch64CpuInfo::Psci;
    const Psci psci = model.el3() ? Psci::none : model.el2() ? Psci::smc : Psci::hvc;
    return virt::make_aarch64_virt({.psci = psci, .el2 = model.el2(), .compatible = compatible, .pmu = false});
  };
  isa.frontend = make_aarch64_frontend(model);
  isa.features = aarch64::feature_names(model);
  return isa;
}

struct Row {
  std::string_view name;
  Expected<Isa> (*make)(const CpuOptions&);
  u64 timebase_hz;
};
constexpr Row kIsas[] = {{"riscv64", make_riscv64, virt::kTimebaseHz},
                         {"aarch64", make_aarch64, virt::aarch64::kTimebaseHz}};

}  // namespace

Expected<Isa> make_isa(const CpuOptions& options) {
  std::string known;
  for (const Row& row : kIsas) {
    if (row.name == options.isa) return row.make(options);
    known += fmt::format("{}{}", known.empty() ? "" : ", ", row.name);
  }
  return usage_error(fmt::format("--isa {}: known instruction sets: {}", options.isa, known));
}

u64 timebase_hz(std::string_view isa) {
  for (const Row& row : kIsas)
    if (row.name == isa) return row.timebase_hz;
  return kIsas[0].timebase_hz;
}

}  // namespace mimus::cli
