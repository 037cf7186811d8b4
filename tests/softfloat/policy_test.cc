// NaNs, invalid operations, flushing, minimum and maximum, classification: what differs between architectures.
#include "core/softfloat/softfloat.h"
#include "tests/softfloat/check.h"
#include "tests/softfloat/values.h"

namespace mimus::softfloat {
namespace {

constexpr u32 kOne = 0x3f800000, kInf = 0x7f800000, kMinusInf = 0xff800000, kMinusZero = 0x80000000;
constexpr u32 kQuietA = 0x7fc00011, kQuietB = 0xffc00022, kSignalA = 0x7f800033, kSignalB = 0xff800044;
constexpr u32 kQuietedA = 0x7fc00033, kQuietedB = 0xffc00044;
constexpr u32 kSubnormal = 0x00400000, kMinNormal = 0x00800000;
constexpr u32 kDefault = 0x7fc00000, kDefaultX86 = 0xffc00000;

using Binary = u32 (*)(u32, u32, Env&);
using Ternary = u32 (*)(u32, u32, u32, Env&);

struct BinaryRow {
  Binary operation;
  u32 a, b, result;
  unsigned flags;
};

void check_rows(const char* name, const std::vector<BinaryRow>& rows, Env start = {}) {
  Checker checker(name);
  for (const BinaryRow& row : rows) {
    Env env = start;
    const u32 got = row.operation(row.a, row.b, env);
    checker.expect({row.a, row.b}, start, row.result, row.flags, got, env.flags);
  }
}

TEST(Policy, NanOfTwoOperands) {
  check_rows("RISC-V", {{add<F32, RiscV>, kQuietA, kOne, kDefault, 0},
                        {add<F32, RiscV>, kOne, kSignalB, kDefault, kInvalid},
                        {sub<F32, RiscV>, kInf, kInf, kDefault, kInvalid},
                        {mul<F32, RiscV>, kInf, 0, kDefault, kInvalid},
                        {div<F32, RiscV>, 0, kMinusZero, kDefault, kInvalid},
                        {div<F32, RiscV>, kOne, kMinusZero, kMinusInf, kDivByZero}});
  check_rows("Arm", {{add<F32, Arm>, kQuietA, kQuietB, kQuietA, 0},
                     {add<F32, Arm>, kQuietA, kSignalB, kQuietedB, kInvalid},
                     {add<F32, Arm>, kSignalA, kSignalB, kQuietedA, kInvalid},
                     {mul<F32, Arm>, kOne, kQuietB, kQuietB, 0},
                     {sub<F32, Arm>, kOne, kQuietB, kQuietB, 0},
                     {sub<F32, Arm>, kInf, kInf, kDefault, kInvalid}});
  check_rows("Arm, default NaN", {{add<F32, ArmDefaultNan>, kQuietA, kQuietB, kDefault, 0},
                                  {add<F32, ArmDefaultNan>, kQuietA, kSignalB, kDefault, kInvalid}});
  check_rows("x86", {{add<F32, X86>, kQuietA, kSignalB, kQuietA, kInvalid},
                     {add<F32, X86>, kSignalB, kQuietA, kQuietedB, kInvalid},
                     {add<F32, X86>, kOne, kSignalB, kQuietedB, kInvalid},
                     {sub<F32, X86>, kInf, kInf, kDefaultX86, kInvalid},
                     {div<F32, X86>, kSubnormal, 0, kInf, kDivByZero}});
  check_rows("x87", {{add<F32, X87>, kQuietA, kQuietB, kQuietB, 0},
                     {add<F32, X87>, kSignalB, kQuietA, kQuietA, kInvalid},
                     {add<F32, X87>, 0xffc00011, kQuietA, kQuietA, 0},
                     {add<F32, X87>, kSignalA, kSignalB, kQuietedB, kInvalid}});
}

struct TernaryRow {
  Ternary operation;
  u32 a, b, c, result;
  unsigned flags;
};

TEST(Policy, NanOfFusedMultiplyAdd) {
  const TernaryRow rows[] = {
      {fma<F32, RiscV>, kInf, 0, kQuietA, kDefault, kInvalid},
      {fma<F32, RiscV>, kOne, kOne, kQuietA, kDefault, 0},
      {fma<F32, RiscV>, kInf, kOne, kMinusInf, kDefault, kInvalid},
      {fma<F32, Arm>, kInf, 0, kQuietA, kDefault, kInvalid},
      {fma<F32, Arm>, kInf, 0, kSignalA, kQuietedA, kInvalid},
      {fma<F32, Arm>, kQuietA, kOne, kQuietB, kQuietB, 0},
      {fma<F32, Arm>, kSignalA, kQuietA, kQuietB, kQuietedA, kInvalid},
      {fma<F32, ArmDefaultNan>, kOne, kQuietA, kOne, kDefault, 0},
      {fma<F32, X86>, kInf, 0, kQuietA, kQuietA, 0},
      {fma<F32, X86>, kInf, 0, kOne, kDefaultX86, kInvalid},
      {fma<F32, X86>, kQuietA, kOne, kQuietB, kQuietA, 0},
  };
  Checker checker("fma");
  for (const TernaryRow& row : rows) {
    Env env;
    const u32 got = row.operation(row.a, row.b, row.c, env);
    checker.expect({row.a, row.b, row.c}, Env{}, row.result, row.flags, got, env.flags);
  }
}

// X86 is proven against the host; the others must agree with it wherever no NaN is involved.
template <class F, class P>
void agrees_with_x86(const char* name) {
  using Bits = typename F::Bits;
  Checker checker(name);
  const auto check = [&](auto operation, auto reference, Bits a, Bits b) {
    Env want;
    Env got;
    const Bits expected = reference(a, b, want);
    const Bits result = operation(a, b, got);
    if (unpack<F>(expected).is_nan()) {
      checker.expect({a, b}, Env{}, F::quiet_nan(false), want.flags & ~kDenormal, result, got.flags);
    } else {
      checker.expect({a, b}, Env{}, expected, want.flags & ~kDenormal, result, got.flags);
    }
  };
  for (Bits a : edge_values<F>()) {
    for (Bits b : edge_values<F>()) {
      check(add<F, P>, add<F, X86>, a, b);
      check(sub<F, P>, sub<F, X86>, a, b);
      check(mul<F, P>, mul<F, X86>, a, b);
      check(div<F, P>, div<F, X86>, a, b);
    }
  }
}

TEST(Policy, RiscVDiffersFromX86InNansOnly) {
  agrees_with_x86<F16, RiscV>("f16");
  agrees_with_x86<F32, RiscV>("f32");
  agrees_with_x86<F64, RiscV>("f64");
}

TEST(Policy, NanPayloadsCrossFormats) {
  Env env;
  EXPECT_EQ((convert<F64, F32, Arm>(0xffc00022, env)), 0xfff8000440000000u);
  EXPECT_EQ((convert<F32, F64, Arm>(0xfff8000440000000, env)), 0xffc00022u);
  EXPECT_EQ(env.flags, 0);
  EXPECT_EQ((convert<F32, F64, X86>(0x7ff0000000000001, env)), 0x7fc00000u);
  EXPECT_EQ(env.flags, kInvalid);
  env = {};
  EXPECT_EQ((convert<F64, F32, RiscV>(kSignalB, env)), 0x7ff8000000000000u);
  EXPECT_EQ(env.flags, kInvalid);
  EXPECT_EQ((convert<F16, F32, Arm>(0x7fc02000, env)), 0x7e01);
  EXPECT_EQ((convert<BF16, F32, Arm>(0x7fc10000, env)), 0x7fc1);
}

TEST(Policy, ArmFlushing) {
  const Env both{.rm = Rounding::rne, .flush_inputs = true, .flush_outputs = true};
  check_rows("flush to zero",
             {{add<F32, Arm>, kSubnormal, kOne, kOne, kDenormal},
              {add<F32, Arm>, kSubnormal | kMinusZero, kMinusZero, kMinusZero, kDenormal},
              {sub<F32, Arm>, kMinNormal, kMinNormal + 1, kMinusZero, kUnderflow},
              {mul<F32, Arm>, kMinNormal, 0x3f000000, 0, kUnderflow},
              // Tiny before rounding, though it would round to the smallest normal number.
              {mul<F32, Arm>, kMinNormal, 0x3f7fffff, 0, kUnderflow},
              {minimum<F32, Arm>, kSubnormal, kOne, 0, kDenormal}},
             both);
  check_rows("x86: tiny after rounding",
             {{mul<F32, X86>, kMinNormal, 0x3f7fffff, 0, kUnderflow | kInexact},
              {mul<F32, X86>, kMinNormal + 1, 0x3f7fffff, kMinNormal, kInexact}},
             both);
  Env half{.flush_half = true};
  EXPECT_EQ((add<F16, Arm>(1, 0x3c00, half)), 0x3c00);
  EXPECT_EQ(half.flags, 0) << "FZ16 does not report";
  EXPECT_EQ((sub<F16, Arm>(0x400, 0x401, half)), 0x8000);
  EXPECT_EQ(half.flags, kUnderflow);
  EXPECT_EQ((convert<F16, F32, Arm>(0x33800000, half = both)), 1) << "FZ is not for half precision";
  EXPECT_EQ(half.flags, 0);
}

TEST(MinMax, NanRules) {
  check_rows("minNum", {{min_num_2008<F32, Arm>, kQuietA, kOne, kOne, 0},
                        {min_num_2008<F32, Arm>, kOne, kQuietA, kOne, 0},
                        {max_num_2008<F32, Arm>, kOne, kSignalA, kQuietedA, kInvalid},
                        {max_num_2008<F32, Arm>, kQuietA, kQuietB, kQuietA, 0}});
  check_rows("minimumNumber", {{minimum_number<F32, RiscV>, kQuietA, kOne, kOne, 0},
                               {minimum_number<F32, RiscV>, kOne, kSignalA, kOne, kInvalid},
                               {maximum_number<F32, RiscV>, kSignalB, kMinusInf, kMinusInf, kInvalid},
                               {maximum_number<F32, RiscV>, kQuietA, kQuietB, kDefault, 0},
                               {maximum_number<F32, RiscV>, kQuietA, kSignalB, kDefault, kInvalid}});
  check_rows("minimum", {{minimum<F32, RiscV>, kOne, kQuietA, kDefault, 0},
                         {maximum<F32, RiscV>, kSignalA, kOne, kDefault, kInvalid},
                         {maximum<F32, Arm>, kOne, kQuietB, kQuietB, 0}});
}

template <class F>
class MinMaxOrder : public testing::Test {};
using Formats = testing::Types<F16, BF16, F32, F64>;
TYPED_TEST_SUITE(MinMaxOrder, Formats);

// Of numbers: as the bit patterns compare, made monotonic, which puts -0 before +0.
TYPED_TEST(MinMaxOrder, Numbers) {
  using F = TypeParam;
  using Bits = typename F::Bits;
  const auto rank = [](Bits v) { return v & F::sign_mask ? -static_cast<s128>(v & ~F::sign_mask) - 1 : s128{v}; };
  for (Bits a : edge_values<F>()) {
    for (Bits b : edge_values<F>()) {
      if (unpack<F>(a).is_nan() || unpack<F>(b).is_nan()) continue;
      const Bits low = rank(a) <= rank(b) ? a : b;
      const Bits high = rank(a) <= rank(b) ? b : a;
      Env env;
      EXPECT_EQ((minimum_number<F, RiscV>(a, b, env)), low);
      EXPECT_EQ((maximum_number<F, RiscV>(a, b, env)), high);
      EXPECT_EQ((min_num_2008<F, RiscV>(a, b, env)), low);
      EXPECT_EQ((max_num_2008<F, RiscV>(a, b, env)), high);
      EXPECT_EQ((minimum<F, RiscV>(a, b, env)), low);
      EXPECT_EQ((maximum<F, RiscV>(a, b, env)), high);
      const bool zeros = ((a | b) & ~F::sign_mask) == 0;
      EXPECT_EQ((lt<F, RiscV>(a, b, env)), !zeros && rank(a) < rank(b));
      EXPECT_EQ((le<F, RiscV>(a, b, env)), zeros || rank(a) <= rank(b));
      EXPECT_EQ((lt_quiet<F, RiscV>(a, b, env)), !zeros && rank(a) < rank(b));
      EXPECT_EQ((le_quiet<F, RiscV>(a, b, env)), zeros || rank(a) <= rank(b));
      EXPECT_EQ((eq_quiet<F, RiscV>(a, b, env)), zeros || a == b);
      EXPECT_EQ(env.flags, 0);
    }
  }
}

TEST(Compare, Nans) {
  using Predicate = bool (*)(u32, u32, Env&);
  struct Row {
    Predicate predicate;
    bool signaling;
  };
  const Row rows[] = {{eq_quiet<F32, RiscV>, false},
                      {lt_quiet<F32, RiscV>, false},
                      {le_quiet<F32, RiscV>, false},
                      {lt<F32, RiscV>, true},
                      {le<F32, RiscV>, true}};
  for (const Row& row : rows) {
    Env quiet;
    EXPECT_FALSE(row.predicate(kQuietA, kQuietA, quiet));
    EXPECT_EQ(quiet.flags, row.signaling ? kInvalid : 0);
    Env signaling;
    EXPECT_FALSE(row.predicate(kOne, kSignalA, signaling));
    EXPECT_EQ(signaling.flags, kInvalid);
  }
}

TEST(Classify, EveryClass) {
  const std::pair<u64, u32> rows[] = {{0xfff0000000000000, 0x001}, {0xbff0000000000000, 0x002},
                                      {0x8000000000000001, 0x004}, {0x8000000000000000, 0x008},
                                      {0x0000000000000000, 0x010}, {0x000fffffffffffff, 0x020},
                                      {0x0010000000000000, 0x040}, {0x7ff0000000000000, 0x080},
                                      {0x7ff0000000000001, 0x100}, {0xfff8000000000000, 0x200}};
  for (const auto& [bits, mask] : rows) EXPECT_EQ(classify<F64>(bits), mask) << std::hex << bits;
  EXPECT_EQ(classify<F16>(0x8001), 0x004u);
  EXPECT_EQ(classify<F32>(kInf), 0x080u);
}

}  // namespace
}  // namespace mimus::softfloat
