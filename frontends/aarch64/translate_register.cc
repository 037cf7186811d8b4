// Data processing -- register (insns/data_register.def).
#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

using ir::Any;
using ir::I1;
using ir::I32;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

Next set(T& t, const Insn& i, Any value) {
  t.set_x(i.rd(), value);
  return Next::go_on;
}

// Rm, shifted by imm6: LSL, LSR, ASR, ROR.
Any shifted(T& t, const Insn& i) {
  constexpr Op kShifts[] = {Op::shl, Op::lshr, Op::ashr, Op::rotr};
  const Any value = t.r(i.sf(), i.rm());
  if (i.imm6() == 0) return value;
  return t.bin(kShifts[i.shift()], value, t.constant_like(value, i.imm6()));
}

// Rm, extended by option and shifted left by imm3.
Any extended(T& t, const Insn& i) {
  constexpr ir::Type kTypes[] = {ir::i8, ir::i16, ir::i32, ir::i64};
  const ir::Type to = i.sf() ? ir::i64 : ir::i32, from = kTypes[i.option() & 3];
  Any value = t.r(i.sf(), i.rm());
  if (from.bits() < to.bits()) {
    value = t.convert(Op::trunc, from, t.x(i.rm()));
    value = t.convert(i.option() & 4 ? Op::sext : Op::zext, to, value);
  }
  const unsigned shift = i.get(10, 3);
  return shift ? t.bin(Op::shl, value, t.constant(to, shift)) : value;
}

Next two(T& t, const Insn& i, Op op) { return set(t, i, t.bin(op, t.r(i.sf(), i.rn()), t.r(i.sf(), i.rm()))); }
Next one(T& t, const Insn& i, Op op) { return set(t, i, t.un(op, t.r(i.sf(), i.rn()))); }

Any logical(T& t, const Insn& i, Op op, bool inverted) {
  Any m = shifted(t, i);
  if (op == Op::or_ && i.rn() == 31) return inverted ? t.un(Op::not_, m) : m;  // MOV, MVN
  const Any a = t.r(i.sf(), i.rn());
  if (inverted && op == Op::and_) return t.bin(Op::andn, a, m);
  return t.bin(op, a, inverted ? t.un(Op::not_, m) : m);
}
Next logical_flags(T& t, const Insn& i, bool inverted) {
  const Any result = logical(t, i, Op::and_, inverted);
  t.logic_flags(result);
  return set(t, i, result);
}

Next carry_op(T& t, const Insn& i, bool subtract, bool flags) {
  const Any a = t.r(i.sf(), i.rn());
  Any m = t.r(i.sf(), i.rm());
  if (subtract) m = t.un(Op::not_, m);
  const I1 carry = t.flags().c;
  const Any result = t.b.emit(Op::adc, a.type, {a, m, carry});
  if (flags) t.set_flags(t.flags_of_add(a, m, result, carry));
  return set(t, i, result);
}

Next crc(T& t, const Insn& i, ir::Type type, u32 polynomial) {
  const Any data = t.convert(Op::trunc, type, t.x(i.rm()));
  return set(t, i, t.b.emit(Op::crc32, ir::i32, {t.w(i.rn()), data}, polynomial));
}
// Reflected: CRC-32 (0x04C11DB7) and CRC-32C (0x1EDC6F41).
constexpr u32 kCrc32 = 0xedb88320, kCrc32c = 0x82f63b78;

// IR division gives all ones for a zero divisor; here it is 0 (C6.2.390, C6.2.259).
Next divide(T& t, const Insn& i, Op op) {
  const Any a = t.r(i.sf(), i.rn()), m = t.r(i.sf(), i.rm()), zero = t.constant_like(m, 0);
  return set(t, i, t.select(t.compare(Op::eq, m, zero), zero, t.bin(op, a, m)));
}

Next conditional_compare(T& t, const Insn& i, Any m, bool subtract) {
  const I1 holds = t.condition(i.cond());
  const Any a = t.r(i.sf(), i.rn());
  const Any result = t.bin(subtract ? Op::sub : Op::add, a, m);
  const Flags f = subtract ? t.flags_of_sub(a, m, result) : t.flags_of_add(a, m, result, t.b.constant<I1>(0));
  auto choose = [&](I1 flag, unsigned position) {
    return I1::from(t.select(holds, flag, t.b.constant<I1>(i.nzcv() >> position & 1)));
  };
  t.set_flags({choose(f.n, 3), choose(f.z, 2), choose(f.c, 1), choose(f.v, 0)});
  return Next::go_on;
}
Any compare_imm(T& t, const Insn& i) { return t.constant(i.sf() ? ir::i64 : ir::i32, u64(i.imm)); }

enum class Otherwise : u8 { same, increment, invert, negate };
Next conditional_select(T& t, const Insn& i, Otherwise otherwise) {
  const I1 holds = t.condition(i.cond());
  const Any yes = t.r(i.sf(), i.rn());
  Any no = t.r(i.sf(), i.rm());
  if (otherwise == Otherwise::increment) {
    if (i.rn() == 31 && i.rm() == 31) return set(t, i, t.convert(Op::zext, yes.type, t.b.not_(holds)));  // CSET
    no = t.bin(Op::add, no, t.constant_like(no, 1));
  }
  if (otherwise == Otherwise::invert) no = t.un(Op::not_, no);
  if (otherwise == Otherwise::negate) no = t.un(Op::neg, no);
  return set(t, i, t.select(holds, yes, no));
}

