// Every rounding mode (RMM and round-to-odd too), format and way of detecting tininess against exact arithmetic.
#include "tests/softfloat/exact.h"
#include "core/softfloat/softfloat.h"
#include "tests/softfloat/check.h"
#include "tests/softfloat/values.h"

namespace mimus::softfloat {
namespace {

constexpr Rounding kModes[] = {Rounding::rne, Rounding::rtz, Rounding::rdn,
                               Rounding::rup, Rounding::rmm, Rounding::rod};

// Random cases per operation and combination.
constexpr unsigned kCases = 40'000;

template <class FormatType, class PolicyType>
struct Combination {
  using F = FormatType;
  using P = PolicyType;
};

template <class C>
class ExactArithmetic : public testing::Test {
 protected:
  using F = typename C::F;
  using P = typename C::P;
  using Bits = typename F::Bits;

  static bool finite(Bits bits) { return exp_field<F>(bits) != F::exp_max_field; }
  static bool zero(Bits bits) { return (bits & ~F::sign_mask) == 0; }

  // A random finite nonzero value.
  Bits value(int near) {
    for (;;) {
      const Bits bits = random_value<F>(random_, near);
      if (finite(bits) && !zero(bits)) return bits;
    }
  }

  // `operation(env)` in all modes against the oracle of an exact nonzero result.
  template <class Operation, class Versus>
  void check(Checker& checker, std::initializer_list<u128> operands, bool sign, Operation operation, Versus versus) {
    Env truncating{Rounding::rtz};
    const Oracle<F, Versus> oracle(sign, operation(truncating), versus);
    if (!oracle.valid()) checker.expect(operands, truncating, 0, 0, 1, 1);
    for (Rounding rm : kModes) {
      Env env{rm};
      const Bits got = operation(env);
      const Outcome<F> want = oracle.expect(rm, P::tiny_before_rounding);
      checker.expect(operands, Env{rm}, want.bits, want.flags, got, env.flags);
    }
  }

  // A sum of two products, the second one being c * 1.
  void check_fma(Checker& checker, Bits a, Bits b, Bits c) {
    const Term x = term<F>(a), y = term<F>(b), z = term<F>(c);
    const int sign = Sum().add(x, y).add(z).sign();
    if (sign == 0) return;
    const Term one = {sign < 0, 1, 0};
    const auto versus = [&](Term limit) {
      Term signed_x = x;
      Term signed_z = z;
      signed_x.negative ^= one.negative;
      signed_z.negative ^= one.negative;
      limit.negative = true;
      return Sum().add(signed_x, y).add(signed_z).add(limit).sign();
    };
    check(checker, {a, b, c}, sign < 0, [&](Env& env) { return fma<F, P>(a, b, c, env); }, versus);
    if (b == Bits{F::emax} << F::frac_bits) {  // b is 1: a sum
      check(checker, {a, c}, sign < 0, [&](Env& env) { return add<F, P>(a, c, env); }, versus);
      const Bits negated = static_cast<Bits>(c ^ F::sign_mask);
      check(checker, {a, negated}, sign < 0, [&](Env& env) { return sub<F, P>(a, negated, env); }, versus);
    }
  }

