// Advanced SIMD integers and cryptography: edges computed by hand from the manual, published vectors (FIPS-197,
// FIPS-180-4), and all engines against the interpreter on random instructions.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "backends/emit/thunks.h"
#include "backends/interp/interp.h"
#include "frontends/aarch64/random.h"
#include "tests/backend/owned_engine.h"
#include "tests/isa/aarch64_block.h"

namespace mimus::test {
namespace {

using aarch64::Rng;
using V = std::array<u64, 2>;  // a register, low half first

V get(Aarch64Block& block, unsigned n) { return {block.state().q[n][0], block.state().q[n][1]}; }
void set(Aarch64Block& block, unsigned n, V value) { std::ranges::copy(value, block.state().q[n]); }
std::string text(V v) { return fmt::format("{:016x}{:016x}", v[1], v[0]); }

// -- edges: v0 = op(v0, v1, v2) --

struct Edge {
  const char* name;
  u32 word;
  V d, n, m, result;
  bool saturates;
};
constexpr u64 kOnes = ~u64{0}, kMin = u64{1} << 63, kMax = kMin - 1;
constexpr Edge kEdges[] = {
    {"sqadd 8b",
     0x0e220c20,
     {kOnes, kOnes},
     {0xc04000ff0180807f, 0},
     {0xc04000ff7f01ff01, 0},
     {0x807f00fe7f81807f, 0},
     true},
    {"sqadd 8b, only above", 0x0e220c20, {}, {0, kMax}, {0, kMax}, {0, 0}, false},
    {"uqsub 4h",
     0x2e622c20,
     {},
     {0x0000'8000'ffff'0001, 0},
     {0x0000'8000'0001'0002, 0},
     {0x0000'0000'fffe'0000, 0},
     true},
    {"sqabs 2d", 0x4ee07820, {}, {kMin, kOnes}, {}, {kMax, 1}, true},
    {"sqrdmulh 8h",
     0x6e62b420,
     {},
     {0x8000'4000'3fff'c000, 0x7fff},
     {0x8000'0001'0001'0001, 0x7fff},
     {0x7fff'0001'0000'0000, 0x7ffe},
     true},
    {"sqdmull 2d",
     0x0ea2d020,
     {},
     {0x7fffffff'80000000, 0},
     {0x7fffffff'80000000, 0},
     {kMax, 0x7ffffffe'00000002},
     true},
    {"sqshrun 8b", 0x2f0c8420, {kOnes, kOnes}, {0xffff'0ff0'1000'000f, 0}, {}, {0x00ffff00, 0}, true},
    {"srshr 2d, 64", 0x4f402420, {}, {kMin, kMax}, {}, {0, 0}, false},
    {"ssra 4h, 16",
     0x0f101420,
     {0x0000'0001'0002'0003, kOnes},
     {0x8000'7fff'ffff'0000, 0},
     {},
     {0xffff'0001'0001'0003, 0},
     false},
    {"sri 16b, 8", 0x6f084420, {0x1234, 0x5678}, {kOnes, kOnes}, {}, {0x1234, 0x5678}, false},
    {"sli 2s, 0", 0x2f205420, {kOnes, kOnes}, {0x1234'5678'9abc, kOnes}, {}, {0x1234'5678'9abc, 0}, false},
    {"sqshlu b, 7", 0x7f0f6420, {kOnes, kOnes}, {0xfffe, kOnes}, {}, {0, 0}, true},
    {"urshl 16b", 0x6e225420, {}, {0xffffff, 0xff}, {0xf9f7f8, 0x01}, {0x020001, 0xfe}, false},
    {"sqrshl d, right", 0x5ee25c20, {kOnes, kOnes}, {kOnes, kOnes}, {0xff, 1}, {0, 0}, false},
    {"sqrshl d, left", 0x5ee25c20, {kOnes, kOnes}, {0x4000000000000000, kOnes}, {1, 1}, {kMax, 0}, true},
    {"uqxtn s", 0x7ea14820, {kOnes, kOnes}, {0x100000000, kOnes}, {}, {0xffffffff, 0}, true},
    {"usqadd b", 0x7e203820, {0x01, kOnes}, {0xfe, kOnes}, {}, {0, 0}, true},
    {"suqadd 16b", 0x4e203820, {0x807f, 0}, {0xff01, 0}, {}, {0x7f7f, 0}, true},
    {"suqadd 16b, in range", 0x4e203820, {0x80, 0}, {0xff, 0}, {}, {0x7f, 0}, false},
    {"addhn2 8h",
     0x4e624020,
     {0x1111, 7},
     {0x0001ffff'7fffffff, 0},
     {0x00000001'80000000, 0},
     {0x1111, 0x0002'ffff},
     false},
    {"raddhn 2s", 0x2ea24020, {}, {0x00000000'7fffffff, 0x00000000'80000000}, {}, {0x00000001'00000000, 0}, false},
    {"uaddlv h", 0x6e303820, {kOnes, kOnes}, {kOnes, kOnes}, {}, {0xff0, 0}, false},
    {"smaxv b", 0x0e30a820, {kOnes, kOnes}, {0x80818283848586ff, kMax}, {}, {0xff, 0}, false},
    {"ext 8b",
     0x2e021820,
     {kOnes, kOnes},
     {0x0706050403020100, kOnes},
     {0x0f0e0d0c0b0a0908, kOnes},
     {0x0a09080706050403, 0},
     false},
    {"pmull 8h", 0x0e22e020, {}, {0xff'03, 0}, {0xff'03, 0}, {0x5555'0005, 0}, false},
    {"movi d", 0x2f04e6a0, {kOnes, kOnes}, {}, {}, {0xff0000ff00ff00ff, 0}, false},
    {"mvni 4h", 0x2f00a640, {}, {}, {}, {0xedffedffedffedff, 0}, false},
    {"sqrdmlah 4h", 0x2e428420, {0xffff'0000, 0}, {0x8000'8000, 0}, {0x8000'8000, 0}, {0x7fff'7fff, 0}, true},
    {"sqrdmlah 4h, in range", 0x2e428420, {0xffff, 0}, {0x8000, 0}, {0x8000, 0}, {0x7fff, 0}, false},
    {"sqrdmlsh s", 0x7e828c20, {0, kOnes}, {0x80000000, kOnes}, {0x80000000, kOnes}, {0x80000000, 0}, false},
    {"sdot by element",
     0x4fa2e020,
     {1, 2},
     {0x01010101'80808080, 0},
     {0x80808080'00000000, 0},
     {0xfffffe00'00010001, 2},
     false},
    {"usmmla",
     0x4e82ac20,
     {},
     {kOnes, 0x0101010101010101},
     {kOnes, 0x0202020202020202},
     {0x00000ff0'fffff808, 0x00000010'fffffff8},
     false},
    {"cls 4s",
     0x4ea04820,
     {},
     {0x7fffffff'00000000, 0xffffffff'c0000000},
     {},
     {0x00000000'0000001f, 0x0000001f'00000001},
     false},
    {"cmtst 2d", 0x4ee28c20, {}, {kMin, 1}, {kMin, 2}, {kOnes, 0}, false},
    {"rev32 8h", 0x6e600820, {}, {0x1111'2222'3333'4444, 0}, {}, {0x2222'1111'4444'3333, 0}, false},
    {"xar", 0xce82fc20, {}, {kMin, 3}, {0, 0}, {1, 6}, false},
};

class SimdTest : public testing::TestWithParam<Aarch64Block::MakeEngine> {};

TEST_P(SimdTest, Edges) {
  Aarch64Block block(GetParam());
  for (const Edge& e : kEdges) {
    SCOPED_TRACE(e.name);
    set(block, 0, e.d), set(block, 1, e.n), set(block, 2, e.m);
    write_fpsr(block.state(), 0);
    ASSERT_TRUE(block.run({&e.word, 1})) << block.why;
    EXPECT_EQ(text(get(block, 0)), text(e.result));
    EXPECT_EQ(read_fpsr(block.state()), e.saturates ? aarch64::kFpsrQc : 0);
  }
}

// -- published vectors --

// A128 as the standard writes it: first byte first.
V bytes(u64 first, u64 second) { return {__builtin_bswap64(first), __builtin_bswap64(second)}; }
constexpr u32 op(u32 word, u32 d, u32 n, u32 m = 0) { return word | m << 16 | n << 5 | d; }
constexpr u32 kAese = 0x4e284800, kAesd = 0x4e285800, kAesmc = 0x4e286800, kAesimc = 0x4e287800, kEor = 0x6e201c00;

TEST_P(SimdTest, Aes) {  // FIPS-197, appendices A.1 and B
  constexpr u32 kRoundKeys[44] = {
      0x2b7e1516, 0x28aed2a6, 0xabf71588, 0x09cf4f3c, 0xa0fafe17, 0x88542cb1, 0x23a33939, 0x2a6c7605, 0xf2c295f2,
      0x7a96b943, 0x5935807a, 0x7359f67f, 0x3d80477d, 0x4716fe3e, 0x1e237e44, 0x6d7a883b, 0xef44a541, 0xa8525b7f,
      0xb671253b, 0xdb0bad00, 0xd4d1c6f8, 0x7c839d87, 0xcaf2b8bc, 0x11f915bc, 0x6d88a37a, 0x110b3efd, 0xdbf98641,
      0xca0093fd, 0x4e54f70e, 0x5f5fc9f3, 0x84a64fb2, 0x4ea6dc4f, 0xead27321, 0xb58dbad2, 0x312bf560, 0x7f8d292f,
      0xac7766f3, 0x19fadc21, 0x28d12941, 0x575c006e, 0xd014f9a8, 0xc9ee2589, 0xe13f0cc8, 0xb6630ca6};
  Aarch64Block block(GetParam());
  std::vector<u32> encrypt, decrypt;
  for (unsigned k = 0; k < 11; ++k) {  // keys in v1 to v11
    const u32* w = kRoundKeys + 4 * k;
    set(block, 1 + k, bytes(u64{w[0]} << 32 | w[1], u64{w[2]} << 32 | w[3]));
  }
  for (unsigned k = 0; k < 9; ++k) encrypt.insert(encrypt.end(), {op(kAese, 0, 1 + k), op(kAesmc, 0, 0)});
  encrypt.insert(encrypt.end(), {op(kAese, 0, 10), op(kEor, 0, 0, 11)});
  for (unsigned k = 0; k < 9; ++k) {  // the equivalent inverse cipher
    decrypt.insert(decrypt.end(), {op(kAesd, 0, k == 0 ? 11 : 12), op(kAesimc, 0, 0), op(kAesimc, 12, 10 - k)});
  }
  decrypt.insert(decrypt.end(), {op(kAesd, 0, 12), op(kEor, 0, 0, 1)});
  const V plain = bytes(0x3243f6a8885a308d, 0x313198a2e0370734), cipher = bytes(0x3925841d02dc09fb, 0xdc118597196a0b32);
  set(block, 0, plain);
  ASSERT_TRUE(block.run(encrypt)) << block.why;
  EXPECT_EQ(text(get(block, 0)), text(cipher));
  ASSERT_TRUE(block.run(decrypt)) << block.why;
  EXPECT_EQ(text(get(block, 0)), text(plain));
}

V words(u32 a, u32 b, u32 c, u32 d) { return {a | u64{b} << 32, c | u64{d} << 32}; }

TEST_P(SimdTest, Sha1) {  // FIPS-180-4: "abc"
  Aarch64Block block(GetParam());
  constexpr u32 kRounds[] = {0x5e000000, 0x5e001000, 0x5e002000, 0x5e001000};  // C, P, M, P
  constexpr u32 kConstants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
  constexpr u32 kAdd = 0x4ea08400, kSha1h = 0x5e280800, kSu0 = 0x5e003000, kSu1 = 0x5e281800, kMov = 0x4ea01c00;
  const V start = words(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  set(block, 0, start);
  set(block, 1, {0xc3d2e1f0, 0});
  set(block, 4, words(0x61626380, 0, 0, 0)), set(block, 5, {}), set(block, 6, {}), set(block, 7, words(0, 0, 0, 24));
  for (unsigned k = 0; k < 4; ++k)
    set(block, 16 + k, words(kConstants[k], kConstants[k], kConstants[k], kConstants[k]));
  std::vector<u32> code;
  for (unsigned q = 0; q < 20; ++q) {  // four rounds; the words that they use are in v4 to v7 in turn
    const u32 w = 4 + q % 4, w1 = 4 + (q + 1) % 4, w2 = 4 + (q + 2) % 4, w3 = 4 + (q + 3) % 4;
    code.insert(code.end(),
                {op(kAdd, 8, w, 16 + q / 5), op(kSha1h, 2, 0), op(kRounds[q / 5], 0, 1, 8), op(kMov, 1, 2, 2)});
    code.insert(code.end(), {op(kSu0, w, w1, w2), op(kSu1, w, w3)});
  }
  ASSERT_TRUE(block.run(code)) << block.why;
  const V sum = get(block, 0);
  EXPECT_EQ(u32(sum[0]) + 0x67452301, 0xa9993e36);
  EXPECT_EQ(u32(sum[0] >> 32) + 0xefcdab89, 0x4706816a);
  EXPECT_EQ(u32(sum[1]) + 0x98badcfe, 0xba3e2571);
  EXPECT_EQ(u32(sum[1] >> 32) + 0x10325476, 0x7850c26c);
  EXPECT_EQ(u32(get(block, 1)[0]) + 0xc3d2e1f0, 0x9cd0d89d);
}

TEST_P(SimdTest, Sha256) {  // FIPS-180-4: "abc"
  constexpr u32 kConstants[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  constexpr u32 kAdd = 0x4ea08400, kMov = 0x4ea01c00, kH = 0x5e004000, kH2 = 0x5e005000, kSu0 = 0x5e282800,
                kSu1 = 0x5e006000;
  Aarch64Block block(GetParam());
  set(block, 0, words(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a));
  set(block, 1, words(0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19));
  set(block, 4, words(0x61626380, 0, 0, 0)), set(block, 5, {}), set(block, 6, {}), set(block, 7, words(0, 0, 0, 24));
  for (unsigned q = 0; q < 16; ++q) {
    const u32 w = 4 + q % 4, w1 = 4 + (q + 1) % 4, w2 = 4 + (q + 2) % 4, w3 = 4 + (q + 3) % 4;
    const u32* k = kConstants + 4 * q;
    set(block, 8, words(k[0], k[1], k[2], k[3]));
    const u32 code[] = {op(kAdd, 8, 8, w), op(kMov, 2, 0, 0), op(kH, 0, 1, 8),
                        op(kH2, 1, 2, 8),  op(kSu0, w, w1),   op(kSu1, w, w2, w3)};
    ASSERT_TRUE(block.run(code)) << block.why;
  }
  const V abcd = get(block, 0), efgh = get(block, 1);
  EXPECT_EQ(u32(abcd[0]) + 0x6a09e667, 0xba7816bf);
  EXPECT_EQ(u32(abcd[1] >> 32) + 0xa54ff53a, 0x5dae2223);
  EXPECT_EQ(u32(efgh[0]) + 0x510e527f, 0xb00361a3);
  EXPECT_EQ(u32(efgh[1] >> 32) + 0x5be0cd19, 0xf20015ad);
}

std::unique_ptr<Engine> baseline(const RuntimeLayout& layout) { return std::make_unique<OwnedBaseline>(layout); }
std::unique_ptr<Engine> plain_baseline(const RuntimeLayout& layout) {
  return std::make_unique<OwnedBaseline>(layout, emit::HostFeatures::none());
}
std::unique_ptr<Engine> llvm(const RuntimeLayout& layout) { return std::make_unique<OwnedLlvm>(layout); }

INSTANTIATE_TEST_SUITE_P(Engines, SimdTest, testing::Values(make_interp_engine, baseline, plain_baseline));

// -- engine against engine --

// Integers and cryptography; what is done with numbers has its own tests.
bool is_integer_simd(const aarch64::InsnDesc& row) {
  const bool data = (row.pattern.mask & row.pattern.match & 0x0e000000) == 0x0e000000;  // no load or store
  const std::string_view name = row.mnemonic;
  return data && name[0] != 'f' && name[0] != 'j' && !name.starts_with("bf") && name.find("cvtf") == name.npos &&
         name != "urecpe" && name != "ursqrte";
}

u64 interesting(Rng& rng) {
  constexpr u64 kPieces[] = {
      0, kOnes, kMin, kMax, 0x8000000080000000, 0x7fff7fff80008000, 0x807f01ff80ff007f, 1, 0x0102030405060708};
  return rng() % 2 ? kPieces[rng() % std::size(kPieces)] : rng();
}

// Floating point, scalar and vector, without loads and stores.
bool is_float(const aarch64::InsnDesc& row) {
  const bool data = (row.pattern.mask & row.pattern.match & 0x0e000000) == 0x0e000000;
  return data && !is_integer_simd(row);
}
// Numbers of all sizes, with many special ones.
u64 interesting_floats(Rng& rng) {
  constexpr u64 kHalves = 0x7c00'0001'03ff'7e01, kSingles = 0x7f80'0001'0000'0001, kTiny = 0x0080'0000'8000'0001;
  constexpr u64 kPieces[] = {0,
                             kMin,
                             0x3ff0000000000000,
                             0x7ff0000000000000,
                             0x7ff8000000000001,
                             0x7ff0000000000001,
                             0x0010000000000000,
                             1,
                             kHalves,
                             kSingles,
                             kTiny,
                             0x3f8000003f800000,
                             0xc7ffefffffffffff,
                             0x3c003c00bc003c00,
                             0x7bff0400fbff83ff,
                             0xff7fffff00800000};
  const u64 random = rng();
  return random % 3 == 0 ? kPieces[(random >> 8) % std::size(kPieces)] : rng();
}
using Filter = bool (*)(const aarch64::InsnDesc&);
using Values = u64 (*)(Rng&);

// Blocks of a few random instructions by two engines.
void compare(Aarch64Block::MakeEngine make, unsigned blocks, unsigned length, u64 seed, Filter wanted = is_integer_simd,
             Values interesting = test::interesting, bool modes = false) {
  Aarch64Block judge(make_interp_engine), accused(make);
  const aarch64::CpuModel model;
  Rng rng(seed);
  std::vector<const aarch64::InsnDesc*> rows;
  for (const aarch64::InsnDesc& row : aarch64::instruction_table())
    if (wanted(row)) rows.push_back(&row);
  unsigned next = 0, declined = 0;
  for (unsigned n = 0; n < blocks; ++n) {
    for (unsigned r = 0; r < 32; ++r) set(judge, r, {interesting(rng), interesting(rng)});
    for (u64& x : judge.state().x) x = interesting(rng);
    const u64 fpcr = modes && rng() % 2 ? rng() & rng() & 0x07c80000 : 0;
    write_fpcr(judge.state(), fpcr), write_fpcr(accused.state(), fpcr);
    write_fpsr(judge.state(), 0);
    std::ranges::copy(judge.state().x, accused.state().x);
    std::memcpy(accused.state().q, judge.state().q, sizeof judge.state().q);
    write_fpsr(accused.state(), 0);
    std::vector<u32> code;
    std::string names;
    for (unsigned k = 0; k < length; ++k) {
      const aarch64::InsnDesc& row = *rows[next++ % rows.size()];
      code.push_back(random_encoding(row, model, rng));
      names += fmt::format("{} {:08x}; ", row.mnemonic, code.back());
    }
    ASSERT_TRUE(judge.run(code)) << names;
    if (!accused.run(code)) {
      ++declined;
      continue;
    }
    SCOPED_TRACE(fmt::format("FPCR {:x}: {}", fpcr, names));
    for (unsigned r = 0; r < 32; ++r) ASSERT_EQ(text(get(judge, r)), text(get(accused, r))) << "v" << r;
    for (unsigned r = 0; r < 31; ++r) ASSERT_EQ(judge.state().x[r], accused.state().x[r]) << "x" << r;
    ASSERT_EQ(read_fpsr(judge.state()), read_fpsr(accused.state()));
  }
  EXPECT_LE(declined, blocks / 10) << accused.why;
}

TEST(SimdEngines, Baseline) { compare(baseline, 1500, 3, 1); }
TEST(SimdEngines, BaselineWithoutFeatures) { compare(plain_baseline, 300, 3, 2); }
TEST(SimdEngines, Llvm) { compare(llvm, 100, 6, 3); }
TEST(FloatEngines, Baseline) { compare(baseline, 3000, 3, 4, is_float, interesting_floats, true); }
TEST(FloatEngines, BaselineWithoutFeatures) { compare(plain_baseline, 1000, 3, 5, is_float, interesting_floats, true); }

}  // namespace
}  // namespace mimus::test
