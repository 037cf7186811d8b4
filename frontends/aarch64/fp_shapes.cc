#include "frontends/aarch64/fp_shapes.h"

namespace mimus::aarch64::translate {

using T = Translator;
using ir::Any;
using ir::Op;
using ir::Rounding;

namespace {

// Lanes of all ones where a comparison holds, and choices by them; for one lane and for many.
struct Lanes {
  T& t;
  ir::Type type, bits;
  Lanes(T& t, ir::Type type) : t(t), type(type), bits(integer_as_wide(type)) {}

  Any constant(u64 value) const { return t.constant(bits, value); }
  Any of(Any value) const { return t.bitcast(bits, value); }
  Any magnitude(Any value) const { return t.bin(Op::and_, of(value), constant(fp_sign(type) - 1)); }
  Any sign(Any value) const { return t.bin(Op::and_, of(value), constant(fp_sign(type))); }
  Any is(Any magnitude, u64 value) const { return t.b.compare(Op::eq, magnitude, constant(value)); }
  Any select(Any condition, Any yes, Any no) const { return t.b.emit(Op::select, yes.type, {condition, yes, no}); }
  // Lanes in which one of n and m is zero and the other infinite.
  Any infinity_times_zero(Any n, Any m) const {
    const Any a = magnitude(n), c = magnitude(m);
    return t.bin(Op::or_, t.bin(Op::and_, is(a, fp_infinity(type)), is(c, 0)),
                 t.bin(Op::and_, is(a, 0), is(c, fp_infinity(type))));
  }
  // Ones instead, which raise nothing.
  Any tame(Any condition, Any value) const {
    return t.bitcast(type, select(condition, constant(fp_power(type, 0)), of(value)));
  }
};

// Lane by lane through a helper: FPCR.FZ16 is no mode that engines know.
Any half_op(T& t, Op op, std::initializer_list<Any> operands) {
  const ir::Type type = operands.begin()->type, bits = integer_as_wide(type);
  Any result = t.constant(bits, 0);
  for (unsigned k = 0; k < type.lanes; ++k) {
    Any args[3] = {t.b.constant(0), t.b.constant(0), t.b.constant(0)};
    Any* arg = args;
    for (Any operand : operands) {
      const Any value = t.bitcast(bits, operand);
      const Any lane = type.is_vector() ? t.b.emit(Op::lane_get, ir::i16, {value}, k) : value;
      *arg++ = t.convert(Op::zext, ir::i64, lane);
    }
    const Any wide = t.call(kHelper_half_op, ir::i64, {t.b.constant(u64(op)), args[0], args[1], args[2]});
    const Any lane = t.convert(Op::trunc, ir::i16, wide);
    result = type.is_vector() ? t.b.emit(Op::lane_set, bits, {result, lane}, k) : lane;
  }
  return t.bitcast(type, result);
}

}  // namespace

Any fp_flushed(T& t, Any value) {
  if (!flushes(t, value.type)) return value;
  const Lanes l(t, value.type);
  const Any magnitude = l.magnitude(value);
  // 0 < magnitude < the least normal number, as one comparison.
  const Any below = t.bin(Op::sub, magnitude, l.constant(1));
  const Any tiny = t.b.compare(Op::ult, below, l.constant(exponent_field(l.type, 1) - 1));
  if (!is_half(value.type)) {
    Any seen = l.select(tiny, magnitude, l.constant(0));
    if (value.type.is_vector() && value.type.bits() == 128) {
      seen = t.bitcast(ir::vec(ir::Elem::i64, 2), seen);
    } else {
      if (value.type.is_vector()) seen = t.bitcast(ir::i64, seen);
      seen = t.b.emit(Op::splat, ir::vec(ir::Elem::i64, 2), {t.convert(Op::zext, ir::i64, seen)});
    }
    t.b.write(kSlot_idc, t.bin(Op::or_, t.b.read_any(kSlot_idc), seen));
  }
  return t.bitcast(l.type, l.select(tiny, l.sign(value), l.of(value)));
}

Any fp_op(T& t, Op op, std::initializer_list<Any> operands) {
  const ir::Type type = operands.begin()->type;
  if (is_half(type) && t.mode.fz16) return fp_result(t, half_op(t, op, operands));
  return fp_result(t, t.b.emit(op, type, operands, 0, fp_attr(t, type).pack()));
}

Any fp_multiply_extended(T& t, Any n, Any m) {
  n = fp_flushed(t, n), m = fp_flushed(t, m);
  const Lanes l(t, n.type);
  const Any special = l.infinity_times_zero(n, m);
  const Any product = l.of(fp_op(t, Op::fmul, {l.tame(special, n), l.tame(special, m)}));
  const Any two = t.bin(Op::or_, t.bin(Op::xor_, l.sign(n), l.sign(m)), l.constant(fp_power(l.type, 1)));
  return t.bitcast(l.type, l.select(special, two, product));
}

Any fp_reciprocal_step(T& t, Any n, Any m) {
  n = fp_flushed(t, n), m = fp_flushed(t, m);
  const Lanes l(t, n.type);
  const Any special = l.infinity_times_zero(n, m), two = t.bitcast(l.type, l.constant(fp_power(l.type, 1)));
  const Any sum = fp_op(t, Op::fma, {t.un(Op::fneg, l.tame(special, n)), l.tame(special, m), two});
  return t.bitcast(l.type, l.select(special, l.of(two), l.of(sum)));
}

// Rounded first, without the inexact exception: whether the result is out of range decides which exception there is.
Any fp_round_to(T& t, Any value, unsigned bits, Rounding rounding) {
  value = fp_flushed(t, value);
  const Lanes l(t, value.type);
  const Any rounded = t.b.unary(Op::fround, value, 0, fp_attr(t, l.type, rounding, false).pack());
  const Any magnitude = l.magnitude(rounded), limit = l.constant(fp_power(l.type, int(bits) - 1));
  const Any least = l.constant(fp_sign(l.type) | fp_power(l.type, int(bits) - 1));
  const Any fits = t.bin(Op::or_, t.b.compare(Op::ult, magnitude, limit), t.b.compare(Op::eq, l.of(rounded), least));
  const Any good = t.bitcast(l.type, l.select(fits, l.of(value), l.constant(0)));
  const Any exact = t.b.unary(Op::fround, good, 0, fp_attr(t, l.type, rounding, true).pack());
  // Infinity minus infinity raises the exception of what does not fit; nobody needs its value.
  const Any bad = t.bitcast(l.type, l.select(fits, l.constant(0), l.constant(fp_infinity(l.type))));
  t.b.emit(Op::fsub, l.type, {bad, bad}, 0, fp_attr(t, l.type).pack());
  return t.bitcast(l.type, l.select(fits, l.of(exact), least));
}

Any fp_widen_half(T& t, Any value) {
  value = fp_flushed(t, value);
  const ir::Type half = value.type, bits = ir::vec(ir::Elem::i32, half.lanes),
                 single = ir::vec(ir::Elem::f32, half.lanes);
  const Any h = t.b.emit(Op::zext, bits, {t.bitcast(integer_as_wide(half), value)});
  const Any sign = t.bin(Op::shl, t.bin(Op::and_, h, t.constant(bits, 0x8000)), t.constant(bits, 16));
  const Any magnitude = t.bin(Op::and_, h, t.constant(bits, 0x7fff));
  const Any placed = t.bin(Op::shl, magnitude, t.constant(bits, 13));
  const Any normal = t.bin(Op::add, placed, t.constant(bits, exponent_field(ir::f32, 127 - 15)));
  const Any special = t.bin(Op::or_, placed, t.constant(bits, fp_infinity(ir::f32)));
  // Subnormal: the fraction times 2^-24, exactly.
  const ir::FpAttr attr = {Rounding::current, ir::IntRule::arm, true, false};
  const Any number = t.b.emit(Op::ffrom_s, single, {magnitude}, 0, attr.pack());
  const Any scale = t.bitcast(single, t.constant(bits, fp_power(ir::f32, -24)));
  const Any tiny = t.bitcast(bits, t.b.emit(Op::fmul, single, {number, scale}, 0, attr.pack()));
  const Any is_tiny = t.b.compare(Op::ult, magnitude, t.constant(bits, 0x400));
  const Any is_special = t.b.compare(Op::ule, t.constant(bits, 0x7c00), magnitude);
  const Any finite = t.b.emit(Op::select, bits, {is_tiny, tiny, normal});
  return t.bitcast(single, t.bin(Op::or_, sign, t.b.emit(Op::select, bits, {is_special, special, finite})));
}

}  // namespace mimus::aarch64::translate
