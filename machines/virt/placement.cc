#include "machines/virt/placement.h"

#include <fmt/format.h>

#include <algorithm>

namespace mimus::virt {
namespace {

constexpr u64 kMiB = 1 << 20;

}  // namespace

Expected<TreeInfo::Range> place_initrd(const MachineConfig& config, GuestPa ram, GuestPa kernel_end, GuestPa limit,
                                       Bytes initrd, std::vector<PayloadPart>& parts) {
  GuestPa at = align_up(kernel_end, 2 * kMiB);
  const GuestPa preferred = ram + std::min(config.memory / 2, 512 * kMiB);
  if (preferred > at && preferred + initrd.size() <= limit) at = preferred;
  if (at + initrd.size() > limit) {
    return fail(fmt::format("initrd {}: {} MiB do not fit into RAM behind the kernel: use a larger --memory",
                            config.initrd, initrd.size() / kMiB + 1));
  }
  const TreeInfo::Range range{at, at + initrd.size()};
  parts.push_back({at, std::move(initrd)});
  return range;
}

Expected<void> check_overlap(std::vector<PayloadPart>& parts) {
  std::ranges::sort(parts, {}, &PayloadPart::address);
  for (size_t i = 1; i < parts.size(); i++) {
    const PayloadPart &a = parts[i - 1], &b = parts[i];
    if (a.address + a.bytes.size() > b.address) {
      return fail(
          fmt::format("firmware, kernel, initrd and device tree do not fit beside each other: what lies at "
                      "{:#x} reaches into what lies at {:#x}; give the machine more --memory?",
                      a.address, b.address));
    }
  }
  return {};
}

}  // namespace mimus::virt
