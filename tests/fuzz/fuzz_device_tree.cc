// Device tree blobs given with --dtb.
#include "machines/virt/given_tree.h"

extern "C" int LLVMFuzzerTestOneInput(const mimus::u8* data, size_t size) {
  using namespace mimus;
  virt::TreeInfo info;
  info.append = "console=ttyS0";
  info.initrd = virt::TreeInfo::Range{0x82000000, 0x82001000};
  info.rng_seed.assign(32, 1);
  auto tree = virt::complete_given_tree({data, size}, info);
  if (tree && tree->size() > size + 8192) __builtin_trap();
  return 0;
}
