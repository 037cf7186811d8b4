// Complex numbers (FEAT_FCMA: pairs of lanes, the real part first) and products of half-precision lanes that add to
// single-precision ones (FEAT_FHM).
#include "frontends/aarch64/simd_fp_shapes.h"

namespace mimus::aarch64::translate {

using T = Translator;
using ir::Any;
using ir::Op;

namespace {

ir::Type type_of(const Insn& i) { return float_lanes(i.get(22, 2), i.q()); }
// Signs flipped in the even or in the odd lanes.
Any flip(T& t, Any value, bool even, bool odd) {
  if (!even && !odd) return value;
  if (even && odd) return t.un(Op::fneg, value);
  const Any negated = t.un(Op::fneg, value);
  return permute(t, value, negated, [&](unsigned k) { return k + ((k & 1 ? odd : even) ? value.type.lanes : 0); });
}
// The real or imaginary parts in both lanes of their pair; the parts exchanged.
Any part(T& t, Any value, unsigned which) {
  return permute(t, value, value, [&](unsigned k) { return (k & ~1u) + which; });
}
Any exchanged(T& t, Any value) {
  return permute(t, value, value, [](unsigned k) { return k ^ 1; });
}

// By rotation: 0 (re, im) += n.re * (m.re, m.im); 90 += n.im * (-m.im, m.re); 180 += n.re * -m; 270 += n.im *
// (m.im, -m.re).
Next multiply_add(T& t, const Insn& i, unsigned rotation, Any m) {
  const ir::Type type = m.type;
  const Any n = part(t, get_lanes(t, type, i.rn()), rotation & 1);
  if (rotation & 1) m = exchanged(t, m);
  m = flip(t, m, rotation == 1 || rotation == 2, rotation == 2 || rotation == 3);
  return set_lanes(t, i, fp_op(t, Op::fma, {n, m, get_lanes(t, type, i.rd())}));
}

// Four lanes always: those that a 64-bit vector does not have are zeros, which raise nothing.
Next multiply_add_half(T& t, const Insn& i, bool upper, bool subtract, bool by_element) {
  const ir::Type source = ir::vec(ir::Elem::f16, 4), singles = float_lanes(2, true);
  const auto part_of = [&](Any all) {
    if (i.q()) return t.bitcast(source, half(t, all, upper));
    const Any word = lane(t, t.bitcast(ir::vec(ir::Elem::i32, 4), all), upper);
    return t.bitcast(source, t.convert(Op::zext, ir::i64, word));
  };
  Any n = part_of(t.v(kQ, i.rn())), m;
  if (by_element) {
    const FloatElement e = float_element(i, 1);
    m = part_of(splat(t, float_lanes(1, true), lane(t, t.v(float_lanes(1, true), e.reg), e.index)));
  } else {
    m = part_of(t.v(kQ, i.rm()));
  }
  if (subtract) n = t.un(Op::fneg, n);
  const Any d = active(t, i, t.v(singles, i.rd()));
  return put(t, i, fp_op(t, Op::fma, {fp_widen_half(t, n), fp_widen_half(t, m), d}));
}

}  // namespace

Next fcadd(T& t, const Insn& i) {
  const bool by_270 = i.get(12, 1);
  const Any n = get_lanes(t, type_of(i), i.rn()), m = exchanged(t, get_lanes(t, type_of(i), i.rm()));
  return set_lanes(t, i, fp_op(t, Op::fadd, {n, flip(t, m, !by_270, by_270)}));
}
Next fcmla(T& t, const Insn& i) { return multiply_add(t, i, i.get(11, 2), get_lanes(t, type_of(i), i.rm())); }
Next fcmla_element(T& t, const Insn& i) {
  const bool single = i.get(22, 2) == 2;
  const unsigned index = single ? i.get(11, 1) : i.get(11, 1) << 1 | i.get(21, 1);
  const ir::Type type = type_of(i);
  const Any m = get_lanes(t, float_lanes(i.get(22, 2), true), i.rm());
  const Any pairs = permute(t, m, m, [&](unsigned k) { return 2 * index + (k & 1); });
  return multiply_add(t, i, i.get(13, 2), type.bits() == 128 ? pairs : t.bitcast(type, half(t, pairs, 0)));
}

Next fmlal(T& t, const Insn& i) { return multiply_add_half(t, i, false, false, false); }
Next fmlal2(T& t, const Insn& i) { return multiply_add_half(t, i, true, false, false); }
Next fmlsl(T& t, const Insn& i) { return multiply_add_half(t, i, false, true, false); }
Next fmlsl2(T& t, const Insn& i) { return multiply_add_half(t, i, true, true, false); }
Next fmlal_element(T& t, const Insn& i) { return multiply_add_half(t, i, false, false, true); }
Next fmlal2_element(T& t, const Insn& i) { return multiply_add_half(t, i, true, false, true); }
Next fmlsl_element(T& t, const Insn& i) { return multiply_add_half(t, i, false, true, true); }
Next fmlsl2_element(T& t, const Insn& i) { return multiply_add_half(t, i, true, true, true); }

}  // namespace mimus::aarch64::translate
