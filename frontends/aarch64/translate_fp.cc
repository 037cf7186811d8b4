// Scalar floating point (insns/fp.def).
#include "frontends/aarch64/fixed.h"
#include "frontends/aarch64/fp_shapes.h"
#include "frontends/aarch64/soft_simd.h"

namespace mimus::aarch64::translate {

using ir::Any;
using ir::FpMinRule;
using ir::I1;
using ir::I64;
using ir::Op;
using ir::Rounding;
using T = Translator;

namespace {

ir::Type type_of(const Insn& i) { return fp_type(i.ftype()); }
Any get(T& t, const Insn& i, unsigned n) { return t.v_scalar(type_of(i), n); }
Next set(T& t, const Insn& i, Any value) {
  t.set_v_scalar(i.rd(), value);
  return Next::go_on;
}

Next binary(T& t, const Insn& i, Op op) { return set(t, i, fp_op(t, op, {get(t, i, i.rn()), get(t, i, i.rm())})); }
Next minmax(T& t, const Insn& i, Op op, FpMinRule rule) {
  return set(t, i, fp_minmax(t, op, rule, get(t, i, i.rn()), get(t, i, i.rm())));
}
// +-a + +-n * m; a NaN among negated operands changes its sign before it propagates.
Next fused(T& t, const Insn& i, bool negate_product, bool negate_addend) {
  Any n = get(t, i, i.rn()), a = get(t, i, i.ra());
  if (negate_product) n = t.un(Op::fneg, n);
  if (negate_addend) a = t.un(Op::fneg, a);
  return set(t, i, fp_op(t, Op::fma, {n, get(t, i, i.rm()), a}));
}

Next round(T& t, const Insn& i, Rounding rounding, bool exact = false) {
  return set(t, i, fp_round(t, get(t, i, i.rn()), rounding, exact));
}
Next round_to(T& t, const Insn& i, unsigned bits, Rounding rounding) {
  return set(t, i, fp_round_to(t, get(t, i, i.rn()), bits, rounding));
}

// FPConvert: half precision is not flushed; FPCR.AHP gives it the alternative format, which helpers know.
Next convert(T& t, const Insn& i, ir::Type to, ir::Type from) {
  if (t.mode.ahp && (is_half(to) || is_half(from))) return alternative_half(t, i);
  const ir::FpAttr attr = {Rounding::current, ir::IntRule::arm, true, t.mode.fz};
  return set(t, i, fp_result(t, t.b.emit(Op::fcvt, to, {t.v_scalar(from, i.rn())}, 0, attr.pack())));
}

// -- comparison: less 1000, equal 0110, greater 0010, unordered 0011 --
Flags compare(T& t, Any n, Any m, bool signaling) {
  n = fp_flushed(t, n), m = fp_flushed(t, m);
  const I1 less = t.compare(signaling ? Op::flt : Op::flt_quiet, n, m);
  return {less, t.compare(Op::feq, n, m), t.b.not_(less), t.compare(Op::funordered, n, m)};
}
Next set_compare(T& t, const Insn& i, bool signaling, bool zero) {
  const Any n = get(t, i, i.rn());
  const Any m = zero ? t.bitcast(n.type, t.constant(integer_as_wide(n.type), 0)) : get(t, i, i.rm());
  t.set_flags(compare(t, n, m, signaling));
  return Next::go_on;
}
// The comparison is made, and may raise exceptions, only if the condition holds: a comparison of zeros raises none.
Next conditional_compare(T& t, const Insn& i, bool signaling) {
  const I1 holds = t.condition(i.cond());
  const ir::Type bits = integer_as_wide(type_of(i));
  const Any zero = t.constant(bits, 0);
  auto operand = [&](unsigned n) { return t.bitcast(type_of(i), t.select(holds, t.v_scalar(bits, n), zero)); };
  const Flags f = compare(t, operand(i.rn()), operand(i.rm()), signaling);
  auto choose = [&](I1 flag, unsigned position) {
    return I1::from(t.select(holds, flag, t.b.constant<I1>(i.nzcv() >> position & 1)));
  };
  t.set_flags({choose(f.n, 3), choose(f.z, 2), choose(f.c, 1), choose(f.v, 0)});
  return Next::go_on;
}

// -- integers --
Next to_int(T& t, const Insn& i, Op op, Rounding rounding) {
  const ir::Type to = i.sf() ? ir::i64 : ir::i32;
  Any n = get(t, i, i.rn());
  if (is_half(n.type)) n = fp_flushed(t, n);
  t.set_x(i.rd(), t.b.emit(op, to, {n}, 0, fp_attr(t, n.type, rounding).pack()));
  return Next::go_on;
}
Next from_int(T& t, const Insn& i, Op op) {
  return set(t, i, t.b.emit(op, type_of(i), {t.r(i.sf(), i.rn())}, 0, fp_attr(t, type_of(i)).pack()));
}

I64 fixed(T& t, const Insn& i, bool is_signed) {
  const u8 size = i.ftype() == 3 ? 1 : u8(2 + i.ftype());
  return t.b.constant(FixedConversion{size, u8(2 + i.sf()), is_signed, u8(64 - i.get(10, 6))}.pack());
}
Next to_fixed(T& t, const Insn& i, bool is_signed) {
  const Any bits = t.convert(Op::zext, ir::i64, t.v_scalar(integer_as_wide(type_of(i)), i.rn()));
  t.set_x(i.rd(), t.call(kHelper_fixed_to_int, ir::i64, {bits, fixed(t, i, is_signed)}));
  return Next::go_on;
}
Next from_fixed(T& t, const Insn& i, bool is_signed) {
  const Any bits = t.call(kHelper_fixed_from_int, ir::i64, {t.x(i.rn()), fixed(t, i, is_signed)});
  return set(t, i, t.convert(Op::trunc, integer_as_wide(type_of(i)), bits));
}

}  // namespace

Next fmov_register(T& t, const Insn& i) { return set(t, i, t.v_scalar(integer_as_wide(type_of(i)), i.rn())); }
Next fabs(T& t, const Insn& i) { return set(t, i, t.un(Op::fabs, get(t, i, i.rn()))); }
Next fneg(T& t, const Insn& i) { return set(t, i, t.un(Op::fneg, get(t, i, i.rn()))); }
Next fsqrt(T& t, const Insn& i) { return set(t, i, fp_op(t, Op::fsqrt, {get(t, i, i.rn())})); }
Next frintn(T& t, const Insn& i) { return round(t, i, Rounding::rne); }
Next frintp(T& t, const Insn& i) { return round(t, i, Rounding::rup); }
Next frintm(T& t, const Insn& i) { return round(t, i, Rounding::rdn); }
Next frintz(T& t, const Insn& i) { return round(t, i, Rounding::rtz); }
Next frinta(T& t, const Insn& i) { return round(t, i, Rounding::rmm); }
Next frintx(T& t, const Insn& i) { return round(t, i, Rounding::current, true); }
Next frinti(T& t, const Insn& i) { return round(t, i, Rounding::current); }

Next frint32z(T& t, const Insn& i) { return round_to(t, i, 32, Rounding::rtz); }
Next frint32x(T& t, const Insn& i) { return round_to(t, i, 32, Rounding::current); }
Next frint64z(T& t, const Insn& i) { return round_to(t, i, 64, Rounding::rtz); }
Next frint64x(T& t, const Insn& i) { return round_to(t, i, 64, Rounding::current); }

Next fcvt_d_s(T& t, const Insn& i) { return convert(t, i, ir::f64, ir::f32); }
Next fcvt_h_s(T& t, const Insn& i) { return convert(t, i, ir::f16, ir::f32); }
Next fcvt_s_d(T& t, const Insn& i) { return convert(t, i, ir::f32, ir::f64); }
Next fcvt_h_d(T& t, const Insn& i) { return convert(t, i, ir::f16, ir::f64); }
Next fcvt_s_h(T& t, const Insn& i) { return convert(t, i, ir::f32, ir::f16); }
Next fcvt_d_h(T& t, const Insn& i) { return convert(t, i, ir::f64, ir::f16); }

Next fadd(T& t, const Insn& i) { return binary(t, i, Op::fadd); }
Next fsub(T& t, const Insn& i) { return binary(t, i, Op::fsub); }
Next fmul(T& t, const Insn& i) { return binary(t, i, Op::fmul); }
Next fdiv(T& t, const Insn& i) { return binary(t, i, Op::fdiv); }
Next fnmul(T& t, const Insn& i) {
  return set(t, i, t.un(Op::fneg, fp_op(t, Op::fmul, {get(t, i, i.rn()), get(t, i, i.rm())})));
}
Next fmax(T& t, const Insn& i) { return minmax(t, i, Op::fmax, FpMinRule::minmax_2019); }
Next fmin(T& t, const Insn& i) { return minmax(t, i, Op::fmin, FpMinRule::minmax_2019); }
Next fmaxnm(T& t, const Insn& i) { return minmax(t, i, Op::fmax, FpMinRule::num_2008); }
Next fminnm(T& t, const Insn& i) { return minmax(t, i, Op::fmin, FpMinRule::num_2008); }
Next fmadd(T& t, const Insn& i) { return fused(t, i, false, false); }
Next fmsub(T& t, const Insn& i) { return fused(t, i, true, false); }
Next fnmadd(T& t, const Insn& i) { return fused(t, i, true, true); }
Next fnmsub(T& t, const Insn& i) { return fused(t, i, false, true); }

Next fcmp(T& t, const Insn& i) { return set_compare(t, i, false, false); }
Next fcmp_zero(T& t, const Insn& i) { return set_compare(t, i, false, true); }
Next fcmpe(T& t, const Insn& i) { return set_compare(t, i, true, false); }
Next fcmpe_zero(T& t, const Insn& i) { return set_compare(t, i, true, true); }
Next fccmp(T& t, const Insn& i) { return conditional_compare(t, i, false); }
Next fccmpe(T& t, const Insn& i) { return conditional_compare(t, i, true); }
Next fcsel(T& t, const Insn& i) {
  const ir::Type bits = integer_as_wide(type_of(i));
  return set(t, i, t.select(t.condition(i.cond()), t.v_scalar(bits, i.rn()), t.v_scalar(bits, i.rm())));
}
Next fmov_immediate(T& t, const Insn& i) {
  const ir::Type type = type_of(i);
  return set(t, i, t.constant(integer_as_wide(type), fp_immediate(type, u32(i.imm))));
}

Next fcvtns(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rne); }
Next fcvtnu(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rne); }
Next fcvtas(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rmm); }
Next fcvtau(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rmm); }
Next fcvtps(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rup); }
Next fcvtpu(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rup); }
Next fcvtms(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rdn); }
Next fcvtmu(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rdn); }
Next fcvtzs(T& t, const Insn& i) { return to_int(t, i, Op::fto_s, Rounding::rtz); }
Next fcvtzu(T& t, const Insn& i) { return to_int(t, i, Op::fto_u, Rounding::rtz); }
Next scvtf(T& t, const Insn& i) { return from_int(t, i, Op::ffrom_s); }
Next ucvtf(T& t, const Insn& i) { return from_int(t, i, Op::ffrom_u); }
Next scvtf_fixed(T& t, const Insn& i) { return from_fixed(t, i, true); }
Next ucvtf_fixed(T& t, const Insn& i) { return from_fixed(t, i, false); }
Next fcvtzs_fixed(T& t, const Insn& i) { return to_fixed(t, i, true); }
Next fcvtzu_fixed(T& t, const Insn& i) { return to_fixed(t, i, false); }

