// The RISC-V frontend: RV64IMAFDC with M, S and U modes and the extensions of extensions.def.
// Specifications: The RISC-V Instruction Set Manual, Volume I (Unprivileged Architecture) and Volume II (Privileged
// Architecture), version 20240411.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/engine/frontend.h"

namespace mimus {
namespace riscv {

enum class Ext : u8 {
#define EXT(id, ...) id,
#include "frontends/riscv/extensions.def"
#undef EXT
};

inline constexpr unsigned kExtCount = 0
#define EXT(...) +1
#include "frontends/riscv/extensions.def"
#undef EXT
    ;
inline constexpr u64 kAllExtensions = (u64{1} << kExtCount) - 1;

// What one hart can do. Equal for all harts of a machine.
struct CpuModel {
  std::string name = "max";
  u64 extensions = kAllExtensions;  // bit per Ext
  GuestPc reset_pc = 0x1000;
  u64 mvendorid = 0, marchid = 0, mimpid = 0;

  bool has(Ext ext) const { return extensions >> unsigned(ext) & 1; }
};

// "max", "rv64gc" (or "rv64": no optional extension), "rva22" (the RVA22S64 profile), each with ",+ext" and ",-ext"
// after it. Errors name the bad word.
Expected<CpuModel> parse_cpu_model(std::string_view text);
// "rv64imafdc_zicbom_...": for the device tree's riscv,isa. The `s` of supervisor mode is left out.
std::string isa_string(const CpuModel& model);
// {"i", "m", ..., "zba", ...}: for riscv,isa-extensions; Sv57 shows in mmu-type instead.
std::vector<std::string> isa_extensions(const CpuModel& model);

// Line size in bytes of the cache-block operations (riscv,cbom-block-size and its like).
inline constexpr unsigned kCacheBlock = 64;

}  // namespace riscv

std::unique_ptr<Frontend> make_riscv_frontend(const riscv::CpuModel& model);

}  // namespace mimus
