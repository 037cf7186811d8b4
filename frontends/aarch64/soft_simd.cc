#include "frontends/aarch64/soft_simd.h"

#include "frontends/aarch64/fixed.h"
#include "frontends/aarch64/soft_estimate.h"
#include "frontends/aarch64/soft_float.h"

namespace mimus::aarch64 {
namespace {

// The fields of a whole-register instruction.
struct Fields {
  u32 raw;
  u32 get(unsigned lsb, unsigned width) const { return raw >> lsb & ((1u << width) - 1); }
  bool scalar() const { return get(28, 1) && get(30, 1); }
  // log2 of the bytes of a lane: vectors of half precision have bits of their own (bit 21 among three-same, bits 22 to
  // 17 among the others), else sz.
  unsigned size() const {
    const bool three_same = get(10, 1);
    const bool half = three_same ? !get(21, 1) : get(17, 6) == 0x3c;
    return half ? 1 : 2 + get(22, 1);
  }
  unsigned lanes(unsigned size) const { return scalar() ? 1 : (get(30, 1) ? 16u : 8u) >> size; }
};

template <class B>
B lane(const Aarch64State& s, unsigned reg, unsigned index) {
  B value;
  std::memcpy(&value, reinterpret_cast<const u8*>(s.q[reg]) + index * sizeof(B), sizeof(B));
  return value;
}

// A register that is written as a whole: what has not been set is zero.
class Result {
 public:
  Result(Aarch64State& s, unsigned reg) : s_(s), reg_(reg) {}
  ~Result() { std::memcpy(s_.q[reg_], bytes_, sizeof bytes_); }
  Result(const Result&) = delete;
  template <class B>
  void set(unsigned index, B value) {
    std::memcpy(bytes_ + index * sizeof(B), &value, sizeof(B));
  }

