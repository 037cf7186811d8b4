// What programs of AArch64 may ask of Linux about their CPU: keys of pointer authentication, tagged addresses, branch
// targets, /proc/cpuinfo. Sources: Linux Documentation/arch/arm64 (pointer-authentication.rst, tagged-address-abi.rst,
// elf_hwcaps.rst), arch/arm64/include/uapi/asm/mman.h.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "frontends/aarch64/state.h"
#include "machines/user/address_space.h"

namespace mimus::user {

inline constexpr int kProtBti = 0x10;
inline constexpr u64 kAddressTag = u64{0xff} << 56;
inline constexpr u64 kAllKeys = 0x1f;  // APIA, APIB, APDA, APDB, APGA

// Random values for the keys named, a bit each.
void new_keys(aarch64::Aarch64State& state, u64 keys);
// prctl(2): PR_PAC_*, PR_*_TAGGED_ADDR_CTRL. Nothing for other requests.
std::optional<s64> aarch64_control(aarch64::Aarch64State& state, AddressSpace& memory, const u64* arg);
// GNU_PROPERTY_AARCH64_FEATURE_1_BTI in a list of program properties.
bool aarch64_wants_bti(std::span<const u8> properties);
std::string aarch64_cpuinfo(u64 hwcap, u64 hwcap2, u64 midr, unsigned cpus);

}  // namespace mimus::user