Next multiply_add(T& t, const Insn& i, bool subtract) {
  const Any product = t.bin(Op::mul, t.r(i.sf(), i.rn()), t.r(i.sf(), i.rm()));
  if (i.ra() == 31) return set(t, i, subtract ? t.un(Op::neg, product) : product);
  return set(t, i, t.bin(subtract ? Op::sub : Op::add, t.r(i.sf(), i.ra()), product));
}
Next multiply_add_long(T& t, const Insn& i, Op extend, bool subtract) {
  const Any a = t.convert(extend, ir::i64, t.w(i.rn())), m = t.convert(extend, ir::i64, t.w(i.rm()));
  const Any product = t.bin(Op::mul, a, m);
  if (i.ra() == 31) return set(t, i, subtract ? t.un(Op::neg, product) : product);
  return set(t, i, t.bin(subtract ? Op::sub : Op::add, t.x(i.ra()), product));
}

// SETF8, SETF16: N, Z and V of a narrow value; C stays.
Next set_flags_narrow(T& t, const Insn& i, ir::Type type) {
  const Any value = t.convert(Op::trunc, type, t.x(i.rn()));
  const unsigned top = type.bits();
  const Any sign = t.convert(Op::trunc, ir::i1, t.b.lshr(t.x(i.rn()), t.b.constant(top - 1)));
  const Any above = t.convert(Op::trunc, ir::i1, t.b.lshr(t.x(i.rn()), t.b.constant(top)));
  const Any zero = t.constant(type, 0);
  const Flags old = t.flags();
  t.set_flags({I1::from(sign), t.compare(Op::eq, value, zero), old.c, I1::from(t.bin(Op::xor_, sign, above))});
  return Next::go_on;
}

}  // namespace

Next udiv(T& t, const Insn& i) { return divide(t, i, Op::udiv); }
Next sdiv(T& t, const Insn& i) { return divide(t, i, Op::sdiv); }
Next lslv(T& t, const Insn& i) { return two(t, i, Op::shl); }
Next lsrv(T& t, const Insn& i) { return two(t, i, Op::lshr); }
Next asrv(T& t, const Insn& i) { return two(t, i, Op::ashr); }
Next rorv(T& t, const Insn& i) { return two(t, i, Op::rotr); }
Next crc32b(T& t, const Insn& i) { return crc(t, i, ir::i8, kCrc32); }
Next crc32h(T& t, const Insn& i) { return crc(t, i, ir::i16, kCrc32); }
Next crc32w(T& t, const Insn& i) { return crc(t, i, ir::i32, kCrc32); }
Next crc32x(T& t, const Insn& i) { return crc(t, i, ir::i64, kCrc32); }
Next crc32cb(T& t, const Insn& i) { return crc(t, i, ir::i8, kCrc32c); }
Next crc32ch(T& t, const Insn& i) { return crc(t, i, ir::i16, kCrc32c); }
Next crc32cw(T& t, const Insn& i) { return crc(t, i, ir::i32, kCrc32c); }
Next crc32cx(T& t, const Insn& i) { return crc(t, i, ir::i64, kCrc32c); }