 private:
  Aarch64State& s_;
  unsigned reg_;
  u8 bytes_[16] = {};
};

template <class Make>
void by_size(unsigned size, Make make) {
  if (size == 1) make.template operator()<sf::F16>();
  if (size == 2) make.template operator()<sf::F32>();
  if (size == 3) make.template operator()<sf::F64>();
}

// f<F>(soft, n, m) on each lane.
template <class Function>
void each_lane(Aarch64State& s, Fields i, Function f) {
  Result result(s, i.get(0, 5));
  const unsigned size = i.size();
  by_size(size, [&]<class F>() {
    using B = typename F::Bits;
    for (unsigned k = 0; k < i.lanes(size); ++k) {
      SoftFloat soft(s);
      const B n = lane<B>(s, i.get(5, 5), k), m = lane<B>(s, i.get(16, 5), k);
      result.set<B>(k, f.template operator()<F>(soft, n, m));
    }
  });
}
template <class Function>
void each_word(Aarch64State& s, Fields i, Function f) {
  Result result(s, i.get(0, 5));
  for (unsigned k = 0; k < i.lanes(2); ++k) result.set<u32>(k, f(lane<u32>(s, i.get(5, 5), k)));
}

// immh:immb: the lanes' size and the fraction bits.
void fixed_point(Aarch64State& s, Fields i, bool to_int) {
  Result result(s, i.get(0, 5));
  const unsigned size = unsigned(std::bit_width(i.get(19, 4))) - 1;
  const unsigned fraction = (16u << size) - i.get(16, 7);
  by_size(size, [&]<class F>() {
    using B = typename F::Bits;
    const FixedConversion what{u8(size), u8(size), !i.get(29, 1), u8(fraction)};
    for (unsigned k = 0; k < i.lanes(size); ++k) {
      const B n = lane<B>(s, i.get(5, 5), k);
      result.set<B>(k, B(to_int ? fixed_to_int(s, n, what) : fixed_from_int(s, n, what)));
    }
  });
}

// -- the alternative half-precision format --

template <class F>
u16 narrow(Aarch64State& s, typename F::Bits bits) {
  SoftFloat soft(s);
  return to_alternative_half<F>(bits, soft);
}
template <class F>
typename F::Bits widen(Aarch64State& s, u16 bits) {
  SoftFloat soft(s);
  return from_alternative_half<F>(bits);
}
void alternative_scalar(Aarch64State& s, Fields i) {
  Result result(s, i.get(0, 5));
  const unsigned from = i.get(22, 2), to = i.get(15, 2), n = i.get(5, 5);
  if (from == 0) result.set<u16>(0, narrow<sf::F32>(s, lane<u32>(s, n, 0)));
  if (from == 1) result.set<u16>(0, narrow<sf::F64>(s, lane<u64>(s, n, 0)));
  if (from == 3 && to == 0) result.set<u32>(0, widen<sf::F32>(s, lane<u16>(s, n, 0)));
  if (from == 3 && to == 1) result.set<u64>(0, widen<sf::F64>(s, lane<u16>(s, n, 0)));
}
void alternative_long(Aarch64State& s, Fields i) {
  Result result(s, i.get(0, 5));
  for (unsigned k = 0; k < 4; ++k)
    result.set<u32>(k, widen<sf::F32>(s, lane<u16>(s, i.get(5, 5), k + 4 * i.get(30, 1))));
}
void alternative_narrow(Aarch64State& s, Fields i) {
  const bool upper = i.get(30, 1);
  const u64 low = upper ? s.q[i.get(0, 5)][0] : 0;
  Result result(s, i.get(0, 5));
  if (upper) result.set<u64>(0, low);
  for (unsigned k = 0; k < 4; ++k)
    result.set<u16>(k + (upper ? 4 : 0), narrow<sf::F32>(s, lane<u32>(s, i.get(5, 5), k)));
}

// -- BFloat16: sums and products round to odd, flush to zero and raise nothing, whatever FPCR says (BFAdd, BFMulH) --

template <u32 (*kFunction)(u32, u32, sf::Env&)>
u32 to_odd(u32 a, u32 b) {
  sf::Env env{.rm = sf::Rounding::rod, .flush_inputs = true, .flush_outputs = true};
  const u32 result = kFunction(a, b, env);
  return env.flags & sf::kOverflow ? sf::F32::inf(result >> 31) : result;
}
u32 bfloat_add(u32 a, u32 b) { return to_odd<sf::add<sf::F32, sf::ArmDefaultNan>>(a, b); }
u32 bfloat_multiply(u16 a, u16 b) { return to_odd<sf::mul<sf::F32, sf::ArmDefaultNan>>(u32{a} << 16, u32{b} << 16); }
u32 bfloat_pair(const Aarch64State& s, unsigned n, unsigned n_index, unsigned m, unsigned m_index) {
  const auto product = [&](unsigned k) {
    return bfloat_multiply(lane<u16>(s, n, 2 * n_index + k), lane<u16>(s, m, 2 * m_index + k));
  };
  return bfloat_add(product(0), product(1));
}
void bfloat_dot(Aarch64State& s, Fields i) {
  const bool by_element = !i.get(10, 1);
  const unsigned index = i.get(11, 1) << 1 | i.get(21, 1);
  Result result(s, i.get(0, 5));
  for (unsigned k = 0; k < i.lanes(2); ++k) {
    const u32 pair = bfloat_pair(s, i.get(5, 5), k, i.get(16, 5), by_element ? index : k);
    result.set<u32>(k, bfloat_add(lane<u32>(s, i.get(0, 5), k), pair));
  }
}
void bfloat_matrix(Aarch64State& s, Fields i) {
  Result result(s, i.get(0, 5));
  for (unsigned k = 0; k < 4; ++k) {
    u32 sum = lane<u32>(s, i.get(0, 5), k);
    for (unsigned half = 0; half < 2; ++half)
      sum = bfloat_add(sum, bfloat_pair(s, i.get(5, 5), (k & 2) + half, i.get(16, 5), 2 * (k & 1) + half));
    result.set<u32>(k, sum);
  }
}

template <class P>
u16 half_op_by(unsigned op, u16 a, u16 b, u16 c, sf::Env& env) {
  switch (ir::Op(op)) {
    case ir::Op::fadd: return sf::add<sf::F16, P>(a, b, env);
    case ir::Op::fsub: return sf::sub<sf::F16, P>(a, b, env);
    case ir::Op::fmul: return sf::mul<sf::F16, P>(a, b, env);
    case ir::Op::fdiv: return sf::div<sf::F16, P>(a, b, env);
    case ir::Op::fsqrt: return sf::sqrt<sf::F16, P>(a, env);
    default: return sf::fma<sf::F16, P>(a, b, c, env);
  }
}

}  // namespace

void soft_simd(Aarch64State& s, SoftSimd what, u32 raw) {
  const Fields i{raw};
  switch (what) {
    case SoftSimd::reciprocal_estimate:
      return each_lane(s, i, []<class F>(SoftFloat& f, auto n, auto) { return reciprocal_estimate<F>(n, f); });
    case SoftSimd::root_estimate:
      return each_lane(s, i, []<class F>(SoftFloat& f, auto n, auto) { return root_estimate<F>(n, f); });
    case SoftSimd::reciprocal_exponent:
      return each_lane(s, i, []<class F>(SoftFloat& f, auto n, auto) { return reciprocal_exponent<F>(n, f); });
    case SoftSimd::root_step:
      return each_lane(s, i, []<class F>(SoftFloat& f, auto n, auto m) { return root_step<F>(n, m, f); });
    case SoftSimd::integer_estimate: return each_word(s, i, integer_estimate);
    case SoftSimd::integer_root_estimate: return each_word(s, i, integer_root_estimate);
    case SoftSimd::from_fixed: return fixed_point(s, i, false);
    case SoftSimd::to_fixed: return fixed_point(s, i, true);
    case SoftSimd::alternative_scalar: return alternative_scalar(s, i);
    case SoftSimd::alternative_long: return alternative_long(s, i);
    case SoftSimd::alternative_narrow: return alternative_narrow(s, i);
    case SoftSimd::bfloat_dot: return bfloat_dot(s, i);
    case SoftSimd::bfloat_matrix: return bfloat_matrix(s, i);
  }
}

u16 half_op(Aarch64State& s, unsigned op, u16 a, u16 b, u16 c) {
  SoftFloat soft(s);
  return soft.default_nan() ? half_op_by<sf::ArmDefaultNan>(op, a, b, c, soft.env)
                            : half_op_by<sf::Arm>(op, a, b, c, soft.env);
}

}  // namespace mimus::aarch64
