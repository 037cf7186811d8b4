// Save, load, compare and describe a component, and what a damaged or foreign saved state does to it.
#include "core/state/visitor.h"

#include <gtest/gtest.h>

namespace mimus {
namespace {

struct Part {
  u32 number = 7;
  bool flag = true;
  u8 slot = 3;
  std::atomic<u64> shared{9};
  std::array<u16, 3> list{1, 2, 3};
  std::vector<u8> bytes = std::vector<u8>(2, 4);
  u32 version = 2;

  void visit(StateVisitor& v) {
    u32 found = v.begin("part", version);
    v.field("number", number);
    v.field("flag", flag);
    v.index("slot", slot, 4);
    v.begin("inner", 1);
    v.field("shared", shared);
    v.end();
    if (found >= 2) v.field("list", list);
    v.blob("bytes", bytes, 8);
    v.end();
  }
  auto visitor() {
    return [this](StateVisitor& v) { visit(v); };
  }
};

TEST(StateVisitor, RoundTrip) {
  Part from, to;
  from.number = 1000;
  from.flag = false;
  from.shared = 77;
  from.list[1] = 20;
  from.bytes.clear();
  ASSERT_TRUE(load_state(save_state(from.visitor()), to.visitor()));
  EXPECT_EQ(to.number, 1000u);
  EXPECT_FALSE(to.flag);
  EXPECT_EQ(to.shared, 77u);
  EXPECT_EQ(to.list[1], 20);
  EXPECT_TRUE(to.bytes.empty());
}

TEST(StateVisitor, OlderVersionLoads) {
  Part from, to;
  from.version = 1;
  auto data = save_state([&](StateVisitor& v) {
    v.begin("part", 1);
    v.field("number", from.number);
    v.field("flag", from.flag);
    v.field("slot", from.slot);
    v.begin("inner", 1);
    v.field("shared", from.shared);
    v.end();
    v.blob("bytes", from.bytes, 8);
    v.end();
  });
  to.list[0] = 99;
  auto result = load_state(data, to.visitor());
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_EQ(to.list[0], 99);
}

std::string load_error(const std::vector<u8>& data, Part& to) {
  auto result = load_state(data, to.visitor());
  return result ? "" : result.error().message;
}

TEST(StateVisitor, HostileValuesAreRejectedByName) {
  Part from, to;
  from.slot = 4;
  EXPECT_EQ(load_error(save_state(from.visitor()), to), "saved state: part.slot: index out of range");
  EXPECT_EQ(to.slot, 3);
  from.slot = 0;
  from.bytes.resize(9);
  EXPECT_EQ(load_error(save_state(from.visitor()), to), "saved state: part.bytes: too long");
  from.bytes.clear();
  from.version = 3;
  EXPECT_EQ(load_error(save_state(from.visitor()), to),
            "saved state: part: written by a newer version of this program");
  EXPECT_EQ(load_error({}, to), "saved state: part: missing");
}

TEST(StateVisitor, UnknownFieldIsAnError) {
  Part from, to;
  auto data = save_state([&](StateVisitor& v) {
    from.visit(v);
    v.begin("stranger", 1);
    v.end();
  });
  EXPECT_EQ(load_error(data, to), "saved state: stranger: not known to this program");
}

TEST(StateVisitor, EveryTruncationAndEveryBitFlipIsSurvived) {
  Part from;
  const auto data = save_state(from.visitor());
  for (size_t length = 0; length < data.size(); length++) {
    Part to;
    EXPECT_NE(load_error({data.begin(), data.begin() + long(length)}, to), "") << length;
  }
  for (size_t bit = 0; bit < data.size() * 8; bit++) {
    auto changed = data;
    changed[bit / 8] ^= u8(1 << (bit % 8));
    Part to;
    load_error(changed, to);
    EXPECT_LT(to.slot, 4);
  }
}

TEST(StateVisitor, CompareAndDescribe) {
  Part part;
  auto data = save_state(part.visitor());
  EXPECT_EQ(compare_state(data, part.visitor()).value(), "");
  part.shared = 10;
  EXPECT_EQ(compare_state(data, part.visitor()).value(), "part.inner.shared: saved 0x9, now 0xa\n");
  EXPECT_NE(describe_state(part.visitor()).find("part.inner.shared = 0xa\n"), std::string::npos);
}

}  // namespace
}  // namespace mimus
