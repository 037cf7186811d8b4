// Advanced SIMD floating point (insns/simd_fp.def).
#include <vector>

#include "frontends/aarch64/simd_fp_shapes.h"

namespace mimus::aarch64::translate {

using T = Translator;
using ir::Any;
using ir::FpMinRule;
using ir::Op;
using ir::Rounding;

namespace {

ir::Type type_of(const Insn& i) { return float_type(i, float_size(i)); }
Any get(T& t, const Insn& i, unsigned n) { return get_lanes(t, type_of(i), n); }
Next set(T& t, const Insn& i, Any value) { return set_lanes(t, i, value); }

Next binary(T& t, const Insn& i, Op op) { return set(t, i, fp_op(t, op, {get(t, i, i.rn()), get(t, i, i.rm())})); }
Next minmax(T& t, const Insn& i, Op op, FpMinRule rule) {
  return set(t, i, fp_minmax(t, op, rule, get(t, i, i.rn()), get(t, i, i.rm())));
}

// Vm, or one element of it in all lanes.
Any multiplier(T& t, const Insn& i, bool element) {
  if (!element) return get(t, i, i.rm());
  const unsigned size = float_size(i);
  const FloatElement e = float_element(i, size);
  return splat(t, type_of(i), lane(t, t.v(float_lanes(size, true), e.reg), e.index));
}
Next multiply_add(T& t, const Insn& i, bool subtract, bool element) {
  Any n = get(t, i, i.rn());
  if (subtract) n = t.un(Op::fneg, n);
  return set(t, i, fp_op(t, Op::fma, {n, multiplier(t, i, element), get(t, i, i.rd())}));
}

Next multiply_extended(T& t, const Insn& i, bool element) {
  return set(t, i, fp_multiply_extended(t, get(t, i, i.rn()), multiplier(t, i, element)));
}

Next compare(T& t, const Insn& i, Op op, Any a, Any c) {
  const Any holds = t.b.compare(op, fp_flushed(t, a), fp_flushed(t, c));
  return set(t, i, t.b.emit(Op::sext, integer_as_wide(a.type), {holds}));
}
// Greater (or equal) is less (or equal) with the operands swapped.
Next compare_registers(T& t, const Insn& i, Op op, bool absolute = false) {
  Any n = get(t, i, i.rn()), m = get(t, i, i.rm());
  if (absolute) n = t.un(Op::fabs, n), m = t.un(Op::fabs, m);
  return op == Op::feq ? compare(t, i, op, n, m) : compare(t, i, op, m, n);
}
Next compare_zero(T& t, const Insn& i, Op op, bool swapped) {
  const Any n = get(t, i, i.rn());
  const Any zero = t.bitcast(n.type, t.constant(integer_as_wide(n.type), 0));
  return swapped ? compare(t, i, op, zero, n) : compare(t, i, op, n, zero);
}

// Adjacent lanes of Vn and Vm together.
template <class Combine>
Next pairwise(T& t, const Insn& i, Combine combine) {
  const Any n = get(t, i, i.rn()), m = get(t, i, i.rm());
  const unsigned lanes = n.type.lanes;
  const Any even = permute(t, n, m, [&](unsigned k) { return 2 * k % (2 * lanes); });
  const Any odd = permute(t, n, m, [&](unsigned k) { return (2 * k + 1) % (2 * lanes); });
  return set(t, i, combine(even, odd));
}
Next pairwise_minmax(T& t, const Insn& i, Op op, FpMinRule rule) {
  return pairwise(t, i, [&](Any a, Any c) { return fp_minmax(t, op, rule, a, c); });
}
// The two lanes of one register.
template <class Combine>
Next scalar_pair(T& t, const Insn& i, Combine combine) {
  const Any n = t.v(float_lanes(float_size(i), true), i.rn());
  t.set_v_scalar(i.rd(), combine(lane(t, n, 0), lane(t, n, 1)));
  return Next::go_on;
}
Next scalar_pair_minmax(T& t, const Insn& i, Op op, FpMinRule rule) {
  return scalar_pair(t, i, [&](Any a, Any c) { return fp_minmax(t, op, rule, a, c); });
}
// Neighbours first, as the manual's Reduce has it: ((0, 1), (2, 3)) and so on.
Next across(T& t, const Insn& i, Op op, FpMinRule rule) {
  const Any n = get_lanes(t, float_lanes(float_size(i), i.q()), i.rn());
  std::vector<Any> values;
  for (unsigned k = 0; k < n.type.lanes; ++k) values.push_back(lane(t, n, k));
  for (size_t count = values.size(); count > 1; count /= 2)
    for (size_t k = 0; k < count / 2; ++k) values[k] = fp_minmax(t, op, rule, values[2 * k], values[2 * k + 1]);
  t.set_v_scalar(i.rd(), values[0]);
  return Next::go_on;
}

Next round(T& t, const Insn& i, Rounding rounding, bool exact = false) {
  return set(t, i, fp_round(t, get(t, i, i.rn()), rounding, exact));
}
Next round_to(T& t, const Insn& i, unsigned bits, Rounding rounding) {
  return set(t, i, fp_round_to(t, get(t, i, i.rn()), bits, rounding));
}
Next to_int(T& t, const Insn& i, Op op, Rounding rounding) {
  Any n = get(t, i, i.rn());
  if (is_half(n.type)) n = fp_flushed(t, n);
  return set(t, i, t.b.emit(op, integer_as_wide(n.type), {n}, 0, fp_attr(t, n.type, rounding).pack()));
}
Next from_int(T& t, const Insn& i, Op op) {
  const ir::Type type = type_of(i);
  const Any n = t.bitcast(integer_as_wide(type), get(t, i, i.rn()));
  return set(t, i, t.b.emit(op, type, {n}, 0, fp_attr(t, type).pack()));
}

}  // namespace

Next fadd_vector(T& t, const Insn& i) { return binary(t, i, Op::fadd); }
Next fsub_vector(T& t, const Insn& i) { return binary(t, i, Op::fsub); }
Next fmul_vector(T& t, const Insn& i) { return binary(t, i, Op::fmul); }
Next fdiv_vector(T& t, const Insn& i) { return binary(t, i, Op::fdiv); }
Next fmax_vector(T& t, const Insn& i) { return minmax(t, i, Op::fmax, FpMinRule::minmax_2019); }
Next fmaxp_vector(T& t, const Insn& i) { return pairwise_minmax(t, i, Op::fmax, FpMinRule::minmax_2019); }
Next fmaxp_scalar(T& t, const Insn& i) { return scalar_pair_minmax(t, i, Op::fmax, FpMinRule::minmax_2019); }
Next fmaxv(T& t, const Insn& i) { return across(t, i, Op::fmax, FpMinRule::minmax_2019); }
Next fmin_vector(T& t, const Insn& i) { return minmax(t, i, Op::fmin, FpMinRule::minmax_2019); }
Next fminp_vector(T& t, const Insn& i) { return pairwise_minmax(t, i, Op::fmin, FpMinRule::minmax_2019); }
Next fminp_scalar(T& t, const Insn& i) { return scalar_pair_minmax(t, i, Op::fmin, FpMinRule::minmax_2019); }
Next fminv(T& t, const Insn& i) { return across(t, i, Op::fmin, FpMinRule::minmax_2019); }
Next fmaxnm_vector(T& t, const Insn& i) { return minmax(t, i, Op::fmax, FpMinRule::num_2008); }
Next fmaxnmp_vector(T& t, const Insn& i) { return pairwise_minmax(t, i, Op::fmax, FpMinRule::num_2008); }
Next fmaxnmp_scalar(T& t, const Insn& i) { return scalar_pair_minmax(t, i, Op::fmax, FpMinRule::num_2008); }
Next fmaxnmv(T& t, const Insn& i) { return across(t, i, Op::fmax, FpMinRule::num_2008); }
Next fminnm_vector(T& t, const Insn& i) { return minmax(t, i, Op::fmin, FpMinRule::num_2008); }
Next fminnmp_vector(T& t, const Insn& i) { return pairwise_minmax(t, i, Op::fmin, FpMinRule::num_2008); }
Next fminnmp_scalar(T& t, const Insn& i) { return scalar_pair_minmax(t, i, Op::fmin, FpMinRule::num_2008); }
Next fminnmv(T& t, const Insn& i) { return across(t, i, Op::fmin, FpMinRule::num_2008); }
Next fmla_vector(T& t, const Insn& i) { return multiply_add(t, i, false, false); }
Next fmls_vector(T& t, const Insn& i) { return multiply_add(t, i, true, false); }
Next fmla_element(T& t, const Insn& i) { return multiply_add(t, i, false, true); }
Next fmls_element(T& t, const Insn& i) { return multiply_add(t, i, true, true); }
Next fmul_element(T& t, const Insn& i) {
  return set(t, i, fp_op(t, Op::fmul, {get(t, i, i.rn()), multiplier(t, i, true)}));
}
Next fmulx_vector(T& t, const Insn& i) { return multiply_extended(t, i, false); }
Next fmulx_element(T& t, const Insn& i) { return multiply_extended(t, i, true); }
Next fcmeq_vector(T& t, const Insn& i) { return compare_registers(t, i, Op::feq); }
Next fcmge_vector(T& t, const Insn& i) { return compare_registers(t, i, Op::fle); }
Next fcmgt_vector(T& t, const Insn& i) { return compare_registers(t, i, Op::flt); }
Next facge_vector(T& t, const Insn& i) { return compare_registers(t, i, Op::fle, true); }
Next facgt_vector(T& t, const Insn& i) { return compare_registers(t, i, Op::flt, true); }
Next fcmgt_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::flt, true); }
Next fcmge_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::fle, true); }
Next fcmeq_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::feq, false); }
Next fcmle_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::fle, false); }
Next fcmlt_zero(T& t, const Insn& i) { return compare_zero(t, i, Op::flt, false); }
Next fabd_vector(T& t, const Insn& i) {
  return set(t, i, t.un(Op::fabs, fp_op(t, Op::fsub, {get(t, i, i.rn()), get(t, i, i.rm())})));
}
Next faddp_vector(T& t, const Insn& i) {
  return pairwise(t, i, [&](Any a, Any c) { return fp_op(t, Op::fadd, {a, c}); });
}
Next faddp_scalar(T& t, const Insn& i) {
  return scalar_pair(t, i, [&](Any a, Any c) { return fp_op(t, Op::fadd, {a, c}); });
}
Next fabs_vector(T& t, const Insn& i) { return set(t, i, t.un(Op::fabs, get(t, i, i.rn()))); }
Next fneg_vector(T& t, const Insn& i) { return set(t, i, t.un(Op::fneg, get(t, i, i.rn()))); }
Next fsqrt_vector(T& t, const Insn& i) { return set(t, i, fp_op(t, Op::fsqrt, {get(t, i, i.rn())})); }
Next frintn_vector(T& t, const Insn& i) { return round(t, i, Rounding::rne); }
Next frintm_vector(T& t, const Insn& i) { return round(t, i, Rounding::rdn); }
Next frintp_vector(T& t, const Insn& i) { return round(t, i, Rounding::rup); }
Next frintz_vector(T& t, const Insn& i) { return round(t, i, Rounding::rtz); }
Next frinta_vector(T& t, const Insn& i) { return round(t, i, Rounding::rmm); }
Next frintx_vector(T& t, const Insn& i) { return round(t, i, Rounding::current, true); }
Next frinti_vector(T& t, const Insn& i) { return round(t, i, Rounding::current); }
Next fcvtns_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rne); }
Next fcvtnu_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rne); }
Next fcvtms_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rdn); }
Next fcvtmu_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rdn); }
Next fcvtps_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rup); }
Next fcvtpu_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rup); }
Next fcvtzs_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rtz); }
Next fcvtzu_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rtz); }
Next fcvtas_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rmm); }
Next fcvtau_vector(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rmm); }
Next scvtf_vector(T& t, const Insn& i) { return from_int(t, i, Op::ffrom_s); }
Next ucvtf_vector(T& t, const Insn& i) { return from_int(t, i, Op::ffrom_u); }
Next frint32z_vector(T& t, const Insn& i) { return round_to(t, i, 32, Rounding::rtz); }
Next frint32x_vector(T& t, const Insn& i) { return round_to(t, i, 32, Rounding::current); }
Next frint64z_vector(T& t, const Insn& i) { return round_to(t, i, 64, Rounding::rtz); }
Next frint64x_vector(T& t, const Insn& i) { return round_to(t, i, 64, Rounding::current); }
Next frecps(T& t, const Insn& i) { return set(t, i, fp_reciprocal_step(t, get(t, i, i.rn()), get(t, i, i.rm()))); }
Next fmov_vector_immediate(T& t, const Insn& i) {
  const unsigned size = i.get(11, 1) ? 1 : 2 + i.get(29, 1);
  const ir::Type type = float_lanes(size, true);
  return put(t, i, t.constant(integer_as_wide(type), fp_immediate(lane_of(type), u32(i.imm))));
}

}  // namespace mimus::aarch64::translate
