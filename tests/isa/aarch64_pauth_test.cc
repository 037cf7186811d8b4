// Pointer authentication: QARMA-64 by its published vector, the layout of codes, both algorithms in translated code.
#include <gtest/gtest.h>

#include "backends/interp/interp.h"
#include "frontends/aarch64/pauth.h"
#include "tests/backend/owned_engine.h"
#include "tests/isa/aarch64_block.h"

namespace mimus::test {
namespace {

using aarch64::PacKey;

// R. Avanzi, "The QARMA Block Cipher Family" (ToSC 2017), test vectors of QARMA-64 with sigma 2 and 5 rounds.
TEST(A64Pauth, Qarma) {
  EXPECT_EQ(aarch64::qarma5(0xfb623599da6e8127, 0x477d469dec0b8762, {0xec2802d4e0a488e9, 0x84be85ce9804e94b}),
            0xc003b93999b33765u);
}

std::unique_ptr<Engine> baseline(const RuntimeLayout& layout) { return std::make_unique<OwnedBaseline>(layout); }

constexpr u64 kPointer = 0x0000'7f12'3456'789c, kTagged = 0xa500'7f12'3456'789c, kModifier = 0x7fff'ffff'e010;
constexpr u32 kPacia = 0xdac10020, kAutia = 0xdac11020, kPacdb = 0xdac10c20, kAutdb = 0xdac11c20, kXpaci = 0xdac143e0,
              kPacga = 0x9ac13040, kPaciasp = 0xd503233f, kAutiasp = 0xd50323bf;  // x0 by x1; x0 = pacga x2, x1

struct Case {
  Aarch64Block::MakeEngine engine;
  const char* model;
};
class A64PauthCode : public testing::TestWithParam<Case> {
 protected:
  A64PauthCode() : block_(GetParam().engine, *aarch64::parse_cpu_model(GetParam().model)) {
    reset_user_state(state());
    for (unsigned k = 0; k < 5; ++k)
      state().pauth_keys[k] = {0x0123'4567'89ab'cdef * (k + 1), 0xfedc'ba98'7654'3211 * (k + 3)};
  }
  aarch64::Aarch64State& state() { return block_.state(); }
  u64 run(u32 word, u64 x0, u64 x1) {
    state().x[0] = x0, state().x[1] = x1;
    const u32 words[] = {word};
    EXPECT_TRUE(block_.run(words)) << block_.why;
    return state().x[0];
  }
  u64 code(u64 pointer, u64 modifier, PacKey key) {
    return pac_code(state(), pointer, modifier, key, aarch64::kUserPacMask);
  }
  Aarch64Block block_;
};

TEST_P(A64PauthCode, ThereAndBack) {
  for (const u64 pointer : {kPointer, kTagged}) {
    const u64 with = run(kPacia, pointer, kModifier);
    EXPECT_EQ(with, pointer ^ (code(pointer, kModifier, PacKey::ia) & aarch64::kUserPacMask));
    EXPECT_EQ(run(kAutia, with, kModifier), pointer);
    EXPECT_EQ(run(kXpaci, with, 0), pointer);
    EXPECT_EQ(run(kAutdb, run(kPacdb, pointer, kModifier), kModifier), pointer);
  }
}

TEST_P(A64PauthCode, AWrongModifierLeavesWrongBits) {
  unsigned caught = 0;
  for (u64 n = 1; n <= 100; ++n)
    caught += run(kAutia, run(kPacia, kPointer, kModifier), kModifier + 16 * n) != kPointer;
  EXPECT_GE(caught, 95u);  // a code has seven bits
}

TEST_P(A64PauthCode, KeysThatAreSwitchedOff) {
  state().pauth_enabled = 0xe;
  EXPECT_EQ(run(kPacia, kPointer, kModifier), kPointer);
  EXPECT_NE(run(kPacdb, kPointer, kModifier), run(kPacdb, kPointer, kModifier + 16));
}

TEST_P(A64PauthCode, TheGenericCodeIsTheUpperHalf) {
  state().x[2] = kPointer;
  const u64 generic = run(kPacga, 0, kModifier);
  EXPECT_EQ(generic, generic_code(state(), kPointer, kModifier));
  EXPECT_EQ(u32(generic), 0u);
  EXPECT_NE(generic, 0u);
}

TEST_P(A64PauthCode, LinkByStackPointer) {
  state().x[30] = kPointer;
  state().sp = kModifier;
  run(kPaciasp, 0, 0);
  EXPECT_EQ(state().x[30], run(kPacia, kPointer, kModifier));
  run(kAutiasp, 0, 0);
  EXPECT_EQ(state().x[30], kPointer);
}

INSTANTIATE_TEST_SUITE_P(All, A64PauthCode,
                         testing::Values(Case{make_interp_engine, "max"}, Case{make_interp_engine, "max,+pauth-qarma5"},
                                         Case{baseline, "max"}, Case{baseline, "max,+pauth-qarma5"}));

// Without the feature the hints do nothing.
TEST(A64Pauth, HintsOfOtherModels) {
  Aarch64Block block(make_interp_engine, *aarch64::parse_cpu_model("cortex-a72"));
  reset_user_state(block.state());
  block.state().x[30] = kPointer;
  const u32 words[] = {kPaciasp};
  ASSERT_TRUE(block.run(words));
  EXPECT_EQ(block.state().x[30], kPointer);
}

}  // namespace
}  // namespace mimus::test
