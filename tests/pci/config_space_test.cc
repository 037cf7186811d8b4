// Configuration space: what software may change, the capability list, state that cannot forge an identity.
#include "hw/pci/config_space.h"

#include <gtest/gtest.h>

namespace mimus::pci {
namespace {

TEST(ConfigSpace, WritableBitsOnly) {
  ConfigSpace space;
  space.set(0, 4, 0x12345678);
  space.allow_write(0, 2, 0x00f0);
  space.write(0, 4, 0xffffffff);
  EXPECT_EQ(space.read(0, 4), 0x123456f8u);
  space.write(1, 1, 0xff);
  EXPECT_EQ(space.read(0, 4), 0x123456f8u);
}

TEST(ConfigSpace, WriteOneClears) {
  ConfigSpace space;
  space.set(6, 2, 0xffff);
  space.write_one_clears(6, 2, 0xf000);
  space.write(6, 2, 0x3fff);
  EXPECT_EQ(space.read(6, 2), 0xcfffu);
}

TEST(ConfigSpace, CapabilitiesAreChained) {
  ConfigSpace space;
  const u32 first = space.add_capability(kCapExpress, 0x3c), second = space.add_capability(kCapVendor, 18);
  const u32 third = space.add_capability(kCapMsix, 12);
  EXPECT_EQ(space.read(kCapabilitiesPointer, 1), first);
  EXPECT_EQ(space.read(first, 2), kCapExpress | second << 8);
  EXPECT_EQ(space.read(second, 2), kCapVendor | third << 8);
  EXPECT_EQ(space.read(third, 2), u64{kCapMsix});
  EXPECT_EQ(third % 4, 0u);
  EXPECT_TRUE(space.read(kStatus, 2) & kStatusCapabilities);
}

TEST(ConfigSpace, LoadedStateKeepsReadOnlyBits) {
  ConfigSpace forged, own;
  forged.set(0, 4, 0xdeadbeef);
  own.set(0, 4, 0x11112222);
  own.allow_write(3, 1, 0x0f);
  const auto saved = save_state([&](StateVisitor& v) {
    v.begin("s", 1);
    forged.visit_state(v);
    v.end();
  });
  ASSERT_TRUE(load_state(saved, [&](StateVisitor& v) {
    v.begin("s", 1);
    own.visit_state(v);
    v.end();
  }));
  EXPECT_EQ(own.read(0, 4), 0x1e112222u);
}

}  // namespace
}  // namespace mimus::pci
