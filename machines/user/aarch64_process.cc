#include "machines/user/aarch64_process.h"

#include <fmt/format.h>
#include <linux/prctl.h>
#include <sys/random.h>

#include <cerrno>

namespace mimus::user {
namespace {

// arch/arm64/kernel/cpuinfo.c has the names that programs look for.
constexpr std::string_view kHwcapNames[] = {
    "fp",    "asimd",    "evtstrm", "aes",   "pmull",  "sha1",  "sha2", "crc32", "atomics", "fphp",    "asimdhp",
    "cpuid", "asimdrdm", "jscvt",   "fcma",  "lrcpc",  "dcpop", "sha3", "sm3",   "sm4",     "asimddp", "sha512",
    "sve",   "asimdfhm", "dit",     "uscat", "ilrcpc", "flagm", "ssbs", "sb",    "paca",    "pacg"};
struct Hwcap2Name {
  u8 bit;
  std::string_view name;
};
constexpr Hwcap2Name kHwcap2Names[] = {{0, "dcpodp"}, {7, "flagm2"}, {8, "frint"}, {13, "i8mm"},
                                       {14, "bf16"},  {16, "rng"},   {17, "bti"},  {43, "mops"}};

s64 reset_keys(aarch64::Aarch64State& s, u64 keys) {
  if (keys & ~kAllKeys) return -EINVAL;
  new_keys(s, keys ? keys : kAllKeys);
  return 0;
}
s64 enable_keys(aarch64::Aarch64State& s, u64 affected, u64 enabled) {
  constexpr u64 kAddressKeys = 0xf;
  if (affected & ~kAddressKeys || enabled & ~affected) return -EINVAL;
  s.pauth_enabled = (s.pauth_enabled & ~affected) | enabled;
  return 0;
}

}  // namespace

void new_keys(aarch64::Aarch64State& s, u64 keys) {
  for (unsigned i = 0; i < std::size(s.pauth_keys); ++i) {
    if (!bit(keys, i)) continue;
    while (getrandom(&s.pauth_keys[i], sizeof s.pauth_keys[i], 0) != ssize_t(sizeof s.pauth_keys[i])) {
    }
    // The fast algorithm multiplies by it.
    s.pauth_keys[i].hi |= 1;
  }
}

std::optional<s64> aarch64_control(aarch64::Aarch64State& s, AddressSpace& memory, const u64* arg) {
  const bool pauth = s.model->has(aarch64::Feat::PAuth);
  switch (arg[0]) {
    case PR_PAC_RESET_KEYS: return !pauth || arg[2] || arg[3] || arg[4] ? -EINVAL : reset_keys(s, arg[1]);
    case PR_PAC_SET_ENABLED_KEYS: return !pauth || arg[3] || arg[4] ? -EINVAL : enable_keys(s, arg[1], arg[2]);
    case PR_PAC_GET_ENABLED_KEYS:
      return !pauth || arg[1] || arg[2] || arg[3] || arg[4] ? -EINVAL : s64(s.pauth_enabled);
    case PR_SET_TAGGED_ADDR_CTRL:
      if (arg[1] & ~u64{PR_TAGGED_ADDR_ENABLE} || arg[2] || arg[3] || arg[4]) return -EINVAL;
      memory.ignore_bits(arg[1] ? kAddressTag : 0);
      return 0;
    case PR_GET_TAGGED_ADDR_CTRL:
      if (arg[1] || arg[2] || arg[3] || arg[4]) return -EINVAL;
      return memory.ignored_bits() ? PR_TAGGED_ADDR_ENABLE : 0;
    default: return std::nullopt;
  }
}

bool aarch64_wants_bti(std::span<const u8> properties) {
  constexpr u32 kFeatures = 0xc000'0000, kBti = 1;
  struct {
    u32 type, bytes;
  } head;
  while (properties.size() >= sizeof head) {
    std::memcpy(&head, properties.data(), sizeof head);
    properties = properties.subspan(sizeof head);
    if (head.bytes > properties.size()) return false;
    u32 flags = 0;
    if (head.type == kFeatures && head.bytes == sizeof flags) {
      std::memcpy(&flags, properties.data(), sizeof flags);
      return flags & kBti;
    }
    properties = properties.subspan(std::min<size_t>(align_up(u64{head.bytes}, 8), properties.size()));
  }
  return false;
}

std::string aarch64_cpuinfo(u64 hwcap, u64 hwcap2, u64 midr, unsigned cpus) {
  std::string names, text;
  for (unsigned i = 0; i < std::size(kHwcapNames); ++i)
    if (bit(hwcap, i)) names += fmt::format("{}{}", names.empty() ? "" : " ", kHwcapNames[i]);
  for (const Hwcap2Name& row : kHwcap2Names)
    if (bit(hwcap2, row.bit)) names += fmt::format(" {}", row.name);
  for (unsigned i = 0; i < cpus; i++)
    text += fmt::format(
        "processor\t: {}\nBogoMIPS\t: 125.00\nFeatures\t: {}\nCPU implementer\t: 0x{:02x}\nCPU architecture: 8\n"
        "CPU variant\t: 0x{:x}\nCPU part\t: 0x{:03x}\nCPU revision\t: {}\n\n",
        i, names, bits(midr, 24, 8), bits(midr, 20, 4), bits(midr, 4, 12), bits(midr, 0, 4));
  return text;
}

}  // namespace mimus::user