Next fmov_to_w(T& t, const Insn& i) {
  t.set_x(i.rd(), t.v_scalar(ir::i32, i.rn()));
  return Next::go_on;
}
Next fmov_from_w(T& t, const Insn& i) { return set(t, i, t.w(i.rn())); }
Next fmov_to_x(T& t, const Insn& i) {
  t.set_x(i.rd(), t.v_scalar(ir::i64, i.rn()));
  return Next::go_on;
}
Next fmov_from_x(T& t, const Insn& i) { return set(t, i, t.x(i.rn())); }
Next fmov_to_high(T& t, const Insn& i) {
  t.set_x(i.rd(), t.b.emit(Op::lane_get, ir::i64, {t.b.read_any(v_slot(i.rn()))}, 1));
  return Next::go_on;
}
Next fmov_from_high(T& t, const Insn& i) {
  const Any old = t.b.read_any(v_slot(i.rd()));
  t.set_v(i.rd(), t.b.emit(Op::lane_set, old.type, {old, t.x(i.rn())}, 1));
  return Next::go_on;
}
Next fmov_to_half(T& t, const Insn& i) {
  t.set_x(i.rd(), t.v_scalar(ir::i16, i.rn()));
  return Next::go_on;
}
Next fmov_from_half(T& t, const Insn& i) { return set(t, i, t.convert(Op::trunc, ir::i16, t.x(i.rn()))); }

Next fjcvtzs(T& t, const Insn& i) {
  const I64 result = I64::from(t.call(kHelper_javascript_to_int, ir::i64, {t.v_scalar(ir::i64, i.rn())}));
  t.set_x(i.rd(), t.b.trunc<ir::I32>(result));
  const I1 clear = t.b.constant<I1>(0);
  t.set_flags({clear, t.compare(Op::ne, t.b.lshr(result, t.b.constant(32)), t.b.constant(0)), clear, clear});
  return Next::go_on;
}

}  // namespace mimus::aarch64::translate
