// Floating-point arithmetic, sign manipulation, NaN and underflow repair.
#include "backends/interp/fp.h"

namespace mimus::interp {

namespace {

#define MIMUS_FP_OP(Name, function)                  \
  struct Name {                                      \
    template <class F, class P, class... B>          \
    static auto apply(sf::Env& env, B... operands) { \
      return sf::function<F, P>(operands..., env);   \
    }                                                \
  }
MIMUS_FP_OP(Add, add);
MIMUS_FP_OP(Sub, sub);
MIMUS_FP_OP(Mul, mul);
MIMUS_FP_OP(Div, div);
MIMUS_FP_OP(Sqrt, sqrt);
MIMUS_FP_OP(Fma, fma);
#undef MIMUS_FP_OP

template <class Op, unsigned Operands, class F, class P>
const Record* run_arith(const Record* r, u8* frame, CpuState* state) {
  using B = typename F::Bits;
  FpScope fp(state, ir::FpAttr::unpack(r->attr).rounding);
  for (u32 i = 0; i < r->extra; ++i) {
    const B a = element<B>(frame, r->a, i);
    B value;
    if constexpr (Operands == 1)
      value = Op::template apply<F, P>(fp.env, a);
    else if constexpr (Operands == 2)
      value = Op::template apply<F, P>(fp.env, a, element<B>(frame, r->b, i));
    else
      value = Op::template apply<F, P>(fp.env, a, element<B>(frame, r->b, i), element<B>(frame, r->c, i));
    set_element<B>(frame, r->result, i, r->extra, value);
  }
  return r + 1;
}
template <class Op, unsigned Operands>
Handler arith(Lowering& l) {
  fp_fields(l, Operands);
  return by_rule(ir::FpAttr::unpack(l.inst().attr).rule, [&]<class P>() {
    return by_format(l.type().elem, []<class F>() -> Handler { return run_arith<Op, Operands, F, P>; });
  });
}

// F(a, b) on bit patterns; ops of one operand get it twice.
template <class Op, class F>
const Record* run_bits(const Record* r, u8* frame, CpuState* state) {
  using B = typename F::Bits;
  for (u32 i = 0; i < r->extra; ++i) {
    const B a = element<B>(frame, r->a, i), b = element<B>(frame, r->b, i);
    set_element<B>(frame, r->result, i, r->extra, B(Op::template apply<F>(a, b, *r, state)));
  }
  return r + 1;
}
template <class Op>
Handler on_bits(Lowering& l, unsigned operands) {
  fp_fields(l, operands);
  if (operands == 1) l.record().b = l.record().a;
  return by_format(l.type().elem, []<class F>() -> Handler { return run_bits<Op, F>; });
}

struct Negate {
  template <class F, class B>
  static auto apply(B a, B, const Record&, CpuState*) {
    return a ^ F::sign_mask;
  }
};
struct Absolute {
  template <class F, class B>
  static auto apply(B a, B, const Record&, CpuState*) {
    return a & ~F::sign_mask;
  }
};
struct CopySign {
  template <class F, class B>
  static auto apply(B a, B b, const Record&, CpuState*) {
    return (a & ~F::sign_mask) | (b & F::sign_mask);
  }
};
struct NanFix {
  template <class F, class B>
  static B apply(B a, B, const Record& r, CpuState*) {
    return sf::unpack<F>(a).is_nan() ? F::quiet_nan(ir::NanRule(r.attr) == ir::NanRule::x86_default) : a;
  }
};
struct TinyFix {
  template <class F, class B>
  static B apply(B a, B, const Record&, CpuState* state) {
    if (!sf::unpack<F>(a).subnormal) return a;
    state->guest_mxcsr |= mxcsr_from_flags(sf::kUnderflow);
    return F::zero((a & F::sign_mask) != 0);
  }
};

}  // namespace

Handler lower_fadd(Lowering& l) { return arith<Add, 2>(l); }
Handler lower_fsub(Lowering& l) { return arith<Sub, 2>(l); }
Handler lower_fmul(Lowering& l) { return arith<Mul, 2>(l); }
Handler lower_fdiv(Lowering& l) { return arith<Div, 2>(l); }
Handler lower_fsqrt(Lowering& l) { return arith<Sqrt, 1>(l); }

// The product of two f80 does not fit the soft float's sums; the x87 has no fused multiply-add, and the verifier says
// so.
Handler lower_fma(Lowering& l) {
  fp_fields(l, 3);
  return by_rule(ir::FpAttr::unpack(l.inst().attr).rule, [&]<class P>() {
    return by_format(l.type().elem, []<class F>() -> Handler {
      if constexpr (F::precision == 64)
        return nullptr;
      else
        return run_arith<Fma, 3, F, P>;
    });
  });
}
Handler lower_fneg(Lowering& l) { return on_bits<Negate>(l, 1); }
Handler lower_fabs(Lowering& l) { return on_bits<Absolute>(l, 1); }
Handler lower_fcopysign(Lowering& l) { return on_bits<CopySign>(l, 2); }
Handler lower_nan_fix(Lowering& l) { return on_bits<NanFix>(l, 1); }
Handler lower_tiny_fix(Lowering& l) { return on_bits<TinyFix>(l, 1); }

}  // namespace mimus::interp
