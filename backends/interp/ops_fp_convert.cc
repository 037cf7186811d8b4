// Conversions between float formats, to and from integers, and NaN boxing.
#include <limits>

#include "backends/interp/fp.h"

namespace mimus::interp {

namespace {

template <class To, class From, class P>
const Record* run_convert(const Record* r, u8* frame, CpuState* state) {
  FpScope fp(state, ir::FpAttr::unpack(r->attr).rounding);
  for (u32 i = 0; i < r->extra; ++i) {
    const auto value = sf::convert<To, From, P>(element<typename From::Bits>(frame, r->a, i), fp.env);
    set_element<typename To::Bits>(frame, r->result, i, r->extra, value);
  }
  return r + 1;
}

template <class F, class P>
const Record* run_round(const Record* r, u8* frame, CpuState* state) {
  using B = typename F::Bits;
  const ir::FpAttr attr = ir::FpAttr::unpack(r->attr);
  FpScope fp(state, attr.rounding);
  for (u32 i = 0; i < r->extra; ++i)
    set_element<B>(frame, r->result, i, r->extra,
                   sf::round_to_int<F, P>(element<B>(frame, r->a, i), attr.exact, fp.env));
  return r + 1;
}

// a as an Int by way of Wide, the 64-bit integer of the same signedness.
template <class Int, class F, class P>
Int to_int(typename F::Bits a, bool exact, sf::Env& env) {
  using Wide = std::conditional_t<std::is_signed_v<Int>, s64, u64>;
  sf::Env local = env;
  local.flags = 0;
  const Wide wide = sf::to_int<Wide, F, P>(a, local, 0);
  if (!(local.flags & sf::kInvalid) && wide == Wide(Int(wide))) {
    env.raise(exact ? local.flags : local.flags & ~sf::kInexact);
    return Int(wide);
  }
  env.raise(sf::kInvalid);
  const sf::Parts parts = sf::unpack<F>(a);
  return sf::out_of_range<Int, P>(parts.is_nan(), parts.sign);
}
template <class Int, class F, class P>
const Record* run_to_int(const Record* r, u8* frame, CpuState* state) {
  using U = std::make_unsigned_t<Int>;
  const ir::FpAttr attr = ir::FpAttr::unpack(r->attr);
  FpScope fp(state, attr.rounding);
  for (u32 i = 0; i < r->extra; ++i) {
    const U value = U(to_int<Int, F, P>(element<typename F::Bits>(frame, r->a, i), attr.exact, fp.env));
    set_element<U>(frame, r->result, i, r->extra, value);
  }
  return r + 1;
}

template <class Int, class F>
const Record* run_from_int(const Record* r, u8* frame, CpuState* state) {
  using U = std::make_unsigned_t<Int>;
  using Wide = std::conditional_t<std::is_signed_v<Int>, s64, u64>;
  FpScope fp(state, ir::FpAttr::unpack(r->attr).rounding);
  for (u32 i = 0; i < r->extra; ++i) {
    const Wide value = Wide(Int(element<U>(frame, r->a, i)));
    set_element<typename F::Bits>(frame, r->result, i, r->extra, sf::from_int<F, sf::RiscV, Wide>(value, fp.env, 0));
  }
  return r + 1;
}

template <bool Signed, class Make>
Handler by_int(ir::Elem elem, Make make) {
  switch (elem) {
    case ir::Elem::i8: return make.template operator()<std::conditional_t<Signed, s8, u8>>();
    case ir::Elem::i16: return make.template operator()<std::conditional_t<Signed, s16, u16>>();
    case ir::Elem::i32: return make.template operator()<std::conditional_t<Signed, s32, u32>>();
    case ir::Elem::i64: return make.template operator()<std::conditional_t<Signed, s64, u64>>();
    default: return nullptr;
  }
}
template <bool Signed>
Handler lower_to_int(Lowering& l) {
  fp_fields(l, 1);
  return by_rule(ir::FpAttr::unpack(l.inst().attr).rule, [&]<class P>() {
    return by_format(l.arg_type(0).elem, [&]<class F>() {
      return by_int<Signed>(l.type().elem, []<class Int>() -> Handler { return run_to_int<Int, F, P>; });
    });
  });
}
template <bool Signed>
Handler lower_from_int(Lowering& l) {
  fp_fields(l, 1);
  return by_format(l.type().elem, [&]<class F>() {
    return by_int<Signed>(l.arg_type(0).elem, []<class Int>() -> Handler { return run_from_int<Int, F>; });
  });
}

template <class F>
constexpr u64 kBoxMask = F::width < 64 ? ~u64{0} << (F::width % 64) : 0;

template <class F>
const Record* run_unbox(const Record* r, u8* frame, CpuState*) {
  const u64 value = get<u64>(frame + r->a);
  const bool boxed = (value & kBoxMask<F>) == kBoxMask<F>;
  put<u64>(frame + r->result, boxed ? value & ~kBoxMask<F> : u64(F::quiet_nan(false)));
  return r + 1;
}
template <class F>
const Record* run_box(const Record* r, u8* frame, CpuState*) {
  put<u64>(frame + r->result, get<u64>(frame + r->a) | kBoxMask<F>);
  return r + 1;
}

}  // namespace

Handler lower_fcvt(Lowering& l) {
  fp_fields(l, 1);
  return by_rule(ir::FpAttr::unpack(l.inst().attr).rule, [&]<class P>() {
    return by_format(l.arg_type(0).elem, [&]<class From>() {
      return by_format(l.type().elem, []<class To>() -> Handler { return run_convert<To, From, P>; });
    });
  });
}
Handler lower_fround(Lowering& l) {
  fp_fields(l, 1);
  return by_rule(ir::FpAttr::unpack(l.inst().attr).rule, [&]<class P>() {
    return by_format(l.type().elem, []<class F>() -> Handler { return run_round<F, P>; });
  });
}
Handler lower_fto_s(Lowering& l) { return lower_to_int<true>(l); }
Handler lower_fto_u(Lowering& l) { return lower_to_int<false>(l); }
Handler lower_ffrom_s(Lowering& l) { return lower_from_int<true>(l); }
Handler lower_ffrom_u(Lowering& l) { return lower_from_int<false>(l); }
Handler lower_unbox(Lowering& l) {
  l.use(1);
  return by_format(l.type().elem, []<class F>() -> Handler { return run_unbox<F>; });
}
Handler lower_box(Lowering& l) {
  l.use(1);
  return by_format(l.arg_type(0).elem, []<class F>() -> Handler { return run_box<F>; });
}

}  // namespace mimus::interp
