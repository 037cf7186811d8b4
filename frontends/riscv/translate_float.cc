// "F" and "D" (insns/f.def, insns/d.def). Registers hold bit patterns; single-precision values are NaN-boxed: reading
// one that is not boxed gives the default NaN (Volume I, "D" 21.2). Arithmetic results that are NaNs become the
// canonical NaN.
#include "frontends/riscv/translator.h"

namespace mimus::riscv::translate {

using ir::F32;
using ir::F64;
using ir::I32;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

constexpr u64 kSign64 = u64{1} << 63;

I64 bits_of(T& t, unsigned n) { return t.b.read(f_slot(n)); }
void set_bits(T& t, unsigned n, I64 value) { t.b.write(f_slot(n), value); }

template <class V>
V get(T& t, unsigned n) {
  if constexpr (V::type == ir::f64) {
    return t.b.bitcast<V>(bits_of(t, n));
  } else {
    return V::from(t.b.emit(Op::unbox, V::type, {bits_of(t, n)}));
  }
}
template <class V>
void set(T& t, unsigned n, V value) {
  if constexpr (V::type == ir::f64) {
    set_bits(t, n, t.b.bitcast<I64>(value));
  } else {
    set_bits(t, n, I64::from(t.b.emit(Op::box, ir::i64, {value})));
  }
}
template <class V>
void set_canonical(T& t, unsigned n, V value) {
  set(t, n, t.b.un(Op::nan_fix, value, 0, u16(ir::NanRule::positive_default)));
}

// The FpAttr of an instruction with an rm field; false for a reserved mode (Volume I, "F" 20.2). The host's mode serves
// when it is the wanted one: for the dynamic mode, and for a static mode that frm happens to name.
bool rounding(T& t, const Insn& i, ir::FpAttr& attr) {
  u64 rm = i.rm() == 7 ? t.mode.frm : i.rm();
  if (rm > 4) return false;
  bool in_host = rm == t.mode.frm && rm < 4;
  attr.rounding = in_host ? ir::Rounding::current : ir::Rounding(rm);
  attr.rule = ir::IntRule::riscv;
  return true;
}

// Shapes. Each checks mstatus.FS and the rounding mode first.
template <class V, class Emit>
Next rounded(T& t, const Insn& i, Emit emit) {
  ir::FpAttr attr;
  if (!t.enter_fp(i, true)) return Next::stop;
  if (!rounding(t, i, attr)) return t.illegal(i);
  set_canonical<V>(t, i.rd, emit(attr.pack()));
  return Next::go_on;
}
template <class V>
Next arith(T& t, const Insn& i, Op op) {
  return rounded<V>(t, i, [&](u16 attr) { return t.b.bin(op, get<V>(t, i.rs1), get<V>(t, i.rs2), 0, attr); });
}
template <class V>
Next sqrt(T& t, const Insn& i) {
  return rounded<V>(t, i, [&](u16 attr) { return t.b.un(Op::fsqrt, get<V>(t, i.rs1), 0, attr); });
}
// (+-)rs1 * rs2 (+-) rs3
template <class V>
Next fused(T& t, const Insn& i, bool negate_product, bool negate_addend) {
  return rounded<V>(t, i, [&](u16 attr) {
    V a = get<V>(t, i.rs1), b = get<V>(t, i.rs2), c = get<V>(t, i.rs3);
    if (negate_product) a = t.b.un(Op::fneg, a);
    if (negate_addend) c = t.b.un(Op::fneg, c);
    return V::from(t.b.emit(Op::fma, V::type, {a, b, c}, 0, attr));
  });
}
template <class V>
Next minmax(T& t, const Insn& i, Op op) {
  if (!t.enter_fp(i, true)) return Next::stop;
  set_canonical<V>(t, i.rd, t.b.bin(op, get<V>(t, i.rs1), get<V>(t, i.rs2), 0, u16(ir::FpMinRule::number_2019)));
  return Next::go_on;
}
// Comparisons write fflags, so FS becomes Dirty.
template <class V>
Next compare(T& t, const Insn& i, Op op) {
  if (!t.enter_fp(i, true)) return Next::stop;
  t.set_x(i.rd, t.b.zext<I64>(t.b.cmp(op, get<V>(t, i.rs1), get<V>(t, i.rs2))));
  return Next::go_on;
}
template <class V>
Next classify(T& t, const Insn& i) {
  if (!t.enter_fp(i, false)) return Next::stop;
  t.set_x(i.rd, I64::from(t.b.emit(Op::fclass, ir::i64, {get<V>(t, i.rs1)})));
  return Next::go_on;
}

enum class Sign : u8 { copy, negate, multiply };
template <class V>
Next inject_sign(T& t, const Insn& i, Sign sign) {
  if (!t.enter_fp(i, true)) return Next::stop;
  V a = get<V>(t, i.rs1);
  bool same = i.rs1 == i.rs2;  // fmv, fneg, fabs
  V b = same ? a : get<V>(t, i.rs2);
  V result = a;
  if (sign == Sign::negate) result = same ? t.b.un(Op::fneg, a) : t.b.bin(Op::fcopysign, a, t.b.un(Op::fneg, b));
  if (sign == Sign::copy && !same) result = t.b.bin(Op::fcopysign, a, b);
  if (sign == Sign::multiply) {
    if (same) {
      result = t.b.un(Op::fabs, a);
    } else if constexpr (V::type == ir::f64) {
      I64 flip = t.b.and_(t.b.bitcast<I64>(b), t.b.constant(kSign64));
      result = t.b.bitcast<V>(t.b.xor_(t.b.bitcast<I64>(a), flip));
    } else {
      I32 flip = t.b.and_(t.b.bitcast<I32>(b), t.b.constant<I32>(u32{1} << 31));
      result = t.b.bitcast<V>(t.b.xor_(t.b.bitcast<I32>(a), flip));
    }
  }
  set<V>(t, i.rd, result);
  return Next::go_on;
}

// Conversions: 32-bit integer results are sign-extended, even unsigned ones.
template <class V, class Int>
Next to_int(T& t, const Insn& i, Op op) {
  ir::FpAttr attr;
  if (!t.enter_fp(i, true)) return Next::stop;
  if (!rounding(t, i, attr)) return t.illegal(i);
  Int value = Int::from(t.b.emit(op, Int::type, {get<V>(t, i.rs1)}, 0, attr.pack()));
  if constexpr (Int::type == ir::i32) {
    t.set_w(i.rd, value);
  } else {
    t.set_x(i.rd, value);
  }
  return Next::go_on;
}
template <class V, class Int>
Next from_int(T& t, const Insn& i, Op op) {
  ir::FpAttr attr;
  if (!t.enter_fp(i, true)) return Next::stop;
  if (!rounding(t, i, attr)) return t.illegal(i);
  ir::Any value = t.x(i.rs1);
  if constexpr (Int::type == ir::i32) value = t.w(i.rs1);
  set<V>(t, i.rd, V::from(t.b.emit(op, V::type, {value}, 0, attr.pack())));
  return Next::go_on;
}
template <class To, class From>
Next convert(T& t, const Insn& i) {
  return rounded<To>(t, i,
                     [&](u16 attr) { return To::from(t.b.emit(Op::fcvt, To::type, {get<From>(t, i.rs1)}, 0, attr)); });
}

}  // namespace

