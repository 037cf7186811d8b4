// Placement: firmware at the start of RAM; the payload at its text offset (2 MiB); the initrd behind the payload and
// behind the middle of RAM (at most 512 MiB in); the device tree in the last 2 MiB of RAM below 3 GiB.
#include "machines/virt/boot.h"

#include <fmt/format.h>

#include <algorithm>

#include "machines/load/elf.h"
#include "machines/load/file.h"
#include "machines/virt/given_tree.h"
#include "machines/virt/memory_map.h"
#include "machines/virt/own_firmware.h"
#include "machines/virt/placement.h"

namespace mimus::virt {
namespace {

constexpr u64 kMiB = 1 << 20;

// struct fw_dynamic_info of OpenSBI (include/sbi/fw_dynamic.h, version 2).
struct DynamicInfo {
  u64 magic = 0x4942534f;
  u64 version = 2;
  u64 next_address = 0;
  u64 next_mode = 1;  // S
  u64 options = 0;
  u64 boot_hart = 0;
};

// Enters `start` in M-mode with a0 = hart, a1 = device tree, a2 = DynamicInfo.
std::vector<u8> reset_vector(GuestPa start, GuestPa device_tree, const DynamicInfo& info) {
  struct Rom {
    u32 code[6] = {
        0x00000297,  // auipc t0, 0
        0x02828613,  // addi  a2, t0, 40      -> info
        0xf1402573,  // csrr  a0, mhartid
        0x0202b583,  // ld    a1, 32(t0)      -> device_tree
        0x0182b283,  // ld    t0, 24(t0)      -> start
        0x00028067,  // jr    t0
    };
    u64 start, device_tree;
    DynamicInfo info;
  } rom{.start = start, .device_tree = device_tree, .info = info};
  static_assert(offsetof(Rom, start) == 24 && offsetof(Rom, device_tree) == 32 && offsetof(Rom, info) == 40);
  std::vector<u8> bytes(sizeof rom);
  std::memcpy(bytes.data(), &rom, sizeof rom);
  return bytes;
}

PayloadRules rules(const MachineConfig& config, const char* what, u64 flat_offset) {
  return {what, kElfRiscv, kRamBase, config.memory, kRamBase + flat_offset};
}

class Loader {
 public:
  Loader(const MachineConfig& config, RiscvTreeInfo& tree) : config_(config), tree_(tree) {}

  Expected<BootImage> run() {
    MIMUS_CHECK(load_firmware());
    MIMUS_CHECK(load_kernel());
    MIMUS_CHECK(load_device_tree());
    MIMUS_CHECK(check_overlap(image_.parts));
    image_.rom = reset_vector(start_, tree_address_, info_);
    return std::move(image_);
  }

 private:
  bool bare() const { return config_.firmware == "none"; }
  GuestPa ram_end() const { return kRamBase + config_.memory; }

  void add(Payload payload) {
    for (PayloadPart& part : payload.parts) image_.parts.push_back(std::move(part));
  }

  Expected<void> load_firmware() {
    tree_.own_firmware = config_.firmware.empty();
    start_ = kRamBase;
    if (bare()) return {};
    if (tree_.own_firmware) {
      auto blob = own_firmware();
      image_.parts.push_back({kRamBase, {blob.begin(), blob.end()}});
      return {};
    }
    MIMUS_TRY(auto firmware, load_payload(config_.firmware, rules(config_, "firmware", 0)));
    start_ = firmware.entry;
    add(std::move(firmware));
    return {};
  }

  Expected<void> load_kernel() {
    info_.next_address = kRamBase + kPayloadOffset;
    payload_end_ = info_.next_address;
    if (!config_.flash.empty()) {  // its firmware takes the kernel from fw_cfg
      info_.next_address = kFlashBase;
      payload_end_ = kRamBase + kPayloadOffset;
      if (bare()) start_ = kFlashBase;
      return {};
    }
    if (config_.kernel.empty()) {
      if (tree_.own_firmware || bare()) {
        return usage_error(
            "nothing to boot: name a kernel (--kernel FILE: a Linux Image, an ELF file or a flat binary "
            "such as U-Boot's), a --flash with UEFI firmware, or a --firmware that has its payload inside");
      }
      if (!config_.initrd.empty()) return usage_error("--initrd without --kernel: the kernel is what would use it");
      return {};
    }
    MIMUS_TRY(auto kernel, load_payload(config_.kernel, rules(config_, "kernel", bare() ? 0 : kPayloadOffset)));
    if (bare()) start_ = kernel.entry;
    info_.next_address = kernel.entry;
    payload_end_ = kernel.end;
    add(std::move(kernel));
    return {};
  }

  Expected<std::vector<u8>> make_tree() const {
    if (config_.device_tree.empty()) return make_device_tree(tree_);
    auto tree = complete_given_tree(given_tree_, tree_);
    if (!tree) return fail(fmt::format("device tree {}: {}", config_.device_tree, tree.error().message));
    return tree;
  }

  // Needs the device tree's final size, which the initrd's address does not change.
  Expected<void> load_device_tree() {
    Bytes initrd;
    if (!config_.initrd.empty() && config_.flash.empty()) {
      MIMUS_TRY(initrd, read_file(config_.initrd, "initrd"));
      tree_.initrd = TreeInfo::Range{0, 0};
    }
    if (!config_.device_tree.empty()) {
      MIMUS_TRY(given_tree_, read_file(config_.device_tree, "device tree"));
    }
    MIMUS_TRY(auto draft, make_tree());
    const GuestPa limit = std::min(ram_end(), GuestPa{3} << 30);
    tree_address_ = align_down(limit - draft.size(), 2 * kMiB);
    if (tree_address_ < kRamBase + kPayloadOffset)
      return fail("RAM is too small for this board: use --memory 16M or more");
    if (tree_.initrd) {
      MIMUS_TRY(tree_.initrd,
                place_initrd(config_, kRamBase, payload_end_, tree_address_, std::move(initrd), image_.parts));
    }
    MIMUS_TRY(auto tree, make_tree());
    image_.parts.push_back({tree_address_, Bytes(tree.begin(), tree.end())});
    return {};
  }

  const MachineConfig& config_;
  RiscvTreeInfo& tree_;
  BootImage image_;
  Bytes given_tree_;
  DynamicInfo info_;
  GuestPa start_ = 0;
  GuestPa payload_end_ = 0;
  GuestPa tree_address_ = 0;
};

}  // namespace

Expected<BootImage> make_boot_image(const MachineConfig& config, RiscvTreeInfo tree) {
  return Loader(config, tree).run();
}

}  // namespace mimus::virt