  Random random_{11};
};

using Combinations =
    testing::Types<Combination<F16, RiscV>, Combination<F32, RiscV>, Combination<F64, RiscV>, Combination<BF16, RiscV>,
                   Combination<F16, Arm>, Combination<F32, Arm>, Combination<F64, Arm>>;
TYPED_TEST_SUITE(ExactArithmetic, Combinations);

TYPED_TEST(ExactArithmetic, Add) {
  using F = typename TypeParam::F;
  Checker checker("add");
  for (unsigned i = 0; i < kCases; ++i) {
    const auto a = this->value(F::emax);
    this->check_fma(checker, a, static_cast<typename F::Bits>(F::emax) << F::frac_bits, this->value(exp_field<F>(a)));
  }
}

TYPED_TEST(ExactArithmetic, Fma) {
  using F = typename TypeParam::F;
  using P = typename TypeParam::P;
  Checker checker("fma");
  for (unsigned i = 0; i < kCases; ++i) {
    const auto a = this->value(F::emax);
    const auto b = this->value(i % 2 ? F::emax : F::exp_max_field - exp_field<F>(a));
    auto c = this->value(exp_field<F>(a) + exp_field<F>(b) - F::emax);
    if (i % 4 == 0) {  // cancels nearly all of the product
      Env env{Rounding::rtz};
      const auto product = mul<F, P>(a, b, env);
      if (!this->zero(product)) c = static_cast<typename F::Bits>(product ^ F::sign_mask);
    }
    this->check_fma(checker, a, b, c);
  }
}

TYPED_TEST(ExactArithmetic, Mul) {
  using F = typename TypeParam::F;
  using P = typename TypeParam::P;
  Checker checker("mul");
  for (unsigned i = 0; i < kCases; ++i) {
    auto a = this->value(i % 2 ? F::emax : F::emax / 2);
    auto b = this->value(i % 2 ? F::emax : F::emax / 2);
    if (i % 4 == 0) {  // the product is the smallest normal number, give or take less than two last places
      a = static_cast<typename F::Bits>((typename F::Bits{1} << F::frac_bits) + i / 4 % 3);
      b = static_cast<typename F::Bits>((static_cast<typename F::Bits>(F::emax) << F::frac_bits) - i / 16 % 6);
    }
    Term x = term<F>(a), y = term<F>(b);
    const bool sign = x.negative != y.negative;
    x.negative = y.negative = false;
    this->check(
        checker, {a, b}, sign, [&](Env& env) { return mul<F, P>(a, b, env); },
        [&](Term limit) { return limit.negative = true, Sum().add(x, y).add(limit).sign(); });
  }
}

TYPED_TEST(ExactArithmetic, Div) {
  using F = typename TypeParam::F;
  using P = typename TypeParam::P;
  Checker checker("div");
  for (unsigned i = 0; i < kCases; ++i) {
    const auto a = this->value(F::emax);
    const auto b = this->value(i % 2 ? exp_field<F>(a) : exp_field<F>(a) + F::emax);
    Term x = term<F>(a), y = term<F>(b);
    const bool sign = x.negative != y.negative;
    x.negative = false;
    y.negative = true;
    this->check(
        checker, {a, b}, sign, [&](Env& env) { return div<F, P>(a, b, env); },
        [&](Term limit) { return Sum().add(x).add(y, limit).sign(); });
  }
}

TYPED_TEST(ExactArithmetic, Sqrt) {
  using F = typename TypeParam::F;
  using P = typename TypeParam::P;
  Checker checker("sqrt");
  const auto check_root = [&](typename F::Bits a) {
    const auto versus = [&](const Term& limit) {
      Term negated = limit;
      negated.negative = true;
      return Sum().add(term<F>(a)).add(limit, negated).sign();
    };
    this->check(checker, {a}, false, [&](Env& env) { return sqrt<F, P>(a, env); }, versus);
  };
  if (F::width == 16) {
    for (typename F::Bits a = 1; a < F::infinity; ++a) check_root(a);
    return;
  }
  for (unsigned i = 0; i < kCases; ++i) {
    auto a = static_cast<typename F::Bits>(this->value(F::emax) & ~F::sign_mask);
    if (i % 4 == 0) {  // squares and their neighbours
      Env env;
      a = static_cast<typename F::Bits>(mul<F, P>(a, a, env) + static_cast<unsigned>(i / 4) % 3 - 1);
      if (a == 0 || a >= F::infinity) continue;
    }
    check_root(a);
  }
}

template <class To, class From, class P>
void check_narrowing(const char* name) {
  Checker checker(name);
  Random random(12);
  for (unsigned i = 0; i < 2 * kCases; ++i) {
    const int exp = i % 2 ? To::emax : To::emin - static_cast<int>(random.below(To::precision + 2));
    const auto a = random_value<From>(random, exp + From::emax);
    Term x = term<From>(a);
    if (x.sig == 0 || exp_field<From>(a) == From::exp_max_field) continue;
    const bool sign = x.negative;
    x.negative = false;
    const auto versus = [&](Term limit) { return limit.negative = true, Sum().add(x).add(limit).sign(); };
    Env truncating{Rounding::rtz};
    const Oracle<To, decltype(versus)> oracle(sign, convert<To, From, P>(a, truncating), versus);
    if (!oracle.valid()) checker.expect({a}, truncating, 0, 0, 1, 1);
    for (Rounding rm : kModes) {
      Env env{rm};
      const auto got = convert<To, From, P>(a, env);
      const Outcome<To> want = oracle.expect(rm, P::tiny_before_rounding);
      checker.expect({a}, Env{rm}, want.bits, want.flags, got, env.flags);
    }
  }
}

TEST(ExactConversion, Narrowing) {
  check_narrowing<F16, F32, RiscV>("f32 to f16");
  check_narrowing<F16, F64, RiscV>("f64 to f16");
  check_narrowing<BF16, F32, RiscV>("f32 to bf16");
  check_narrowing<F32, F64, RiscV>("f64 to f32");
  check_narrowing<F16, F64, Arm>("f64 to f16, tininess before rounding");
  check_narrowing<BF16, F32, Arm>("f32 to bf16, tininess before rounding");
}

TEST(ExactConversion, WideningKeepsEveryFiniteValue) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const u16 a = static_cast<u16>(bits);
    for (Rounding rm : kModes) {
      Env env{rm};
      if (exp_field<F16>(a) != F16::exp_max_field) {
        const u32 single = convert<F32, F16, RiscV>(a, env);
        const u64 wide = convert<F64, F16, RiscV>(a, env);
        EXPECT_EQ(wide, (convert<F64, F32, RiscV>(single, env)));
        Term x = term<F16>(a), y = term<F32>(single);
        y.negative = !y.negative;
        EXPECT_EQ(Sum().add(x).add(y).sign(), 0);
        EXPECT_EQ(x.negative, !y.negative);
        EXPECT_EQ((convert<F16, F32, RiscV>(single, env)), a);
        EXPECT_EQ((convert<F16, F64, RiscV>(wide, env)), a);
      }
      if (exp_field<BF16>(a) != BF16::exp_max_field) {
        EXPECT_EQ((convert<F32, BF16, RiscV>(a, env)), u32{a} << 16);
      }
      EXPECT_EQ(env.flags, 0);
    }
  }
}

}  // namespace
}  // namespace mimus::softfloat