// -- loads and stores move bits --
Next flw(T& t, const Insn& i) {
  if (!t.enter_fp(i, true)) return Next::stop;
  set(t, i.rd, t.b.load<F32>(t.x(i.rs1), {}, i.imm));
  return Next::go_on;
}
Next fld(T& t, const Insn& i) {
  if (!t.enter_fp(i, true)) return Next::stop;
  set_bits(t, i.rd, t.b.load<I64>(t.x(i.rs1), {}, i.imm));
  return Next::go_on;
}
Next fsw(T& t, const Insn& i) {
  if (!t.enter_fp(i, false)) return Next::stop;
  t.b.store(t.x(i.rs1), t.b.trunc<I32>(bits_of(t, i.rs2)), {}, i.imm);
  return Next::go_on;
}
Next fsd(T& t, const Insn& i) {
  if (!t.enter_fp(i, false)) return Next::stop;
  t.b.store(t.x(i.rs1), bits_of(t, i.rs2), {}, i.imm);
  return Next::go_on;
}

Next fmv_x_w(T& t, const Insn& i) {
  if (!t.enter_fp(i, false)) return Next::stop;
  t.set_w(i.rd, t.b.trunc<I32>(bits_of(t, i.rs1)));
  return Next::go_on;
}
Next fmv_x_d(T& t, const Insn& i) {
  if (!t.enter_fp(i, false)) return Next::stop;
  t.set_x(i.rd, bits_of(t, i.rs1));
  return Next::go_on;
}
Next fmv_w_x(T& t, const Insn& i) {
  if (!t.enter_fp(i, true)) return Next::stop;
  set(t, i.rd, t.b.bitcast<F32>(t.w(i.rs1)));
  return Next::go_on;
}
Next fmv_d_x(T& t, const Insn& i) {
  if (!t.enter_fp(i, true)) return Next::stop;
  set_bits(t, i.rd, t.x(i.rs1));
  return Next::go_on;
}

