// The X86 policy against the host's SSE and FMA units: every bit of the result and every flag, in the four rounding
// modes, with and without DAZ and FTZ.
#include <array>

#include "core/softfloat/softfloat.h"
#include "tests/softfloat/check.h"
#include "tests/softfloat/host.h"
#include "tests/softfloat/values.h"

namespace mimus::softfloat {
namespace {

constexpr unsigned kRandomCases = 60'000;

// Calls `test(env)` with every rounding mode and flush setting of the host.
template <class Test>
void for_each_env(Test test) {
  for (Rounding rm : host::kModes) {
    for (unsigned flush = 0; flush < 4; ++flush) test(Env{rm, 0, bit(flush, 0), bit(flush, 1)});
  }
}

Env random_env(Random& random) {
  const bool flush = random.below(4) == 0;
  return {host::kModes[random.below(4)], 0, flush && random.below(2), flush && random.below(2)};
}

template <class F, class Soft, class Host>
void check_unary(const char* name, Soft soft, Host hard) {
  Checker checker(name);
  const auto check = [&](typename F::Bits a, const Env& env) {
    Env expected = env;
    Env got = env;
    const auto want = hard(a, expected);
    const auto have = soft(a, got);
    checker.expect({a}, env, static_cast<u64>(want), expected.flags, static_cast<u64>(have), got.flags);
  };
  for_each_env([&](const Env& env) {
    for (auto a : edge_values<F>()) check(a, env);
  });
  Random random(1);
  for (unsigned i = 0; i < kRandomCases; ++i)
    check(random_value<F>(random, F::emax + random.below(70)), random_env(random));
}

template <class F, class Soft, class Host>
void check_binary(const char* name, Soft soft, Host hard) {
  Checker checker(name);
  const auto check = [&](typename F::Bits a, typename F::Bits b, const Env& env) {
    Env expected = env;
    Env got = env;
    const auto want = hard(a, b, expected);
    const auto have = soft(a, b, got);
    checker.expect({a, b}, env, static_cast<u64>(want), expected.flags, static_cast<u64>(have), got.flags);
  };
  const auto edges = edge_values<F>();
  for_each_env([&](const Env& env) {
    for (auto a : edges) {
      for (auto b : edges) check(a, b, env);
    }
  });
  Random random(2);
  for (unsigned i = 0; i < kRandomCases; ++i) {
    const auto a = random_value<F>(random, F::emax);
    check(a, random_value<F>(random, random.below(2) ? exp_field<F>(a) : F::exp_max_field - exp_field<F>(a)),
          random_env(random));
  }
}

template <class F>
class Sse : public testing::Test {};
using HostFormats = testing::Types<F32, F64>;
TYPED_TEST_SUITE(Sse, HostFormats);

// Both sides of a comparison as one number: unordered 4, less 2, equal 1.
unsigned encode(Order order) {
  constexpr unsigned codes[] = {2, 1, 0, 4};  // by Order: less, equal, greater, unordered
  return codes[static_cast<unsigned>(order)];
}
unsigned encode(host::Compared c) { return c.unordered * 4u + c.less * 2u + c.equal; }

// The overload sets of host:: and of the library as function objects.
#define UNARY(call) [](typename TypeParam::Bits a, Env& env) { return call; }
#define BINARY(call) [](typename TypeParam::Bits a, typename TypeParam::Bits b, Env& env) { return call; }
#define HOST_UNARY_OP(name) UNARY(host::name(a, env))
#define HOST_BINARY_OP(name) BINARY(host::name(a, b, env))

TYPED_TEST(Sse, Add) { check_binary<TypeParam>("add", BINARY((add<TypeParam, X86>(a, b, env))), HOST_BINARY_OP(add)); }
TYPED_TEST(Sse, Sub) { check_binary<TypeParam>("sub", BINARY((sub<TypeParam, X86>(a, b, env))), HOST_BINARY_OP(sub)); }
TYPED_TEST(Sse, Mul) { check_binary<TypeParam>("mul", BINARY((mul<TypeParam, X86>(a, b, env))), HOST_BINARY_OP(mul)); }
TYPED_TEST(Sse, Div) { check_binary<TypeParam>("div", BINARY((div<TypeParam, X86>(a, b, env))), HOST_BINARY_OP(div)); }
TYPED_TEST(Sse, Sqrt) { check_unary<TypeParam>("sqrt", UNARY((sqrt<TypeParam, X86>(a, env))), HOST_UNARY_OP(sqrt)); }

TYPED_TEST(Sse, MinMax) {
  check_binary<TypeParam>("min", BINARY((min_or_second<TypeParam, X86>(a, b, env))), HOST_BINARY_OP(min));
  check_binary<TypeParam>("max", BINARY((max_or_second<TypeParam, X86>(a, b, env))), HOST_BINARY_OP(max));
}

TYPED_TEST(Sse, RoundToInt) {
  check_unary<TypeParam>("round exact", UNARY((round_to_int<TypeParam, X86>(a, true, env))),
                         HOST_UNARY_OP(round_exact));
  check_unary<TypeParam>("round quiet", UNARY((round_to_int<TypeParam, X86>(a, false, env))),
                         HOST_UNARY_OP(round_quiet));
}

TYPED_TEST(Sse, ToInt) {
  check_unary<TypeParam>("to_i32", UNARY((to_int<s32, TypeParam, X86>(a, env))), HOST_UNARY_OP(to_i32));
  check_unary<TypeParam>("to_i64", UNARY((to_int<s64, TypeParam, X86>(a, env))), HOST_UNARY_OP(to_i64));
}

TYPED_TEST(Sse, Compare) {
  check_binary<TypeParam>("compare quiet", BINARY(encode(compare<TypeParam, X86>(a, b, false, env))),
                          BINARY(encode(host::compare_quiet(a, b, env))));
  check_binary<TypeParam>("compare signaling", BINARY(encode(compare<TypeParam, X86>(a, b, true, env))),
                          BINARY(encode(host::compare_signaling(a, b, env))));
}

TYPED_TEST(Sse, Fma) {
  if (!host::has_fma()) GTEST_SKIP() << "the host has no FMA3";
  using F = TypeParam;
  using Bits = typename F::Bits;
  Checker checker("fma");
  const auto check = [&](Bits a, Bits b, Bits c, const Env& env) {
    Env expected = env;
    Env got = env;
    const u64 want = host::fma(a, b, c, expected);
    const u64 have = fma<F, X86>(a, b, c, got);
    checker.expect({a, b, c}, env, want, expected.flags, have, got.flags);
  };
  const auto edges = edge_values<F>();
  for (Rounding rm : host::kModes) {
    for (Bits a : edges) {
      for (Bits b : edges) {
        for (Bits c : edges) check(a, b, c, Env{rm});
      }
    }
  }
  Random random(3);
  for (unsigned i = 0; i < 4 * kRandomCases; ++i) {
    const Bits a = random_value<F>(random, F::emax);
    const Bits b = random_value<F>(random, random.below(2) ? F::emax : F::exp_max_field - exp_field<F>(a));
    Bits c = random_value<F>(random, exp_field<F>(a) + exp_field<F>(b) - F::emax);
    if (random.below(4) == 0) {  // cancels nearly all of the product
      Env scratch;
      c = static_cast<Bits>((mul<F, X86>(a, b, scratch) ^ F::sign_mask) + random.below(3) - 1);
    }
    check(a, b, c, random_env(random));
  }
}

TEST(SseConvert, BetweenF32AndF64) {
  check_unary<F32>(
      "f32 to f64", [](u32 a, Env& env) { return convert<F64, F32, X86>(a, env); },
      [](u32 a, Env& env) { return host::to_f64(a, env); });
  check_unary<F64>(
      "f64 to f32", [](u64 a, Env& env) { return convert<F32, F64, X86>(a, env); },
      [](u64 a, Env& env) { return host::to_f32(a, env); });
  // The same with exponents around the ends of the narrow range.
  Checker checker("f64 to f32, near its limits");
  Random random(4);
  for (unsigned i = 0; i < kRandomCases; ++i) {
    const int exp = random.below(2) ? F32::emax : F32::emin - static_cast<int>(random.below(26));
    const u64 a = random_value<F64>(random, exp + F64::emax);
    const Env env = random_env(random);
    Env expected = env;
    Env got = env;
    const u32 want = host::to_f32(a, expected);
    const u32 have = convert<F32, F64, X86>(a, got);
    checker.expect({a}, env, want, expected.flags, have, got.flags);
  }
}

TEST(SseConvert, BetweenF16AndF32) {
  if (!host::has_f16c()) GTEST_SKIP() << "the host has no F16C";
  Checker widen("f16 to f32"), narrow("f32 to f16");
  const auto check_narrow = [&](u32 a, const Env& env) {
    Env expected = env;
    Env got = env;
    got.flush_outputs = false;  // VCVTPS2PH ignores FTZ
    const u16 want = host::f32_to_f16(a, expected);
    const u16 have = convert<F16, F32, X86>(a, got);
    narrow.expect({a}, env, want, expected.flags, have, got.flags);
  };
  for_each_env([&](const Env& env) {
    for (unsigned a = 0; a < 0x10000; ++a) {
      Env expected = env;
      Env got = env;
      got.flush_inputs = false;  // VCVTPH2PS ignores DAZ and does not report subnormals
      const u32 want = host::f16_to_f32(static_cast<u16>(a), expected);
      const u32 have = convert<F32, F16, X86>(static_cast<u16>(a), got);
      widen.expect({a}, env, want, expected.flags, have, got.flags & ~kDenormal);
    }
    for (u32 a : edge_values<F32>()) check_narrow(a, env);
  });
  Random random(6);
  for (unsigned i = 0; i < 4 * kRandomCases; ++i) {
    const int exp = random.below(2) ? F16::emax : F16::emin - static_cast<int>(random.below(13));
    check_narrow(random_value<F32>(random, exp + F32::emax), random_env(random));
  }
}

TEST(SseConvert, FromInt) {
  Checker checker("from_int");
  const auto check = [&](s64 value, const Env& env) {
    const s32 narrow = static_cast<s32>(value);
    Env want_env[4] = {env, env, env, env};
    Env have_env[4] = {env, env, env, env};
    const u64 want[] = {host::f32_from_int(narrow, want_env[0]), host::f32_from_int(value, want_env[1]),
                        host::f64_from_int(narrow, want_env[2]), host::f64_from_int(value, want_env[3])};
    const u64 have[] = {from_int<F32, X86>(narrow, have_env[0]), from_int<F32, X86>(value, have_env[1]),
                        from_int<F64, X86>(narrow, have_env[2]), from_int<F64, X86>(value, have_env[3])};
    for (int i = 0; i < 4; ++i) {
      checker.expect({static_cast<u64>(value), static_cast<u64>(i)}, env, want[i], want_env[i].flags, have[i],
                     have_env[i].flags);
    }
  };
  Random random(5);
  for (Rounding rm : host::kModes) {
    for (unsigned shift = 0; shift < 64; ++shift) {
      for (s64 offset : {-1, 0, 1}) {
        check(static_cast<s64>((u64{1} << shift) + static_cast<u64>(offset)), Env{rm});
        check(static_cast<s64>((~u64{0} << shift) + static_cast<u64>(offset)), Env{rm});
      }
    }
    for (unsigned i = 0; i < kRandomCases; ++i) check(static_cast<s64>(random.next()) >> random.below(64), Env{rm});
  }
}

}  // namespace
}  // namespace mimus::softfloat
