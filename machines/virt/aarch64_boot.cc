// Placement: the device tree at the start of RAM, where firmware looks for it; the kernel 2 MiB in, at its text offset;
// the initrd behind the kernel and behind the middle of RAM (at most 512 MiB in).
#include "machines/virt/aarch64_boot.h"

#include <fmt/format.h>

#include "machines/load/elf.h"
#include "machines/load/file.h"
#include "machines/virt/aarch64_memory_map.h"
#include "machines/virt/given_tree.h"
#include "machines/virt/placement.h"

namespace mimus::virt::aarch64 {
namespace {

// Enters `start` with x0 = device tree, x1 to x3 = 0.
std::vector<u8> reset_vector(GuestPa start, GuestPa device_tree) {
  struct Rom {
    u32 code[6] = {
        0x580000c0,  // ldr x0, device_tree
        0xaa1f03e1,  // mov x1, xzr
        0xaa1f03e2,  // mov x2, xzr
        0xaa1f03e3,  // mov x3, xzr
        0x58000084,  // ldr x4, start
        0xd61f0080,  // br  x4
    };
    u64 device_tree, start;
  } rom{.device_tree = device_tree, .start = start};
  static_assert(offsetof(Rom, device_tree) == 24 && offsetof(Rom, start) == 32);
  std::vector<u8> bytes(sizeof rom);
  std::memcpy(bytes.data(), &rom, sizeof rom);
  return bytes;
}

Expected<std::vector<u8>> make_tree(const MachineConfig& config, const Aarch64TreeInfo& info) {
  if (config.device_tree.empty()) return make_device_tree(info);
  MIMUS_TRY(auto given, read_file(config.device_tree, "device tree"));
  auto tree = complete_given_tree(given, info);
  if (!tree) return fail(fmt::format("device tree {}: {}", config.device_tree, tree.error().message));
  return tree;
}

Expected<void> add_kernel(const MachineConfig& config, Aarch64TreeInfo& tree, BootImage& image) {
  const PayloadRules rules{"kernel", kElfAarch64, kRamBase, config.memory, kRamBase + kTreeRoom, kTreeRoom};
  MIMUS_TRY(auto kernel, load_payload(config.kernel, rules));
  image.rom = reset_vector(kernel.entry, kRamBase);
  for (PayloadPart& part : kernel.parts) image.parts.push_back(std::move(part));
  if (config.initrd.empty()) return {};
  MIMUS_TRY(auto initrd, read_file(config.initrd, "initrd"));
  MIMUS_TRY(tree.initrd,
            place_initrd(config, kRamBase, kernel.end, kRamBase + config.memory, std::move(initrd), image.parts));
  return {};
}

}  // namespace

Expected<BootImage> make_boot_image(const MachineConfig& config, Aarch64TreeInfo tree) {
  BootImage image;
  if (config.flash.empty()) {  // else its firmware takes the kernel from fw_cfg
    if (config.kernel.empty()) {
      return usage_error(
          "nothing to boot: name a kernel (--kernel FILE: a Linux Image, an ELF file or a flat binary), a --firmware "
          "such as U-Boot's, or a --flash with UEFI firmware");
    }
    MIMUS_CHECK(add_kernel(config, tree, image));
  }
  MIMUS_TRY(auto blob, make_tree(config, tree));
  if (blob.size() > kTreeRoom) return fail("the device tree is larger than 2 MiB");
  image.parts.push_back({kRamBase, Bytes(blob.begin(), blob.end())});
  MIMUS_CHECK(check_overlap(image.parts));
  return image;
}

}  // namespace mimus::virt::aarch64
