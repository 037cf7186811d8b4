#include "backends/emit/fp_assist.h"

#include <type_traits>

#include "core/softfloat/softfloat.h"

namespace mimus::emit {

namespace {

namespace sf = softfloat;
using ir::Elem;
using ir::Op;

// MXCSR (Intel SDM volume 1, 10.2.3): flags in bits 0-5, DAZ, rounding control, FTZ.
constexpr u8 kMxcsrFlag[] = {sf::kInvalid, sf::kDenormal, sf::kDivByZero, sf::kOverflow, sf::kUnderflow, sf::kInexact};
constexpr sf::Rounding kMxcsrRounding[] = {sf::Rounding::rne, sf::Rounding::rdn, sf::Rounding::rup, sf::Rounding::rtz};
constexpr sf::Rounding kStaticRounding[] = {sf::Rounding::rne, sf::Rounding::rtz, sf::Rounding::rdn,
                                            sf::Rounding::rup, sf::Rounding::rmm, sf::Rounding::rod};

sf::Env environment(u32 mxcsr, ir::Rounding rounding) {
  sf::Env env;
  env.rm = rounding == ir::Rounding::current ? kMxcsrRounding[mxcsr >> 13 & 3] : kStaticRounding[unsigned(rounding)];
  env.flush_inputs = mxcsr >> 6 & 1;
  env.flush_outputs = mxcsr >> 15 & 1;
  return env;
}
u32 to_mxcsr(u8 flags) {
  u32 mxcsr = 0;
  for (unsigned i = 0; i < std::size(kMxcsrFlag); ++i) mxcsr |= flags & kMxcsrFlag[i] ? 1u << i : 0;
  return mxcsr;
}

// Calls make<F>() for the format, make<P>() for the rules, make<Int>() for the integer; `none` for others.
template <class R, class Make>
R by_format(Elem elem, R none, Make make) {
  switch (elem) {
    case Elem::f16: return make.template operator()<sf::F16>();
    case Elem::bf16: return make.template operator()<sf::BF16>();
    case Elem::f32: return make.template operator()<sf::F32>();
    case Elem::f64: return make.template operator()<sf::F64>();
    default: return none;
  }
}
template <class R, class Make>
R by_rule(ir::IntRule rule, R none, Make make) {
  switch (rule) {
    case ir::IntRule::riscv: return make.template operator()<sf::RiscV>();
    case ir::IntRule::arm: return make.template operator()<sf::Arm>();
    case ir::IntRule::x86: return make.template operator()<sf::X86>();
  }
  return none;
}
template <bool Signed, class R, class Make>
R by_int(Elem elem, R none, Make make) {
  switch (elem) {
    case Elem::i8: return make.template operator()<std::conditional_t<Signed, s8, u8>>();
    case Elem::i16: return make.template operator()<std::conditional_t<Signed, s16, u16>>();
    case Elem::i32: return make.template operator()<std::conditional_t<Signed, s32, u32>>();
    case Elem::i64: return make.template operator()<std::conditional_t<Signed, s64, u64>>();
    default: return none;
  }
}

struct Operands {
  u64 a, b, c;
};
using Function = u64 (*)(const Operands&, bool exact, sf::Env&);

template <class F, class P>
Function arithmetic(Op op) {
  using B = typename F::Bits;
  switch (op) {
    case Op::fadd: return [](const Operands& x, bool, sf::Env& e) -> u64 { return sf::add<F, P>(B(x.a), B(x.b), e); };
    case Op::fsub: return [](const Operands& x, bool, sf::Env& e) -> u64 { return sf::sub<F, P>(B(x.a), B(x.b), e); };
    case Op::fmul: return [](const Operands& x, bool, sf::Env& e) -> u64 { return sf::mul<F, P>(B(x.a), B(x.b), e); };
    case Op::fdiv: return [](const Operands& x, bool, sf::Env& e) -> u64 { return sf::div<F, P>(B(x.a), B(x.b), e); };
    case Op::fsqrt: return [](const Operands& x, bool, sf::Env& e) -> u64 { return sf::sqrt<F, P>(B(x.a), e); };
    case Op::fma:
      return [](const Operands& x, bool, sf::Env& e) -> u64 { return sf::fma<F, P>(B(x.a), B(x.b), B(x.c), e); };
    case Op::fround:
      return [](const Operands& x, bool exact, sf::Env& e) -> u64 { return sf::round_to_int<F, P>(B(x.a), exact, e); };
    case Op::tiny_fix:
      return [](const Operands& x, bool, sf::Env& e) -> u64 {
        if (!sf::unpack<F>(B(x.a)).subnormal) return B(x.a);
        e.raise(sf::kUnderflow);
        return F::zero((x.a & F::sign_mask) != 0);
      };
    default: return nullptr;
  }
}

// To a narrow integer by way of the 64-bit one of the same signedness.
template <class Int, class F, class P>
u64 to_int(const Operands& x, bool exact, sf::Env& env) {
  using Wide = std::conditional_t<std::is_signed_v<Int>, s64, u64>;
  using B = typename F::Bits;
  sf::Env local = env;
  local.flags = 0;
  const Wide wide = sf::to_int<Wide, F, P>(B(x.a), local, 0);
  if (!(local.flags & sf::kInvalid) && wide == Wide(Int(wide))) {
    env.raise(exact ? local.flags : local.flags & ~sf::kInexact);
    return std::make_unsigned_t<Int>(wide);
  }
  env.raise(sf::kInvalid);
  const sf::Parts parts = sf::unpack<F>(B(x.a));
  return std::make_unsigned_t<Int>(sf::out_of_range<Int, P>(parts.is_nan(), parts.sign));
}
template <bool Signed>
Function to_int_function(const FpAssist& what) {
  return by_rule(what.attr.rule, Function{}, [&]<class P>() {
    return by_format(what.from, Function{}, [&]<class F>() {
      return by_int<Signed>(what.to, Function{}, []<class Int>() -> Function { return to_int<Int, F, P>; });
    });
  });
}
template <bool Signed>
Function from_int_function(const FpAssist& what) {
  return by_format(what.to, Function{}, [&]<class F>() {
    return by_int<Signed>(what.from, Function{}, []<class Int>() -> Function {
      using Wide = std::conditional_t<std::is_signed_v<Int>, s64, u64>;
      return [](const Operands& x, bool, sf::Env& e) -> u64 {
        return sf::from_int<F, sf::RiscV, Wide>(Wide(Int(x.a)), e, 0);
      };
    });
  });
}
Function convert_function(const FpAssist& what) {
  return by_rule(what.attr.rule, Function{}, [&]<class P>() {
    return by_format(what.from, Function{}, [&]<class From>() {
      return by_format(what.to, Function{}, []<class To>() -> Function {
        return [](const Operands& x, bool, sf::Env& e) -> u64 {
          return sf::convert<To, From, P>(typename From::Bits(x.a), e);
        };
      });
    });
  });
}

Function find(const FpAssist& what) {
  switch (what.op) {
    case Op::fto_s: return to_int_function<true>(what);
    case Op::fto_u: return to_int_function<false>(what);
    case Op::ffrom_s: return from_int_function<true>(what);
    case Op::ffrom_u: return from_int_function<false>(what);
    case Op::fcvt: return convert_function(what);
    default: break;
  }
  return by_rule(what.attr.rule, Function{}, [&]<class P>() {
    return by_format(what.from, Function{}, [&]<class F>() { return arithmetic<F, P>(what.op); });
  });
}

}  // namespace

bool can_assist(const FpAssist& what) { return find(what) != nullptr; }

u64 fp_assist(CpuState* state, u64 a, u64 b, u64 c, u32 packed) {
  const FpAssist what = FpAssist::unpack(packed);
  sf::Env env = environment(state->guest_mxcsr, what.attr.rounding);
  const u64 result = find(what)({a, b, c}, what.attr.exact, env);
  state->guest_mxcsr |= to_mxcsr(env.flags);
  return result;
}

}  // namespace mimus::emit