Next rbit(T& t, const Insn& i) { return one(t, i, Op::bitreverse); }
// Bytes of each halfword: two shifts under masks.
Next rev16(T& t, const Insn& i) {
  const Any value = t.r(i.sf(), i.rn());
  const Any mask = t.constant_like(value, 0x00ff'00ff'00ff'00ff), eight = t.constant_like(value, 8);
  const Any up = t.bin(Op::shl, t.bin(Op::and_, value, mask), eight);
  return set(t, i, t.bin(Op::or_, up, t.bin(Op::and_, t.bin(Op::lshr, value, eight), mask)));
}
Next rev_w(T& t, const Insn& i) { return set(t, i, t.un(Op::bswap, t.w(i.rn()))); }
Next rev_x(T& t, const Insn& i) { return set(t, i, t.un(Op::bswap, t.x(i.rn()))); }
Next rev32(T& t, const Insn& i) { return set(t, i, t.bin(Op::rotr, t.un(Op::bswap, t.x(i.rn())), t.b.constant(32))); }
Next clz(T& t, const Insn& i) { return one(t, i, Op::clz); }
// Leading bits equal to the sign, without the sign itself.
Next cls(T& t, const Insn& i) {
  const Any value = t.r(i.sf(), i.rn()), one = t.constant_like(value, 1);
  const Any sign = t.bin(Op::ashr, value, t.constant_like(value, value.type.bits() - 1));
  return set(t, i, t.bin(Op::sub, t.un(Op::clz, t.bin(Op::xor_, value, sign)), one));
}

Next and_(T& t, const Insn& i) { return set(t, i, logical(t, i, Op::and_, false)); }
Next bic(T& t, const Insn& i) { return set(t, i, logical(t, i, Op::and_, true)); }
Next orr(T& t, const Insn& i) { return set(t, i, logical(t, i, Op::or_, false)); }
Next orn(T& t, const Insn& i) { return set(t, i, logical(t, i, Op::or_, true)); }
Next eor(T& t, const Insn& i) { return set(t, i, logical(t, i, Op::xor_, false)); }
Next eon(T& t, const Insn& i) { return set(t, i, logical(t, i, Op::xor_, true)); }
Next ands(T& t, const Insn& i) { return logical_flags(t, i, false); }
Next bics(T& t, const Insn& i) { return logical_flags(t, i, true); }

Next add(T& t, const Insn& i) { return set(t, i, t.bin(Op::add, t.r(i.sf(), i.rn()), shifted(t, i))); }
Next sub(T& t, const Insn& i) {
  if (i.rn() == 31) return set(t, i, t.un(Op::neg, shifted(t, i)));
  return set(t, i, t.bin(Op::sub, t.r(i.sf(), i.rn()), shifted(t, i)));
}
Next adds(T& t, const Insn& i) { return set(t, i, t.add_flags(t.r(i.sf(), i.rn()), shifted(t, i))); }
Next subs(T& t, const Insn& i) { return set(t, i, t.sub_flags(t.r(i.sf(), i.rn()), shifted(t, i))); }

Next add_ext(T& t, const Insn& i) {
  t.set_x_sp(i.rd(), t.bin(Op::add, t.r_sp(i.sf(), i.rn()), extended(t, i)));
  return Next::go_on;
}
Next sub_ext(T& t, const Insn& i) {
  t.set_x_sp(i.rd(), t.bin(Op::sub, t.r_sp(i.sf(), i.rn()), extended(t, i)));
  return Next::go_on;
}
Next adds_ext(T& t, const Insn& i) { return set(t, i, t.add_flags(t.r_sp(i.sf(), i.rn()), extended(t, i))); }
Next subs_ext(T& t, const Insn& i) { return set(t, i, t.sub_flags(t.r_sp(i.sf(), i.rn()), extended(t, i))); }

Next adc(T& t, const Insn& i) { return carry_op(t, i, false, false); }
Next adcs(T& t, const Insn& i) { return carry_op(t, i, false, true); }
Next sbc(T& t, const Insn& i) { return carry_op(t, i, true, false); }
Next sbcs(T& t, const Insn& i) { return carry_op(t, i, true, true); }

Next rmif(T& t, const Insn& i) {
  const I64 rotated = t.b.bin(Op::rotr, t.x(i.rn()), t.b.constant(u64(i.imm)));
  const Flags old = t.flags();
  auto flag = [&](I1 was, unsigned position) {
    if (!(i.nzcv() >> position & 1)) return was;
    return t.compare(Op::ne, t.b.and_(rotated, t.b.constant(u64{1} << position)), t.b.constant(0));
  };
  t.set_flags({flag(old.n, 3), flag(old.z, 2), flag(old.c, 1), flag(old.v, 0)});
  return Next::go_on;
}
Next setf8(T& t, const Insn& i) { return set_flags_narrow(t, i, ir::i8); }
Next setf16(T& t, const Insn& i) { return set_flags_narrow(t, i, ir::i16); }

Next ccmn(T& t, const Insn& i) { return conditional_compare(t, i, t.r(i.sf(), i.rm()), false); }
Next ccmp(T& t, const Insn& i) { return conditional_compare(t, i, t.r(i.sf(), i.rm()), true); }
Next ccmn_imm(T& t, const Insn& i) { return conditional_compare(t, i, compare_imm(t, i), false); }
Next ccmp_imm(T& t, const Insn& i) { return conditional_compare(t, i, compare_imm(t, i), true); }

Next csel(T& t, const Insn& i) { return conditional_select(t, i, Otherwise::same); }
Next csinc(T& t, const Insn& i) { return conditional_select(t, i, Otherwise::increment); }
Next csinv(T& t, const Insn& i) { return conditional_select(t, i, Otherwise::invert); }
Next csneg(T& t, const Insn& i) { return conditional_select(t, i, Otherwise::negate); }

Next madd(T& t, const Insn& i) { return multiply_add(t, i, false); }
Next msub(T& t, const Insn& i) { return multiply_add(t, i, true); }
Next smaddl(T& t, const Insn& i) { return multiply_add_long(t, i, Op::sext, false); }
Next smsubl(T& t, const Insn& i) { return multiply_add_long(t, i, Op::sext, true); }
Next umaddl(T& t, const Insn& i) { return multiply_add_long(t, i, Op::zext, false); }
Next umsubl(T& t, const Insn& i) { return multiply_add_long(t, i, Op::zext, true); }
Next smulh(T& t, const Insn& i) { return set(t, i, t.bin(Op::smulh, t.x(i.rn()), t.x(i.rm()))); }
Next umulh(T& t, const Insn& i) { return set(t, i, t.bin(Op::umulh, t.x(i.rn()), t.x(i.rm()))); }

}  // namespace mimus::aarch64::translate
