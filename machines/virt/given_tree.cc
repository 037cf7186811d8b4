#include "machines/virt/given_tree.h"

#include <fmt/format.h>
#include <libfdt.h>

namespace mimus::virt {
namespace {

constexpr size_t kMostBytes = 1 << 20;
constexpr u32 kOldestVersion = 16;
constexpr size_t kRoom = 4096;  // for names and nodes that are added

class Tree {
 public:
  explicit Tree(std::span<const u8> blob, size_t more) : buffer_(blob.size() + more) {
    check(fdt_open_into(blob.data(), buffer_.data(), int(buffer_.size())));
    if (!error_) chosen_ = fdt_path_offset(buffer_.data(), "/chosen");
    if (chosen_ == -FDT_ERR_NOTFOUND) chosen_ = fdt_add_subnode(buffer_.data(), 0, "chosen");
    check(chosen_);
  }
  void string(const char* name, const std::string& value) {
    if (!error_) check(fdt_setprop_string(buffer_.data(), chosen_, name, value.c_str()));
  }
  void u64_cells(const char* name, u64 value) {
    if (!error_) check(fdt_setprop_u64(buffer_.data(), chosen_, name, value));
  }
  void bytes(const char* name, const std::vector<u8>& value) {
    if (!error_) check(fdt_setprop(buffer_.data(), chosen_, name, value.data(), int(value.size())));
  }
  Expected<std::vector<u8>> finish() {
    if (!error_) check(fdt_pack(buffer_.data()));
    if (error_) return fail(fmt::format("device tree: {}", fdt_strerror(error_)));
    buffer_.resize(fdt_totalsize(buffer_.data()));
    return std::move(buffer_);
  }

 private:
  void check(int result) {
    if (result < 0 && !error_) error_ = result;
  }
  std::vector<u8> buffer_;
  int chosen_ = 0;
  int error_ = 0;
};

}  // namespace

Expected<std::vector<u8>> complete_given_tree(std::span<const u8> blob, const TreeInfo& info) {
  if (blob.size() > kMostBytes) return fail("larger than 1 MiB: not a device tree blob");
  if (blob.size() < sizeof(fdt_header) || fdt_magic(blob.data()) != FDT_MAGIC)
    return fail("not a device tree blob (.dtb); `dtc -O dtb` makes one from source");
  // fdt_check_full() of libfdt 1.6 is not safe for versions before 16, whose nodes are named by whole paths.
  if (fdt_version(blob.data()) < kOldestVersion) return fail("a device tree blob of an outdated version");
  if (int error = fdt_check_full(blob.data(), blob.size()); error < 0)
    return fail(fmt::format("damaged device tree blob: {}", fdt_strerror(error)));
  Tree tree(blob, kRoom + info.append.size() + info.rng_seed.size());
  if (!info.append.empty()) tree.string("bootargs", info.append);
  if (info.initrd) {
    tree.u64_cells("linux,initrd-start", info.initrd->start);
    tree.u64_cells("linux,initrd-end", info.initrd->end);
  }
  if (!info.rng_seed.empty()) tree.bytes("rng-seed", info.rng_seed);
  return tree.finish();
}

}  // namespace mimus::virt
