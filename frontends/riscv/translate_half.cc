// Zfh, Zfhmin (insns/zfh.def) and Zfa (insns/zfa.def).
#include <bit>

#include "frontends/riscv/float_shapes.h"

namespace mimus::riscv::translate {

using namespace fp;

namespace {

// Volume I, "Zfa" 25.1, table of FLI: doubles; 1 is the smallest normal number of the format, 31 the canonical NaN.
constexpr double kConstants[32] = {-1.0,   0.0, 0x1p-16, 0x1p-15, 0x1p-8, 0x1p-7, 0.0625, 0.125,  0.25, 0.3125, 0.375,
                                   0.4375, 0.5, 0.625,   0.75,    0.875,  1.0,    1.25,   1.5,    1.75, 2.0,    2.5,
                                   3.0,    4.0, 8.0,     16.0,    128.0,  256.0,  0x1p15, 0x1p16, 0.0,  0.0};

struct Layout {
  unsigned exponent, fraction;  // bits
};
template <class V>
constexpr Layout kLayout = V::type == ir::f64   ? Layout{11, 52}
                           : V::type == ir::f32 ? Layout{8, 23}
                                                : Layout{5, 10};

// The bits of constant `n` in a format. All of them are exact there, but for halves: 2^16 and what follows are
// infinity, 2^-16 and 2^-15 subnormal.
constexpr u64 constant_bits(unsigned n, Layout layout) {
  const u64 bias = (u64{1} << (layout.exponent - 1)) - 1, infinity = ((bias << 1) | 1) << layout.fraction;
  if (n == 1) return u64{1} << layout.fraction;
  if (n == 30) return infinity;
  if (n == 31) return infinity | u64{1} << (layout.fraction - 1);
  const u64 wide = std::bit_cast<u64>(kConstants[n]);
  const u64 sign = wide >> 63 << (layout.exponent + layout.fraction);
  const s64 exponent = s64(wide >> 52 & 0x7ff) - 1023 + s64(bias);
  const u64 fraction = (wide & ((u64{1} << 52) - 1)) >> (52 - layout.fraction);
  if (exponent > s64(bias << 1)) return sign | infinity;
  if (exponent <= 0) return sign | (fraction | u64{1} << layout.fraction) >> (1 - exponent);
  return sign | u64(exponent) << layout.fraction | fraction;
}

template <class V>
Next load_constant(T& t, const Insn& i) {
  if (!t.enter_fp(i, true)) return Next::stop;
  set<V>(t, i.rd, t.b.bitcast<V>(t.b.constant<BitsOf<V>>(constant_bits(unsigned(i.imm), kLayout<V>))));
  return Next::go_on;
}

// To an integral value; only froundnx reports inexact results.
template <class V>
Next round(T& t, const Insn& i, bool exact) {
  ir::FpAttr attr;
  if (!t.enter_fp(i, true)) return Next::stop;
  if (!rounding(t, i, attr)) return t.illegal(i);
  attr.exact = exact;
  set_canonical<V>(t, i.rd, t.b.un(Op::fround, get<V>(t, i.rs1), 0, attr.pack()));
  return Next::go_on;
}

}  // namespace

// -- Zfhmin --
Next flh(T& t, const Insn& i) { return load<F16>(t, i); }
Next fsh(T& t, const Insn& i) { return store<F16>(t, i); }
Next fmv_x_h(T& t, const Insn& i) { return to_register<F16>(t, i); }
Next fmv_h_x(T& t, const Insn& i) { return from_register<F16>(t, i); }
Next fcvt_s_h(T& t, const Insn& i) { return convert<F32, F16>(t, i); }
Next fcvt_h_s(T& t, const Insn& i) { return convert<F16, F32>(t, i); }
Next fcvt_d_h(T& t, const Insn& i) { return convert<F64, F16>(t, i); }
Next fcvt_h_d(T& t, const Insn& i) { return convert<F16, F64>(t, i); }

// -- Zfh --
Next fmadd_h(T& t, const Insn& i) { return fused<F16>(t, i, false, false); }
Next fmsub_h(T& t, const Insn& i) { return fused<F16>(t, i, false, true); }
Next fnmsub_h(T& t, const Insn& i) { return fused<F16>(t, i, true, false); }
Next fnmadd_h(T& t, const Insn& i) { return fused<F16>(t, i, true, true); }
Next fadd_h(T& t, const Insn& i) { return arith<F16>(t, i, Op::fadd); }
Next fsub_h(T& t, const Insn& i) { return arith<F16>(t, i, Op::fsub); }
Next fmul_h(T& t, const Insn& i) { return arith<F16>(t, i, Op::fmul); }
Next fdiv_h(T& t, const Insn& i) { return arith<F16>(t, i, Op::fdiv); }
Next fsqrt_h(T& t, const Insn& i) { return sqrt<F16>(t, i); }
Next fmin_h(T& t, const Insn& i) { return minmax<F16>(t, i, Op::fmin); }
Next fmax_h(T& t, const Insn& i) { return minmax<F16>(t, i, Op::fmax); }
Next fsgnj_h(T& t, const Insn& i) { return inject_sign<F16>(t, i, Sign::copy); }
Next fsgnjn_h(T& t, const Insn& i) { return inject_sign<F16>(t, i, Sign::negate); }
Next fsgnjx_h(T& t, const Insn& i) { return inject_sign<F16>(t, i, Sign::multiply); }
Next feq_h(T& t, const Insn& i) { return compare<F16>(t, i, Op::feq); }
Next flt_h(T& t, const Insn& i) { return compare<F16>(t, i, Op::flt); }
Next fle_h(T& t, const Insn& i) { return compare<F16>(t, i, Op::fle); }
Next fclass_h(T& t, const Insn& i) { return classify<F16>(t, i); }
Next fcvt_w_h(T& t, const Insn& i) { return to_int<F16, I32>(t, i, Op::fto_s); }
Next fcvt_wu_h(T& t, const Insn& i) { return to_int<F16, I32>(t, i, Op::fto_u); }
Next fcvt_l_h(T& t, const Insn& i) { return to_int<F16, I64>(t, i, Op::fto_s); }
Next fcvt_lu_h(T& t, const Insn& i) { return to_int<F16, I64>(t, i, Op::fto_u); }
Next fcvt_h_w(T& t, const Insn& i) { return from_int<F16, I32>(t, i, Op::ffrom_s); }
Next fcvt_h_wu(T& t, const Insn& i) { return from_int<F16, I32>(t, i, Op::ffrom_u); }
Next fcvt_h_l(T& t, const Insn& i) { return from_int<F16, I64>(t, i, Op::ffrom_s); }
Next fcvt_h_lu(T& t, const Insn& i) { return from_int<F16, I64>(t, i, Op::ffrom_u); }

// -- Zfa --
Next fli_s(T& t, const Insn& i) { return load_constant<F32>(t, i); }
Next fminm_s(T& t, const Insn& i) { return minmax<F32>(t, i, Op::fmin, ir::FpMinRule::minmax_2019); }
Next fmaxm_s(T& t, const Insn& i) { return minmax<F32>(t, i, Op::fmax, ir::FpMinRule::minmax_2019); }
Next fround_s(T& t, const Insn& i) { return round<F32>(t, i, false); }
Next froundnx_s(T& t, const Insn& i) { return round<F32>(t, i, true); }
Next fleq_s(T& t, const Insn& i) { return compare<F32>(t, i, Op::fle_quiet); }
Next fltq_s(T& t, const Insn& i) { return compare<F32>(t, i, Op::flt_quiet); }

Next fli_d(T& t, const Insn& i) { return load_constant<F64>(t, i); }
Next fminm_d(T& t, const Insn& i) { return minmax<F64>(t, i, Op::fmin, ir::FpMinRule::minmax_2019); }
Next fmaxm_d(T& t, const Insn& i) { return minmax<F64>(t, i, Op::fmax, ir::FpMinRule::minmax_2019); }
Next fround_d(T& t, const Insn& i) { return round<F64>(t, i, false); }
Next froundnx_d(T& t, const Insn& i) { return round<F64>(t, i, true); }
Next fleq_d(T& t, const Insn& i) { return compare<F64>(t, i, Op::fle_quiet); }
Next fltq_d(T& t, const Insn& i) { return compare<F64>(t, i, Op::flt_quiet); }

Next fli_h(T& t, const Insn& i) { return load_constant<F16>(t, i); }
Next fminm_h(T& t, const Insn& i) { return minmax<F16>(t, i, Op::fmin, ir::FpMinRule::minmax_2019); }
Next fmaxm_h(T& t, const Insn& i) { return minmax<F16>(t, i, Op::fmax, ir::FpMinRule::minmax_2019); }
Next fround_h(T& t, const Insn& i) { return round<F16>(t, i, false); }
Next froundnx_h(T& t, const Insn& i) { return round<F16>(t, i, true); }
Next fleq_h(T& t, const Insn& i) { return compare<F16>(t, i, Op::fle_quiet); }
Next fltq_h(T& t, const Insn& i) { return compare<F16>(t, i, Op::flt_quiet); }

// The low 32 bits of the integer part, whatever its size; flags as of fcvt.w.d.
Next fcvtmod_w_d(T& t, const Insn& i) {
  if (!t.enter_fp(i, true)) return Next::stop;
  I64 both = I64::from(t.call(kHelper_float_to_int_modulo, ir::i64, {bits_of(t, i.rs1)}));
  I64 flags = I64::from(t.b.emit(Op::fp_flags_read, ir::i64, {}));
  t.b.emit(Op::fp_flags_write, ir::kVoid, {t.b.or_(flags, t.b.lshr(both, t.b.constant(32)))});
  t.set_w(i.rd, t.b.trunc<I32>(both));
  return Next::go_on;
}

}  // namespace mimus::riscv::translate
