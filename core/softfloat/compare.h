// Comparisons, minimum and maximum, classification (IEEE 754-2019, 5.11, 9.6, 5.7.2).
#pragma once

#include "core/softfloat/parts.h"

namespace mimus::softfloat {

enum class Order : u8 { less, equal, greater, unordered };

// The order of two values that are not NaN; -0 equals +0.
constexpr Order order_of(const Parts& a, const Parts& b) {
  if (a.is_zero() && b.is_zero()) return Order::equal;
  const auto rank = [](const Parts& v) { return v.is_zero() ? 0 : v.sign ? -1 : 1; };
  if (rank(a) != rank(b)) return rank(a) < rank(b) ? Order::less : Order::greater;
  if (a.kind == b.kind && a.exp == b.exp && a.sig == b.sig) return Order::equal;
  bool smaller = a.kind < b.kind;  // finite before infinity
  if (a.kind == b.kind) smaller = a.exp != b.exp ? a.exp < b.exp : a.sig < b.sig;
  return smaller != a.sign ? Order::less : Order::greater;
}

// Both NaNs raise kInvalid if `signaling`, only signaling ones otherwise.
template <class F, class P>
Order compare(typename F::Bits a_bits, typename F::Bits b_bits, bool signaling, Env& env) {
  const Parts a = read<F, P>(a_bits, env);
  const Parts b = read<F, P>(b_bits, env);
  if (a.is_nan() || b.is_nan()) {
    if (signaling || a.is_signaling() || b.is_signaling()) env.raise(kInvalid);
    return Order::unordered;
  }
  note_subnormals<P>(env, a, b);
  return order_of(a, b);
}

// compareQuietEqual: RISC-V FEQ.
template <class F, class P>
bool eq_quiet(typename F::Bits a, typename F::Bits b, Env& env) {
  return compare<F, P>(a, b, false, env) == Order::equal;
}

// compareSignalingLess, compareSignalingLessEqual: RISC-V FLT, FLE.
template <class F, class P>
bool lt(typename F::Bits a, typename F::Bits b, Env& env) {
  return compare<F, P>(a, b, true, env) == Order::less;
}
template <class F, class P>
bool le(typename F::Bits a, typename F::Bits b, Env& env) {
  return compare<F, P>(a, b, true, env) <= Order::equal;
}

// compareQuietLess, compareQuietLessEqual: RISC-V FLTQ, FLEQ.
template <class F, class P>
bool lt_quiet(typename F::Bits a, typename F::Bits b, Env& env) {
  return compare<F, P>(a, b, false, env) == Order::less;
}
template <class F, class P>
bool le_quiet(typename F::Bits a, typename F::Bits b, Env& env) {
  return compare<F, P>(a, b, false, env) <= Order::equal;
}

// How a minimum or maximum treats NaN operands.
enum class MinMaxRule : u8 {
  number_2008,  // minNum: a number before a quiet NaN; a signaling NaN makes the result NaN (Arm FMINNM)
  number_2019,  // minimumNumber: a number before any NaN; a signaling NaN only raises kInvalid (RISC-V FMIN)
  nan_2019,     // minimum: any NaN makes the result NaN (Arm FMIN, RISC-V FMINM)
};

// The lesser (or greater) operand, -0 being less than +0.
template <class F, class P, MinMaxRule Rule, bool Max>
typename F::Bits min_max(typename F::Bits a_bits, typename F::Bits b_bits, Env& env) {
  a_bits = flush_input<F, P>(a_bits, env);
  b_bits = flush_input<F, P>(b_bits, env);
  const Parts a = unpack<F>(a_bits);
  const Parts b = unpack<F>(b_bits);
  if (a.is_nan() || b.is_nan()) {
    const bool signaling = a.is_signaling() || b.is_signaling();
    const bool nan_result =
        Rule == MinMaxRule::nan_2019 || (Rule == MinMaxRule::number_2008 && signaling) || (a.is_nan() && b.is_nan());
    if (nan_result) return propagate_nan<F, P>({a, b}, env);
    if (signaling) env.raise(kInvalid);
    return a.is_nan() ? b_bits : a_bits;
  }
  note_subnormals<P>(env, a, b);
  const Order order = order_of(a, b);
  const bool a_first = order == Order::equal ? a.sign : order == Order::less;
  return a_first != Max ? a_bits : b_bits;
}

template <class F, class P>
typename F::Bits min_num_2008(typename F::Bits a, typename F::Bits b, Env& env) {
  return min_max<F, P, MinMaxRule::number_2008, false>(a, b, env);
}
template <class F, class P>
typename F::Bits max_num_2008(typename F::Bits a, typename F::Bits b, Env& env) {
  return min_max<F, P, MinMaxRule::number_2008, true>(a, b, env);
}
template <class F, class P>
typename F::Bits minimum_number(typename F::Bits a, typename F::Bits b, Env& env) {
  return min_max<F, P, MinMaxRule::number_2019, false>(a, b, env);
}
template <class F, class P>
typename F::Bits maximum_number(typename F::Bits a, typename F::Bits b, Env& env) {
  return min_max<F, P, MinMaxRule::number_2019, true>(a, b, env);
}
template <class F, class P>
typename F::Bits minimum(typename F::Bits a, typename F::Bits b, Env& env) {
  return min_max<F, P, MinMaxRule::nan_2019, false>(a, b, env);
}
template <class F, class P>
typename F::Bits maximum(typename F::Bits a, typename F::Bits b, Env& env) {
  return min_max<F, P, MinMaxRule::nan_2019, true>(a, b, env);
}

// The first operand if it is less (or greater), else the second one: x86 MINSD, MAXSD. So NaNs, which all raise
// kInvalid, and equal zeros give the second operand, unquieted.
template <class F, class P>
typename F::Bits min_or_second(typename F::Bits a, typename F::Bits b, Env& env) {
  const Order order = compare<F, P>(a, b, true, env);
  Env silent = env;
  return flush_input<F, P>(order == Order::less ? a : b, silent);
}
template <class F, class P>
typename F::Bits max_or_second(typename F::Bits a, typename F::Bits b, Env& env) {
  const Order order = compare<F, P>(a, b, true, env);
  Env silent = env;
  return flush_input<F, P>(order == Order::greater ? a : b, silent);
}

// One bit of ten, as RISC-V FCLASS returns it (RISC-V Unprivileged ISA 20240411, 20.9, Table 38): -inf, -normal,
// -subnormal, -0, +0, +subnormal, +normal, +inf, signaling NaN, quiet NaN. Raises nothing, flushes nothing.
template <class F>
constexpr u32 classify(typename F::Bits bits) {
  const Parts a = unpack<F>(bits);
  if (a.is_nan()) return a.is_signaling() ? 1u << 8 : 1u << 9;
  const unsigned magnitude = a.is_inf() ? 3 : a.is_zero() ? 0 : a.subnormal ? 1 : 2;
  return a.sign ? 1u << (3 - magnitude) : 1u << (4 + magnitude);
}

}  // namespace mimus::softfloat
