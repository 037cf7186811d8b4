// Floating-point comparison, minimum and maximum, classification, accumulated flags.
#include "backends/interp/fp.h"

namespace mimus::interp {

namespace {

// Predicates of an order; `signaling` ones raise invalid for quiet NaNs too.
struct Equal {
  static constexpr bool signaling = false;
  static bool test(sf::Order order) { return order == sf::Order::equal; }
};
struct Less {
  static constexpr bool signaling = true;
  static bool test(sf::Order order) { return order == sf::Order::less; }
};
struct LessEqual {
  static constexpr bool signaling = true;
  static bool test(sf::Order order) { return order == sf::Order::less || order == sf::Order::equal; }
};
struct LessQuiet : Less {
  static constexpr bool signaling = false;
};
struct LessEqualQuiet : LessEqual {
  static constexpr bool signaling = false;
};
struct Unordered {
  static constexpr bool signaling = false;
  static bool test(sf::Order order) { return order == sf::Order::unordered; }
};

template <class Predicate, class F>
const Record* run_compare(const Record* r, u8* frame, CpuState* state) {
  using B = typename F::Bits;
  FpScope fp(state, ir::Rounding::rne);
  for (u32 i = 0; i < r->extra; ++i) {
    const sf::Order order =
        sf::compare<F, sf::RiscV>(element<B>(frame, r->a, i), element<B>(frame, r->b, i), Predicate::signaling, fp.env);
    set_element<u8>(frame, r->result, i, r->extra, Predicate::test(order));
  }
  return r + 1;
}
template <class Predicate>
Handler compare(Lowering& l) {
  fp_fields(l, 2);
  return by_format(l.arg_type(0).elem, []<class F>() -> Handler { return run_compare<Predicate, F>; });
}

// Intel SDM volume 2, MINSD, MAXSD: the second operand unless the first is strictly before it.
template <class F, bool Max, class B>
B min_max_x86(B a, B b, sf::Env& env) {
  const sf::Order order = sf::compare<F, sf::X86>(a, b, true, env);
  return order == (Max ? sf::Order::greater : sf::Order::less) ? a : b;
}

template <ir::FpMinRule Rule, bool Max, class F, class B>
B min_max(B a, B b, sf::Env& env) {
  if constexpr (Rule == ir::FpMinRule::number_2019)
    return sf::min_max<F, sf::RiscV, sf::MinMaxRule::number_2019, Max>(a, b, env);
  else if constexpr (Rule == ir::FpMinRule::minmax_2019)
    return sf::min_max<F, sf::Arm, sf::MinMaxRule::nan_2019, Max>(a, b, env);
  else if constexpr (Rule == ir::FpMinRule::num_2008)
    return sf::min_max<F, sf::Arm, sf::MinMaxRule::number_2008, Max>(a, b, env);
  else
    return min_max_x86<F, Max>(a, b, env);
}
template <ir::FpMinRule Rule, bool Max, class F>
const Record* run_min_max(const Record* r, u8* frame, CpuState* state) {
  using B = typename F::Bits;
  FpScope fp(state, ir::Rounding::rne);
  for (u32 i = 0; i < r->extra; ++i) {
    const B a = element<B>(frame, r->a, i), b = element<B>(frame, r->b, i);
    set_element<B>(frame, r->result, i, r->extra, min_max<Rule, Max, F>(a, b, fp.env));
  }
  return r + 1;
}
template <bool Max>
Handler lower_min_max(Lowering& l) {
  fp_fields(l, 2);
  return by_format(l.type().elem, [&]<class F>() -> Handler {
    using R = ir::FpMinRule;
    constexpr Handler by_rule[] = {run_min_max<R::number_2019, Max, F>, run_min_max<R::minmax_2019, Max, F>,
                                   run_min_max<R::num_2008, Max, F>, run_min_max<R::x86, Max, F>};
    return by_rule[l.inst().attr & 3];
  });
}

template <class F>
const Record* run_fclass(const Record* r, u8* frame, CpuState*) {
  put<u64>(frame + r->result, sf::classify<F>(get<typename F::Bits>(frame + r->a)));
  return r + 1;
}

constexpr u32 kReadable = sf::kInvalid | sf::kDivByZero | sf::kOverflow | sf::kUnderflow | sf::kInexact;

const Record* run_flags_read(const Record* r, u8* frame, CpuState* state) {
  put<u64>(frame + r->result, flags_from_mxcsr(state->guest_mxcsr) & kReadable);
  return r + 1;
}
const Record* run_flags_write(const Record* r, u8* frame, CpuState* state) {
  const u32 flags = mxcsr_from_flags(u32(get<u64>(frame + r->a)) & kReadable);
  state->guest_mxcsr = (state->guest_mxcsr & ~kMxcsrFlags) | flags;
  return r + 1;
}

}  // namespace

Handler lower_feq(Lowering& l) { return compare<Equal>(l); }
Handler lower_flt(Lowering& l) { return compare<Less>(l); }
Handler lower_fle(Lowering& l) { return compare<LessEqual>(l); }
Handler lower_flt_quiet(Lowering& l) { return compare<LessQuiet>(l); }
Handler lower_fle_quiet(Lowering& l) { return compare<LessEqualQuiet>(l); }
Handler lower_funordered(Lowering& l) { return compare<Unordered>(l); }
Handler lower_fmin(Lowering& l) { return lower_min_max<false>(l); }
Handler lower_fmax(Lowering& l) { return lower_min_max<true>(l); }
Handler lower_fclass(Lowering& l) {
  fp_fields(l, 1);
  return by_format(l.arg_type(0).elem, []<class F>() -> Handler { return run_fclass<F>; });
}
Handler lower_fp_flags_read(Lowering& l) {
  l.use(0);
  return run_flags_read;
}
Handler lower_fp_flags_write(Lowering& l) {
  l.use(1);
  return run_flags_write;
}

}  // namespace mimus::interp
