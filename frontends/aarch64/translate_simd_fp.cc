// Advanced SIMD floating point (insns/simd_fp.def).
#include "frontends/aarch64/fp_shapes.h"
#include "frontends/aarch64/simd_shapes.h"

namespace mimus::aarch64::translate {

using T = Translator;
using ir::Any;
using ir::FpMinRule;
using ir::Op;
using ir::Rounding;

namespace {

// The lanes that the encoding names, and no others: they may raise exceptions.
ir::Type type_of(const Insn& i) {
  const bool wide = i.get(22, 1);
  if (is_scalar(i)) return wide ? ir::f64 : ir::f32;
  return float_vector_of(wide, i.q());
}
Any get(T& t, const Insn& i, unsigned n) {
  const ir::Type type = type_of(i);
  return type.is_vector() ? vector(t, type, n) : t.v_scalar(type, n);
}
Next set(T& t, const Insn& i, Any value) {
  if (value.type.is_vector()) {
    set_vector(t, i.rd(), value);
  } else {
    t.set_v_scalar(i.rd(), value);
  }
  return Next::go_on;
}

Next binary(T& t, const Insn& i, Op op) { return set(t, i, fp_op(t, op, {get(t, i, i.rn()), get(t, i, i.rm())})); }
Next minmax(T& t, const Insn& i, Op op, FpMinRule rule) {
  return set(t, i, fp_minmax(t, op, rule, get(t, i, i.rn()), get(t, i, i.rm())));
}

// Vm, or one element of it in all lanes.
Any multiplier(T& t, const Insn& i, bool element) {
  if (!element) return get(t, i, i.rm());
  const bool wide = i.get(22, 1);
  const unsigned index = wide ? i.get(11, 1) : i.get(11, 1) << 1 | i.get(21, 1);
  const Any value = lane(t, t.v(float_vector_of(wide, true), i.rm()), index);
  return splat(t, type_of(i), value);
}
Next multiply_add(T& t, const Insn& i, bool subtract, bool element) {
  Any n = get(t, i, i.rn());
  if (subtract) n = t.un(Op::fneg, n);
  return set(t, i, fp_op(t, Op::fma, {n, multiplier(t, i, element), get(t, i, i.rd())}));
}

// FMULX: infinity times zero is two.
Next multiply_extended(T& t, const Insn& i, bool element) {
  const Any n = get(t, i, i.rn()), m = multiplier(t, i, element);
  const ir::Type bits = integer_as_wide(n.type);
  const u64 infinity = n.type.lane_bits() == 64 ? u64{0x7ff} << 52 : u64{0xff} << 23;
  const u64 two = n.type.lane_bits() == 64 ? u64{1} << 62 : u64{1} << 30;
  auto magnitude = [&](Any v) { return t.bitcast(bits, t.un(Op::fabs, v)); };
  auto is = [&](Any v, u64 value) { return t.b.compare(Op::eq, magnitude(v), t.constant(bits, value)); };
  const Any special =
      t.bin(Op::or_, t.bin(Op::and_, is(n, infinity), is(m, 0)), t.bin(Op::and_, is(n, 0), is(m, infinity)));
  const Any one = t.bitcast(n.type, t.constant(bits, n.type.lane_bits() == 64 ? u64{1023} << 52 : u64{127} << 23));
  // Multiplying ones instead raises nothing.
  auto tame = [&](Any v) { return t.b.emit(Op::select, n.type, {special, one, v}); };
  const Any product = t.bitcast(bits, fp_op(t, Op::fmul, {tame(n), tame(m)}));
  const Any sign = t.bin(Op::and_, t.bin(Op::xor_, t.bitcast(bits, n), t.bitcast(bits, m)),
                         t.constant(bits, u64{1} << (n.type.lane_bits() - 1)));
  const Any exact = t.bin(Op::or_, sign, t.constant(bits, two));
  return set(t, i, t.b.emit(Op::select, bits, {special, exact, product}));
}

Next compare(T& t, const Insn& i, Op op, Any a, Any c) {
  const Any holds = t.b.compare(op, a, c);
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
  const Any n = t.v(float_vector_of(i.get(22, 1), true), i.rn());
  t.set_v_scalar(i.rd(), combine(lane(t, n, 0), lane(t, n, 1)));
  return Next::go_on;
}
Next scalar_pair_minmax(T& t, const Insn& i, Op op, FpMinRule rule) {
  return scalar_pair(t, i, [&](Any a, Any c) { return fp_minmax(t, op, rule, a, c); });
}
// ((0, 1), (2, 3)), as the manual's Reduce has it.
Next across(T& t, const Insn& i, Op op, FpMinRule rule) {
  const Any n = t.v(float_vector_of(false, true), i.rn());
  const Any low = fp_minmax(t, op, rule, lane(t, n, 0), lane(t, n, 1));
  const Any high = fp_minmax(t, op, rule, lane(t, n, 2), lane(t, n, 3));
  t.set_v_scalar(i.rd(), fp_minmax(t, op, rule, low, high));
  return Next::go_on;
}

Next round(T& t, const Insn& i, Rounding rounding, bool exact = false) {
  const Any value = t.b.unary(Op::fround, get(t, i, i.rn()), 0, fp_attr(t, rounding, exact).pack());
  return set(t, i, fp_result(t, value));
}
Next to_int(T& t, const Insn& i, Op op, Rounding rounding) {
  const Any n = get(t, i, i.rn());
  return set(t, i, t.b.emit(op, integer_as_wide(n.type), {n}, 0, fp_attr(t, rounding).pack()));
}
Next from_int(T& t, const Insn& i, Op op) {
  const ir::Type type = type_of(i);
  const Any n = t.bitcast(integer_as_wide(type), get(t, i, i.rn()));
  return set(t, i, t.b.emit(op, type, {n}, 0, fp_attr(t).pack()));
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
// sz: between single and double, else between half and single.
Next fcvtl(T& t, const Insn& i) {
  const bool wide = i.get(22, 1);
  const ir::Type from = wide ? ir::vec(ir::Elem::f32, 2) : ir::vec(ir::Elem::f16, 4);
  const Any n = t.bitcast(from, half(t, t.b.read_any(v_slot(i.rn())), i.q()));
  t.set_v(i.rd(), fp_result(t, t.b.emit(Op::fcvt, float_vector_of(wide, true), {n}, 0, fp_attr(t).pack())));
  return Next::go_on;
}
Next fcvtn(T& t, const Insn& i) {
  const bool wide = i.get(22, 1);
  const ir::Type to = wide ? ir::vec(ir::Elem::f32, 2) : ir::vec(ir::Elem::f16, 4);
  const Any n = t.v(float_vector_of(wide, true), i.rn());
  return put_narrow(t, i, fp_result(t, t.b.emit(Op::fcvt, to, {n}, 0, fp_attr(t).pack())));
}
Next fmov_vector_immediate(T& t, const Insn& i) {
  const ir::Type type = i.get(29, 1) ? ir::f64 : ir::f32;
  return put(t, i, t.constant(integer_as_wide(float_vector_of(type == ir::f64, true)), fp_immediate(type, u32(i.imm))));
}

}  // namespace mimus::aarch64::translate
