// "F" and "D" (insns/f.def, insns/d.def).
#include "frontends/riscv/float_shapes.h"

namespace mimus::riscv::translate {

using namespace fp;

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
