// F80 under the X87 policy against the host's x87 unit: all bits, all flags, four rounding modes, three precisions.
#include <bit>

#include "core/softfloat/softfloat.h"
#include "tests/softfloat/check.h"
#include "tests/softfloat/host.h"
#include "tests/softfloat/values.h"

namespace mimus::softfloat {
namespace {

constexpr unsigned kRandomCases = 60'000;

// The low 80 bits of a 16-byte slot, as FLD m80fp and FSTP m80fp see it.
using F80Bits = F80::Bits;

// The x87 control word, exceptions masked: rounding control in bits 10 and 11, precision control in bits 8 and 9.
template <class F>
u16 control_word(Rounding rm) {
  constexpr u16 rc[] = {0, 3, 1, 2};
  constexpr u16 pc = F::precision == 24 ? 0 : F::precision == 53 ? 2 : 3;
  return static_cast<u16>(0x7f | rc[static_cast<unsigned>(rm)] << 10 | pc << 8);
}

// Every statement below leaves the default control word and an empty register stack behind.
#define X87_CLOBBERS "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc", "memory"

// st(0) = a, st(1) = b; `insn` leaves its result in st(0).
#define X87_BINARY(name, insn)                                                                                         \
  template <class F>                                                                                                   \
  F80Bits name(F80Bits a, F80Bits b, Env& env) {                                                                       \
    F80Bits result = 0;                                                                                                \
    const u16 control = control_word<F>(env.rm);                                                                       \
    u16 status = 0;                                                                                                    \
    asm volatile("fninit\n\tfldcw %[cw]\n\tfldt %[b]\n\tfldt %[a]\n\t" insn "\n\tfnstsw %[sw]\n\tfstpt %[r]\n\tfninit" \
                 : [r] "=m"(result), [sw] "=m"(status)                                                                 \
                 : [a] "m"(a), [b] "m"(b), [cw] "m"(control)                                                           \
                 : X87_CLOBBERS);                                                                                      \
    env.raise(host::flags(status));                                                                                    \
    return result & ((u128{1} << 80) - 1);                                                                             \
  }
X87_BINARY(x87_add, "fadd %%st(1), %%st")
X87_BINARY(x87_sub, "fsub %%st(1), %%st")
X87_BINARY(x87_mul, "fmul %%st(1), %%st")
X87_BINARY(x87_div, "fdiv %%st(1), %%st")
X87_BINARY(x87_sqrt, "fsqrt")
X87_BINARY(x87_round, "frndint")
#undef X87_BINARY

// Comparison results as unordered 4, less 2, equal 1, from ZF, PF and CF.
#define X87_COMPARE(name, insn)                                                                       \
  unsigned name(F80Bits a, F80Bits b, Env& env) {                                                     \
    u16 status = 0;                                                                                   \
    u8 zf, pf, cf;                                                                                    \
    asm volatile("fninit\n\tfldt %[b]\n\tfldt %[a]\n\t" insn                                          \
                 " %%st(1), %%st\n\tsetz %[zf]\n\tsetp %[pf]\n\tsetc %[cf]\n\tfnstsw %[sw]\n\tfninit" \
                 : [sw] "=m"(status), [zf] "=&q"(zf), [pf] "=&q"(pf), [cf] "=&q"(cf)                  \
                 : [a] "m"(a), [b] "m"(b)                                                             \
                 : X87_CLOBBERS);                                                                     \
    env.raise(host::flags(status));                                                                   \
    return pf ? 4u : cf * 2u + zf;                                                                    \
  }
X87_COMPARE(x87_compare_signaling, "fcomi")
X87_COMPARE(x87_compare_quiet, "fucomi")
#undef X87_COMPARE

// Loads and stores that convert.
#define X87_STORE(name, insn, To)                                                                \
  To name(F80Bits a, Env& env) {                                                                 \
    To result{};                                                                                 \
    const u16 control = control_word<F80>(env.rm);                                               \
    u16 status = 0;                                                                              \
    asm volatile("fninit\n\tfldcw %[cw]\n\tfldt %[a]\n\t" insn " %[r]\n\tfnstsw %[sw]\n\tfninit" \
                 : [r] "=m"(result), [sw] "=m"(status)                                           \
                 : [a] "m"(a), [cw] "m"(control)                                                 \
                 : X87_CLOBBERS);                                                                \
    env.raise(host::flags(status));                                                              \
    return result;                                                                               \
  }
X87_STORE(x87_store_f32, "fstps", u32)
X87_STORE(x87_store_f64, "fstpl", u64)
X87_STORE(x87_store_s16, "fistps", s16)
X87_STORE(x87_store_s32, "fistpl", s32)
X87_STORE(x87_store_s64, "fistpll", s64)
#undef X87_STORE

#define X87_LOAD(name, insn, From)                                                 \
  F80Bits name(From a, Env& env) {                                                 \
    F80Bits result = 0;                                                            \
    u16 status = 0;                                                                \
    asm volatile("fninit\n\t" insn " %[a]\n\tfnstsw %[sw]\n\tfstpt %[r]\n\tfninit" \
                 : [r] "=m"(result), [sw] "=m"(status)                             \
                 : [a] "m"(a)                                                      \
                 : X87_CLOBBERS);                                                  \
    env.raise(host::flags(status));                                                \
    return result & ((u128{1} << 80) - 1);                                         \
  }
X87_LOAD(x87_load_f32, "flds", u32)
X87_LOAD(x87_load_f64, "fldl", u64)
X87_LOAD(x87_load_s64, "fildll", s64)
#undef X87_LOAD

F80Bits f80(unsigned field, u64 sig) { return (u128{field} << 64) | sig; }

// Corners, among them what the x87 no longer accepts: unnormals, pseudo-infinities, pseudo-NaNs; and pseudo-denormals.
std::vector<F80Bits> f80_edges() {
  constexpr u64 one = u64{1} << 63;
  std::vector<F80Bits> values;
  const unsigned fields[] = {0, 1, 2, 0x3ffe, 0x3fff, 0x4000, 0x401e, 0x403e, 0x403f, 0x7ffd, 0x7ffe, 0x7fff};
  const u64 sigs[] = {one, one | 1, one | 0x7ff, one | 0x800, ~u64{0}, one | one >> 1, one | one >> 1 | 0x4000000000};
  for (unsigned field : fields) {
    for (u64 sig : sigs) values.push_back(f80(field, sig));
  }
  for (u64 sig : {u64{0}, u64{1}, u64{0x800}, one - 1, one >> 1}) values.push_back(f80(0, sig));
  for (u64 sig : {u64{0}, u64{1}, one >> 1}) {
    values.push_back(f80(0x3fff, sig));
    values.push_back(f80(0x7fff, sig));
  }
  for (std::size_t i = 0, count = values.size(); i < count; ++i) values.push_back(values[i] | F80::sign_mask);
  return values;
}

F80Bits random_f80(Random& random, int near) {
  const F80Bits bits = random_value<F80>(random, near);
  return bits | (exp_field<F80>(bits) != 0 && random.below(64) != 0 ? F80::integer_bit : 0);
}

template <class Soft, class Host>
void check_unary(const char* name, Soft soft, Host hard, int near = F80::emax) {
  Checker checker(name);
  const auto check = [&](F80Bits a, Rounding rm) {
    Env expected{rm};
    Env got{rm};
    const auto want = hard(a, expected);
    const auto have = soft(a, got);
    checker.expect({a}, Env{rm}, static_cast<u128>(want), expected.flags, static_cast<u128>(have), got.flags);
  };
  Random random(31);
  for (Rounding rm : host::kModes) {
    for (F80Bits a : f80_edges()) check(a, rm);
    for (unsigned i = 0; i < kRandomCases / 4; ++i)
      check(random_f80(random, near + static_cast<int>(random.below(70)) - 5), rm);
  }
}

template <class Soft, class Host>
void check_binary(const char* name, Soft soft, Host hard) {
  Checker checker(name);
  const auto check = [&](F80Bits a, F80Bits b, Rounding rm) {
    Env expected{rm};
    Env got{rm};
    const auto want = hard(a, b, expected);
    const auto have = soft(a, b, got);
    checker.expect({a, b}, Env{rm}, want, expected.flags, have, got.flags);
  };
  const auto edges = f80_edges();
  for (Rounding rm : host::kModes) {
    for (F80Bits a : edges) {
      for (F80Bits b : edges) check(a, b, rm);
    }
  }
  Random random(32);
  for (unsigned i = 0; i < kRandomCases; ++i) {
    const F80Bits a = random_f80(random, F80::emax);
    const int near = random.below(2) ? exp_field<F80>(a) : F80::exp_max_field - exp_field<F80>(a);
    check(a, random_f80(random, near), host::kModes[random.below(4)]);
  }
}

template <class F>
class X87Arithmetic : public testing::Test {};
using Precisions = testing::Types<F80, F80Double, F80Single>;
TYPED_TEST_SUITE(X87Arithmetic, Precisions);

TYPED_TEST(X87Arithmetic, Add) { check_binary("fadd", add<TypeParam, X87>, x87_add<TypeParam>); }
TYPED_TEST(X87Arithmetic, Sub) { check_binary("fsub", sub<TypeParam, X87>, x87_sub<TypeParam>); }
TYPED_TEST(X87Arithmetic, Mul) { check_binary("fmul", mul<TypeParam, X87>, x87_mul<TypeParam>); }
TYPED_TEST(X87Arithmetic, Div) { check_binary("fdiv", div<TypeParam, X87>, x87_div<TypeParam>); }
TYPED_TEST(X87Arithmetic, Sqrt) {
  check_unary("fsqrt", sqrt<TypeParam, X87>, [](F80Bits a, Env& env) { return x87_sqrt<TypeParam>(a, 0, env); });
}

TEST(X87, RoundToInt) {
  check_unary(
      "frndint", [](F80Bits a, Env& env) { return round_to_int<F80, X87>(a, true, env); },
      [](F80Bits a, Env& env) { return x87_round<F80>(a, 0, env); });
}

TEST(X87, Compare) {
  const auto encode = [](Order order) {
    constexpr unsigned codes[] = {2, 1, 0, 4};
    return codes[static_cast<unsigned>(order)];
  };
  check_binary(
      "fcomi", [&](F80Bits a, F80Bits b, Env& env) { return encode(compare<F80, X87>(a, b, true, env)); },
      x87_compare_signaling);
  check_binary(
      "fucomi", [&](F80Bits a, F80Bits b, Env& env) { return encode(compare<F80, X87>(a, b, false, env)); },
      x87_compare_quiet);
}

TEST(X87, Store) {
  check_unary("fst m32", convert<F32, F80, X87>, x87_store_f32);
  check_unary("fst m32, subnormal", convert<F32, F80, X87>, x87_store_f32, F80::emax + F32::emin - 50);
  check_unary("fst m64", convert<F64, F80, X87>, x87_store_f64);
  check_unary("fst m64, subnormal", convert<F64, F80, X87>, x87_store_f64, F80::emax + F64::emin - 60);
  check_unary("fist m16", [](F80Bits a, Env& env) { return to_int<s16, F80, X87>(a, env); }, x87_store_s16);
  check_unary("fist m32", [](F80Bits a, Env& env) { return to_int<s32, F80, X87>(a, env); }, x87_store_s32);
  check_unary("fist m64", [](F80Bits a, Env& env) { return to_int<s64, F80, X87>(a, env); }, x87_store_s64);
}

TEST(X87, Load) {
  Checker checker("fld, fild");
  Random random(33);
  const auto check = [&](auto operand, auto soft, auto hard) {
    Env expected;
    Env got;
    const F80Bits want = hard(operand, expected);
    const F80Bits have = soft(operand, got);
    checker.expect({static_cast<u64>(operand)}, Env{}, want, expected.flags, have, got.flags);
  };
  const auto from_s64 = [](s64 value, Env& env) { return from_int<F80, X87>(value, env); };
  for (u32 a : edge_values<F32>()) check(a, convert<F80, F32, X87>, x87_load_f32);
  for (u64 a : edge_values<F64>()) check(a, convert<F80, F64, X87>, x87_load_f64);
  for (unsigned i = 0; i < kRandomCases; ++i) {
    check(random_value<F32>(random, F32::emax), convert<F80, F32, X87>, x87_load_f32);
    check(random_value<F64>(random, F64::emax), convert<F80, F64, X87>, x87_load_f64);
    check(static_cast<s64>(random.next()) >> random.below(64), from_s64, x87_load_s64);
  }
}

}  // namespace
}  // namespace mimus::softfloat
