// "F" and "D" (insns/f.def, insns/d.def).
#include "frontends/riscv/float_shapes.h"

namespace mimus::riscv::translate {

using namespace fp;

Next flw(T& t, const Insn& i) { return load<F32>(t, i); }
Next fld(T& t, const Insn& i) { return load<F64>(t, i); }
Next fsw(T& t, const Insn& i) { return store<F32>(t, i); }
Next fsd(T& t, const Insn& i) { return store<F64>(t, i); }
Next fmv_x_w(T& t, const Insn& i) { return to_register<F32>(t, i); }
Next fmv_x_d(T& t, const Insn& i) { return to_register<F64>(t, i); }
Next fmv_w_x(T& t, const Insn& i) { return from_register<F32>(t, i); }
Next fmv_d_x(T& t, const Insn& i) { return from_register<F64>(t, i); }

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
