// Integers: every F16 value against integer arithmetic, the limits of every type and rule, fixed point.
#include "core/softfloat/softfloat.h"
#include "tests/softfloat/check.h"
#include "tests/softfloat/exact.h"
#include "tests/softfloat/values.h"

namespace mimus::softfloat {
namespace {

constexpr Rounding kModes[] = {Rounding::rne, Rounding::rtz, Rounding::rdn,
                               Rounding::rup, Rounding::rmm, Rounding::rod};

// value / 2^shift to an integer by `rm`, in integers alone.
s64 divide_rounded(s64 value, unsigned shift, Rounding rm) {
  const s64 unit = s64{1} << shift;
  const s64 floor = value >> shift;
  const s64 rest = value - floor * unit;  // 0 <= rest < unit
  if (rest == 0) return floor;
  const bool odd = floor & 1;
  const bool above = 2 * rest > unit;
  const bool tie = 2 * rest == unit;
  const bool up[] = {above || (tie && odd), value < 0, false, true, above || (tie && value > 0), !odd};  // by Rounding
  return floor + up[static_cast<unsigned>(rm)];
}

template <class F>
class EveryHalf : public testing::Test {};
using Formats = testing::Types<F16, F32, F64>;
TYPED_TEST_SUITE(EveryHalf, Formats);

template <class Int, class F, class P>
void check_to_int(Checker& checker, typename F::Bits a, s64 expected, bool inexact, Rounding rm) {
  Env env{rm};
  const Int got = to_int<Int, F, P>(a, env);
  const bool fits = std::in_range<Int>(expected);
  const bool negative = (a & F::sign_mask) != 0;
  const Int want = fits ? static_cast<Int>(expected) : out_of_range<Int, P>(false, negative);
  checker.expect({a}, Env{rm}, static_cast<u64>(want),
                 !fits     ? kInvalid
                 : inexact ? kInexact
                           : 0u,
                 static_cast<u64>(got), env.flags);
}

// Each finite F16 value is an integer times 2^-24; widened, the same values test the wider formats.
TYPED_TEST(EveryHalf, RoundedToIntegers) {
  using F = TypeParam;
  Checker round("round_to_int"), integers("to_int");
  for (unsigned half = 0; half < 0x10000; ++half) {
    if (exp_field<F16>(static_cast<u16>(half)) == F16::exp_max_field) continue;
    const Term value = term<F16>(static_cast<u16>(half));
    const s64 scaled = static_cast<s64>(value.sig << (value.exp + 24)) * (value.negative ? -1 : 1);
    Env none;
    typename F::Bits a = static_cast<typename F::Bits>(half);
    if constexpr (F::width != 16) a = convert<F, F16, RiscV>(static_cast<u16>(half), none);
    for (Rounding rm : kModes) {
      const s64 expected = divide_rounded(scaled, 24, rm);
      const bool inexact = (scaled & 0xffffff) != 0;
      Env conversion;
      auto bits = from_int<F, RiscV>(expected, conversion);  // exact: proven below
      if (expected == 0) bits = F::zero(value.negative);
      Env env{rm};
      const auto exact = round_to_int<F, RiscV>(a, true, env);
      round.expect({half}, Env{rm}, bits, inexact ? kInexact : 0u, exact, env.flags);
      Env quiet{rm};
      const auto same = round_to_int<F, RiscV>(a, false, quiet);
      round.expect({half}, Env{rm}, bits, 0, same, quiet.flags);
      check_to_int<s16, F, X86>(integers, a, expected, inexact, rm);
      check_to_int<s32, F, RiscV>(integers, a, expected, inexact, rm);
      check_to_int<u32, F, RiscV>(integers, a, expected, inexact, rm);
      check_to_int<s64, F, Arm>(integers, a, expected, inexact, rm);
      check_to_int<u64, F, RiscV>(integers, a, expected, inexact, rm);
    }
  }
}

template <class Int>
struct LimitRow {
  u64 value;  // F64
  Rounding rm;
  Int riscv, arm, x86;
  unsigned flags;
};

template <class Int>
void check_limits(const char* name, const std::vector<LimitRow<Int>>& rows) {
  Checker checker(name);
  for (const auto& row : rows) {
    Env riscv{row.rm}, arm{row.rm}, x86{row.rm};
    const Int got_riscv = to_int<Int, F64, RiscV>(row.value, riscv);
    const Int got_arm = to_int<Int, F64, Arm>(row.value, arm);
    const Int got_x86 = to_int<Int, F64, X86>(row.value, x86);
    checker.expect({row.value, 0}, Env{row.rm}, static_cast<u64>(row.riscv), row.flags, static_cast<u64>(got_riscv),
                   riscv.flags);
    checker.expect({row.value, 1}, Env{row.rm}, static_cast<u64>(row.arm), row.flags, static_cast<u64>(got_arm),
                   arm.flags);
    checker.expect({row.value, 2}, Env{row.rm}, static_cast<u64>(row.x86), row.flags, static_cast<u64>(got_x86),
                   x86.flags);
  }
}

constexpr u64 kNan = 0x7ff8000000000000, kNegativeNan = 0xfff8000000000001, kInf = 0x7ff0000000000000;

TEST(ToInt, LimitsOf32Bits) {
  constexpr s32 max = 0x7fffffff, min = -max - 1;
  check_limits<s32>("s32", {{kNan, Rounding::rne, max, 0, min, kInvalid},
                            {kNegativeNan, Rounding::rne, max, 0, min, kInvalid},
                            {kInf, Rounding::rne, max, max, min, kInvalid},
                            {kInf | 1ull << 63, Rounding::rne, min, min, min, kInvalid},
                            {0x41dfffffffc00000, Rounding::rne, max, max, max, 0},         // 2^31 - 1
                            {0x41dfffffffdfffff, Rounding::rne, max, max, max, kInexact},  // just below 2^31 - 0.5
                            {0x41dfffffffe00000, Rounding::rne, max, max, min, kInvalid},  // 2^31 - 0.5: to even
                            {0x41dfffffffe00000, Rounding::rtz, max, max, max, kInexact},
                            {0x41dfffffffe00000, Rounding::rmm, max, max, min, kInvalid},
                            {0xc1e0000000000000, Rounding::rne, min, min, min, 0},         // -2^31
                            {0xc1e0000000100000, Rounding::rne, min, min, min, kInexact},  // -2^31 - 0.5: to even
                            {0xc1e0000000100000, Rounding::rmm, min, min, min, kInvalid},
                            {0xc1e0000000100000, Rounding::rdn, min, min, min, kInvalid}});
  check_limits<u32>("u32", {{kNan, Rounding::rne, ~0u, 0, ~0u, kInvalid},
                            {kNegativeNan, Rounding::rne, ~0u, 0, ~0u, kInvalid},
                            {0xbff0000000000000, Rounding::rne, 0, 0, ~0u, kInvalid},  // -1
                            {0xbfefffffffffffff, Rounding::rtz, 0, 0, 0, kInexact},    // just above -1
                            {0xbfe0000000000000, Rounding::rne, 0, 0, 0, kInexact},    // -0.5
                            {0xbfe0000000000000, Rounding::rmm, 0, 0, ~0u, kInvalid},
                            {0x8000000000000000, Rounding::rdn, 0, 0, 0, 0},
                            {0x8000000000000001, Rounding::rdn, 0, 0, ~0u, kInvalid},
                            {0x41efffffffe00000, Rounding::rne, ~0u, ~0u, ~0u, 0},  // 2^32 - 1
                            {0x41f0000000000000, Rounding::rne, ~0u, ~0u, ~0u, kInvalid},
                            {0x41efffffffe00001, Rounding::rup, ~0u, ~0u, ~0u, kInvalid}});
}

TEST(ToInt, LimitsOf64Bits) {
  constexpr s64 max = 0x7fffffffffffffff, min = -max - 1;
  check_limits<s64>("s64",
                    {{kNan, Rounding::rne, max, 0, min, kInvalid},
                     {0x43dfffffffffffff, Rounding::rne, 0x7ffffffffffffc00, 0x7ffffffffffffc00, 0x7ffffffffffffc00, 0},
                     {0x43e0000000000000, Rounding::rne, max, max, min, kInvalid},  // 2^63
                     {0xc3e0000000000000, Rounding::rne, min, min, min, 0},
                     {0xc3e0000000000001, Rounding::rne, min, min, min, kInvalid}});
  check_limits<u64>("u64",
                    {{kNan, Rounding::rne, ~0ull, 0, ~0ull, kInvalid},
                     {0x43e0000000000000, Rounding::rne, 1ull << 63, 1ull << 63, 1ull << 63, 0},
                     {0x43efffffffffffff, Rounding::rne, 0xfffffffffffff800, 0xfffffffffffff800, 0xfffffffffffff800, 0},
                     {0x43f0000000000000, Rounding::rne, ~0ull, ~0ull, ~0ull, kInvalid},
                     {0x7fefffffffffffff, Rounding::rne, ~0ull, ~0ull, ~0ull, kInvalid},
                     {0xffefffffffffffff, Rounding::rne, 0, 0, ~0ull, kInvalid}});
}

TEST(ToInt, FixedPoint) {
  Env env{Rounding::rtz};
  EXPECT_EQ((to_int<s32, F32, Arm>(0x3fc00000, env, 16)), 0x18000);  // 1.5
  EXPECT_EQ((to_int<u32, F64, Arm>(0x3fefffffffffffff, env, 32)), 0xffffffffu);
  EXPECT_EQ(env.flags, kInexact);
  Env exact;
  EXPECT_EQ((from_int<F32, Arm>(s32{-0x18000}, exact, 16)), 0xbfc00000u);
  EXPECT_EQ((from_int<F16, Arm>(u32{1}, exact, 24)), 1);
  EXPECT_EQ(exact.flags, 0);
}

TEST(ToInt, Modular) {
  struct Row {
    u64 value;
    s32 result;
    unsigned flags;
  };
  const Row rows[] = {{kNan, 0, kInvalid},
                      {kInf, 0, kInvalid},
                      {0x8000000000000000, 0, 0},
                      {0x3ff8000000000000, 1, kInexact},  // 1.5
                      {0xbff8000000000000, -1, kInexact},
                      {0x41dfffffffffffff, 0x7fffffff, kInexact},       // just below 2^31
                      {0x41e0000000000000, -0x7fffffff - 1, kInvalid},  // 2^31
                      {0xc1e0000000000000, -0x7fffffff - 1, 0},
                      {0xc1e00000001fffff, -0x7fffffff - 1, kInexact},  // just above -2^31 - 1
                      {0xc1e0000000200000, 0x7fffffff, kInvalid},       // -2^31 - 1
                      {0x41f0000000180000, 1, kInvalid},                // 2^32 + 1.5
                      {0x4340000000000001, 2, kInvalid},                // 2^53 + 2
                      {0x4530000000000001, 0, kInvalid},                // 2^84 + 2^32
                      {0x7fefffffffffffff, 0, kInvalid}};
  Checker checker("to_i32_modular");
  for (const Row& row : rows) {
    Env env{Rounding::rup};
    const s32 got = to_i32_modular<F64, RiscV>(row.value, env);
    checker.expect({row.value}, Env{Rounding::rup}, static_cast<u32>(row.result), row.flags, static_cast<u32>(got),
                   env.flags);
  }
}

template <class F, class Int>
void check_from_int(Checker& checker, Int value) {
  Env truncating{Rounding::rtz};
  const auto truncated = from_int<F, RiscV>(value, truncating);
  if (value == 0) return checker.expect({0}, truncating, 0, 0, truncated, truncating.flags);
  const bool sign = value < 0;
  const Term magnitude = {false, sign ? 0 - static_cast<u64>(value) : static_cast<u64>(value), 0};
  const auto versus = [&](Term limit) { return limit.negative = true, Sum().add(magnitude).add(limit).sign(); };
  const Oracle<F, decltype(versus)> oracle(sign, truncated, versus);
  if (!oracle.valid()) checker.expect({static_cast<u64>(value)}, truncating, 0, 0, 1, 1);
  for (Rounding rm : kModes) {
    Env env{rm};
    const auto got = from_int<F, RiscV>(value, env);
    const Outcome<F> want = oracle.expect(rm, false);
    checker.expect({static_cast<u64>(value)}, Env{rm}, want.bits, want.flags, got, env.flags);
  }
}

TYPED_TEST(EveryHalf, FromInt) {
  using F = TypeParam;
  Checker checker("from_int");
  Random random(21);
  for (unsigned i = 0; i < 20'000; ++i) {
    u64 value = random.next() >> random.below(64);
    if (i % 2) value = (u64{1} << random.below(64)) + random.below(3) - 1;
    check_from_int<F>(checker, value);
    check_from_int<F>(checker, static_cast<s64>(value));
    check_from_int<F>(checker, static_cast<u32>(value));
    check_from_int<F>(checker, static_cast<s32>(value));
  }
  for (Rounding rm : kModes) {
    Env env{rm};
    EXPECT_EQ((from_int<F, RiscV>(s32{0}, env)), F::zero(false));
  }
}

}  // namespace
}  // namespace mimus::softfloat
