// The shapes that floating-point instructions share, over the formats F16, F32 and F64. Registers hold bit patterns;
// narrower values are NaN-boxed: reading one that is not boxed gives the default NaN (Volume I, "D" 21.2). Arithmetic
// results that are NaNs become the canonical NaN.
#pragma once

#include "frontends/riscv/translator.h"

namespace mimus::riscv::translate::fp {

using ir::F16;
using ir::F32;
using ir::F64;
using ir::I16;
using ir::I32;
using ir::I64;
using ir::Op;
using T = Translator;

inline I64 bits_of(T& t, unsigned n) { return t.b.read(f_slot(n)); }
inline void set_bits(T& t, unsigned n, I64 value) { t.b.write(f_slot(n), value); }

// The integer as wide as a format.
template <class V>
using BitsOf = std::conditional_t<V::type == ir::f64, I64, std::conditional_t<V::type == ir::f32, I32, I16>>;

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
inline bool rounding(T& t, const Insn& i, ir::FpAttr& attr) {
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
Next minmax(T& t, const Insn& i, Op op, ir::FpMinRule rule = ir::FpMinRule::number_2019) {
  if (!t.enter_fp(i, true)) return Next::stop;
  set_canonical<V>(t, i.rd, t.b.bin(op, get<V>(t, i.rs1), get<V>(t, i.rs2), 0, u16(rule)));
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
    } else {
      using Bits = BitsOf<V>;
      Bits sign = t.b.constant<Bits>(u64{1} << (Bits::type.bits() - 1));
      Bits flip = t.b.and_(t.b.bitcast<Bits>(b), sign);
      result = t.b.bitcast<V>(t.b.xor_(t.b.bitcast<Bits>(a), flip));
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

// -- loads, stores and moves of bit patterns --
template <class V>
Next load(T& t, const Insn& i) {
  if (!t.enter_fp(i, true)) return Next::stop;
  if constexpr (V::type == ir::f64) {
    set_bits(t, i.rd, t.b.load<I64>(t.x(i.rs1), {}, i.imm));
  } else {
    set(t, i.rd, t.b.load<V>(t.x(i.rs1), {}, i.imm));
  }
  return Next::go_on;
}
template <class V>
Next store(T& t, const Insn& i) {
  if (!t.enter_fp(i, false)) return Next::stop;
  if constexpr (V::type == ir::f64) {
    t.b.store(t.x(i.rs1), bits_of(t, i.rs2), {}, i.imm);
  } else {
    t.b.store(t.x(i.rs1), t.b.trunc<BitsOf<V>>(bits_of(t, i.rs2)), {}, i.imm);
  }
  return Next::go_on;
}
template <class V>
Next to_register(T& t, const Insn& i) {  // sign-extended
  if (!t.enter_fp(i, false)) return Next::stop;
  if constexpr (V::type == ir::f64) {
    t.set_x(i.rd, bits_of(t, i.rs1));
  } else {
    t.set_x(i.rd, t.b.sext<I64>(t.b.trunc<BitsOf<V>>(bits_of(t, i.rs1))));
  }
  return Next::go_on;
}
template <class V>
Next from_register(T& t, const Insn& i) {
  if (!t.enter_fp(i, true)) return Next::stop;
  if constexpr (V::type == ir::f64) {
    set_bits(t, i.rd, t.x(i.rs1));
  } else {
    set(t, i.rd, t.b.bitcast<V>(t.b.trunc<BitsOf<V>>(t.x(i.rs1))));
  }
  return Next::go_on;
}

}  // namespace mimus::riscv::translate::fp
