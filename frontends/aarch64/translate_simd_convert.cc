// Floating-point Advanced SIMD: conversions between formats and to fixed-point numbers, estimates (insns/simd_fp.def,
// insns/simd_half.def).
#include "frontends/aarch64/simd_fp_shapes.h"
#include "frontends/aarch64/soft_simd.h"

namespace mimus::aarch64::translate {

using T = Translator;
using ir::Any;
using ir::Op;
using ir::Rounding;

namespace {

Any convert(T& t, Any value, ir::Type to, Rounding rounding = Rounding::current) {
  const ir::FpAttr attr = {rounding, ir::IntRule::arm, true, t.mode.fz};
  return fp_result(t, t.b.emit(Op::fcvt, to, {value}, 0, attr.pack()));
}
// sz: between single and double, else between half and single.
ir::Type narrow_type(bool wide) { return wide ? ir::vec(ir::Elem::f32, 2) : ir::vec(ir::Elem::f16, 4); }

}  // namespace

Next fcvtl(T& t, const Insn& i) {
  const bool wide = i.get(22, 1);
  if (!wide && t.mode.ahp) return soft(t, i, SoftSimd::alternative_long);
  const Any n = t.bitcast(narrow_type(wide), half(t, t.b.read_any(v_slot(i.rn())), i.q()));
  t.set_v(i.rd(), convert(t, n, float_vector_of(wide, true)));
  return Next::go_on;
}
Next fcvtn(T& t, const Insn& i) {
  const bool wide = i.get(22, 1);
  if (!wide && t.mode.ahp) return soft(t, i, SoftSimd::alternative_narrow);
  return put_narrow(t, i, convert(t, t.v(float_vector_of(wide, true), i.rn()), narrow_type(wide)));
}
Next fcvtxn(T& t, const Insn& i) {
  if (!is_scalar(i))
    return put_narrow(t, i, convert(t, t.v(float_vector_of(true, true), i.rn()), narrow_type(true), Rounding::rod));
  t.set_v_scalar(i.rd(), convert(t, t.v_scalar(ir::f64, i.rn()), ir::f32, Rounding::rod));
  return Next::go_on;
}

Next scvtf_simd_fixed(T& t, const Insn& i) { return soft(t, i, SoftSimd::from_fixed); }
Next ucvtf_simd_fixed(T& t, const Insn& i) { return soft(t, i, SoftSimd::from_fixed); }
Next fcvtzs_simd_fixed(T& t, const Insn& i) { return soft(t, i, SoftSimd::to_fixed); }
Next fcvtzu_simd_fixed(T& t, const Insn& i) { return soft(t, i, SoftSimd::to_fixed); }

Next frecpe(T& t, const Insn& i) { return soft(t, i, SoftSimd::reciprocal_estimate); }
Next frsqrte(T& t, const Insn& i) { return soft(t, i, SoftSimd::root_estimate); }
Next frecpx(T& t, const Insn& i) { return soft(t, i, SoftSimd::reciprocal_exponent); }
Next frsqrts(T& t, const Insn& i) { return soft(t, i, SoftSimd::root_step); }
Next urecpe(T& t, const Insn& i) { return soft(t, i, SoftSimd::integer_estimate); }
Next ursqrte(T& t, const Insn& i) { return soft(t, i, SoftSimd::integer_root_estimate); }

// -- BFloat16: the upper half of a single-precision number --

Next bfcvt(T& t, const Insn& i) {
  t.set_v_scalar(i.rd(), t.bitcast(ir::i16, convert(t, t.v_scalar(ir::f32, i.rn()), ir::bf16)));
  return Next::go_on;
}
Next bfcvtn(T& t, const Insn& i) {
  return put_narrow(t, i, convert(t, t.v(float_vector_of(false, true), i.rn()), ir::vec(ir::Elem::bf16, 4)));
}
Next bfdot(T& t, const Insn& i) { return soft(t, i, SoftSimd::bfloat_dot); }
Next bfmmla(T& t, const Insn& i) { return soft(t, i, SoftSimd::bfloat_matrix); }
// The even or odd elements, which are single-precision numbers with zeros behind.
Next bfmlal(T& t, const Insn& i) {
  const ir::Type words = ir::vec(ir::Elem::i32, 4), singles = ir::vec(ir::Elem::f32, 4);
  const bool odd = i.q(), by_element = !i.get(10, 1);
  const auto wide = [&](Any v, bool upper) {
    return t.bitcast(
        singles, upper ? t.bin(Op::and_, v, t.constant(words, 0xffff0000)) : t.bin(Op::shl, v, t.constant(words, 16)));
  };
  Any m = t.v(words, by_element ? i.get(16, 4) : i.rm());
  bool m_odd = odd;
  if (by_element) {
    const unsigned index = float_element(i, 1).index;
    m = splat(t, words, lane(t, m, index / 2));
    m_odd = index & 1;
  }
  t.set_v(i.rd(), fp_op(t, Op::fma, {wide(t.v(words, i.rn()), odd), wide(m, m_odd), t.v(singles, i.rd())}));
  return Next::go_on;
}

}  // namespace mimus::aarch64::translate
