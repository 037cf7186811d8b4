// The AArch64 frontend: the A64 instruction set of Armv8-A with the features of features.def.
// Specification: Arm Architecture Reference Manual for A-profile architecture, DDI 0487.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/engine/frontend.h"

namespace mimus {
namespace aarch64 {

enum class Feat : u8 {
#define FEATURE(id, ...) id,
#include "frontends/aarch64/features.def"
#undef FEATURE
};

inline constexpr unsigned kFeatureCount = 0
#define FEATURE(...) +1
#include "frontends/aarch64/features.def"
#undef FEATURE
    ;
// EL2 and EL3 are for boards to ask for.
inline constexpr u64 kAllFeatures =
    ((u64{1} << kFeatureCount) - 1) & ~(u64{1} << unsigned(Feat::EL2) | u64{1} << unsigned(Feat::EL3));

// What one processing element can do. Equal for all of a machine.
struct CpuModel {
  std::string name = "max";
  u64 features = kAllFeatures;  // bit per Feat
  GuestPc reset_pc = 0;
  u64 midr_el1 = 0x000f'0510;   // MIDR_EL1: implementer "reserved for software use"
  unsigned physical_bits = 48;  // of addresses: ID_AA64MMFR0_EL1.PARange

  bool has(Feat feature) const { return features >> unsigned(feature) & 1; }
  bool el2() const { return has(Feat::EL2); }
  bool el3() const { return has(Feat::EL3); }
};

// "max", "cortex-a72", "neoverse-n1", each with ",+feature" and ",-feature" after it. Errors name the bad word.
Expected<CpuModel> parse_cpu_model(std::string_view text);
// {"fp", "asimd", "crc32", ...}
std::vector<std::string> feature_names(const CpuModel& model);

// What Linux tells programs in AT_HWCAP and AT_HWCAP2, and the names in /proc/cpuinfo.
struct HardwareCapabilities {
  u64 hwcap = 0, hwcap2 = 0;
};
inline constexpr u64 kHwcap2Bti = 1 << 17;
HardwareCapabilities hardware_capabilities(const std::vector<std::string>& features);

// Bytes of the block that DC ZVA clears, and of a cache line (CTR_EL0, DCZID_EL0).
inline constexpr unsigned kZeroBlock = 64, kCacheLine = 64;

}  // namespace aarch64

std::unique_ptr<Frontend> make_aarch64_frontend(const aarch64::CpuModel& model);

}  // namespace mimus