// -- single precision --
Next fmadd_s(T& t, const Insn& i) { return fused<F32>(t, i, false, false); }
Next fmsub_s(T& t, const Insn& i) { return fused<F32>(t, i, false, true); }
Next fnmsub_s(T& t, const Insn& i) { return fused<F32>(t, i, true, false); }
Next fnmadd_s(T& t, const Insn& i) { return fused<F32>(t, i, true, true); }
Next fadd_s(T& t, const Insn& i) { return arith<F32>(t, i, Op::fadd); }
Next fsub_s(T& t, const Insn& i) { return arith<F32>(t, i, Op::fsub); }
Next fmul_s(T& t, const Insn& i) { return arith<F32>(t, i, Op::fmul); }
Next fdiv_s(T& t, const Insn& i) { return arith<F32>(t, i, Op::fdiv); }
Next fsqrt_s(T& t, const Insn& i) { return sqrt<F32>(t, i); }
Next fmin_s(T& t, const Insn& i) { return minmax<F32>(t, i, Op::fmin); }
Next fmax_s(T& t, const Insn& i) { return minmax<F32>(t, i, Op::fmax); }
Next fsgnj_s(T& t, const Insn& i) { return inject_sign<F32>(t, i, Sign::copy); }
Next fsgnjn_s(T& t, const Insn& i) { return inject_sign<F32>(t, i, Sign::negate); }
Next fsgnjx_s(T& t, const Insn& i) { return inject_sign<F32>(t, i, Sign::multiply); }
Next feq_s(T& t, const Insn& i) { return compare<F32>(t, i, Op::feq); }
Next flt_s(T& t, const Insn& i) { return compare<F32>(t, i, Op::flt); }
Next fle_s(T& t, const Insn& i) { return compare<F32>(t, i, Op::fle); }
Next fclass_s(T& t, const Insn& i) { return classify<F32>(t, i); }
Next fcvt_w_s(T& t, const Insn& i) { return to_int<F32, I32>(t, i, Op::fto_s); }
Next fcvt_wu_s(T& t, const Insn& i) { return to_int<F32, I32>(t, i, Op::fto_u); }
Next fcvt_l_s(T& t, const Insn& i) { return to_int<F32, I64>(t, i, Op::fto_s); }
Next fcvt_lu_s(T& t, const Insn& i) { return to_int<F32, I64>(t, i, Op::fto_u); }
Next fcvt_s_w(T& t, const Insn& i) { return from_int<F32, I32>(t, i, Op::ffrom_s); }
Next fcvt_s_wu(T& t, const Insn& i) { return from_int<F32, I32>(t, i, Op::ffrom_u); }
Next fcvt_s_l(T& t, const Insn& i) { return from_int<F32, I64>(t, i, Op::ffrom_s); }
Next fcvt_s_lu(T& t, const Insn& i) { return from_int<F32, I64>(t, i, Op::ffrom_u); }

// -- double precision --
Next fmadd_d(T& t, const Insn& i) { return fused<F64>(t, i, false, false); }
Next fmsub_d(T& t, const Insn& i) { return fused<F64>(t, i, false, true); }
Next fnmsub_d(T& t, const Insn& i) { return fused<F64>(t, i, true, false); }
Next fnmadd_d(T& t, const Insn& i) { return fused<F64>(t, i, true, true); }
Next fadd_d(T& t, const Insn& i) { return arith<F64>(t, i, Op::fadd); }
Next fsub_d(T& t, const Insn& i) { return arith<F64>(t, i, Op::fsub); }
Next fmul_d(T& t, const Insn& i) { return arith<F64>(t, i, Op::fmul); }
Next fdiv_d(T& t, const Insn& i) { return arith<F64>(t, i, Op::fdiv); }
Next fsqrt_d(T& t, const Insn& i) { return sqrt<F64>(t, i); }
Next fmin_d(T& t, const Insn& i) { return minmax<F64>(t, i, Op::fmin); }
Next fmax_d(T& t, const Insn& i) { return minmax<F64>(t, i, Op::fmax); }
Next fsgnj_d(T& t, const Insn& i) { return inject_sign<F64>(t, i, Sign::copy); }
Next fsgnjn_d(T& t, const Insn& i) { return inject_sign<F64>(t, i, Sign::negate); }
Next fsgnjx_d(T& t, const Insn& i) { return inject_sign<F64>(t, i, Sign::multiply); }
Next feq_d(T& t, const Insn& i) { return compare<F64>(t, i, Op::feq); }
Next flt_d(T& t, const Insn& i) { return compare<F64>(t, i, Op::flt); }
Next fle_d(T& t, const Insn& i) { return compare<F64>(t, i, Op::fle); }
Next fclass_d(T& t, const Insn& i) { return classify<F64>(t, i); }
Next fcvt_w_d(T& t, const Insn& i) { return to_int<F64, I32>(t, i, Op::fto_s); }
Next fcvt_wu_d(T& t, const Insn& i) { return to_int<F64, I32>(t, i, Op::fto_u); }
Next fcvt_l_d(T& t, const Insn& i) { return to_int<F64, I64>(t, i, Op::fto_s); }
Next fcvt_lu_d(T& t, const Insn& i) { return to_int<F64, I64>(t, i, Op::fto_u); }
Next fcvt_d_w(T& t, const Insn& i) { return from_int<F64, I32>(t, i, Op::ffrom_s); }
Next fcvt_d_wu(T& t, const Insn& i) { return from_int<F64, I32>(t, i, Op::ffrom_u); }
Next fcvt_d_l(T& t, const Insn& i) { return from_int<F64, I64>(t, i, Op::ffrom_s); }
Next fcvt_d_lu(T& t, const Insn& i) { return from_int<F64, I64>(t, i, Op::ffrom_u); }
Next fcvt_s_d(T& t, const Insn& i) { return convert<F32, F64>(t, i); }
Next fcvt_d_s(T& t, const Insn& i) { return convert<F64, F32>(t, i); }

}  // namespace mimus::riscv::translate
