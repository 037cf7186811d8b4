// Zba, Zbb, Zbc, Zbs (insns/zb.def).
#include "frontends/riscv/translator.h"

namespace mimus::riscv::translate {

using ir::I16;
using ir::I32;
using ir::I64;
using ir::I8;
using ir::Op;
using T = Translator;

namespace {

I64 low_word(T& t, unsigned n) { return t.b.zext<I64>(t.w(n)); }

Next shift_add(T& t, const Insn& i, I64 index, unsigned shift) {
  if (shift) index = t.b.shl(index, t.b.constant(shift));
  t.set_x(i.rd, t.b.add(index, t.x(i.rs2)));
  return Next::go_on;
}

// One bit: its number is rs2 or the immediate, modulo 64.
I64 bit_number(T& t, const Insn& i, bool immediate) { return immediate ? t.b.constant(u64(i.imm)) : t.x(i.rs2); }

Next change_bit(T& t, const Insn& i, Op op, bool immediate) {
  I64 mask = immediate ? t.b.constant(u64{1} << i.imm) : t.b.shl(t.b.constant(1), t.x(i.rs2));
  t.set_x(i.rd, t.b.bin(op, t.x(i.rs1), mask));
  return Next::go_on;
}
Next extract_bit(T& t, const Insn& i, bool immediate) {
  t.set_x(i.rd, t.b.and_(t.b.lshr(t.x(i.rs1), bit_number(t, i, immediate)), t.b.constant(1)));
  return Next::go_on;
}

}  // namespace

Next add_uw(T& t, const Insn& i) { return shift_add(t, i, low_word(t, i.rs1), 0); }
Next sh1add(T& t, const Insn& i) { return shift_add(t, i, t.x(i.rs1), 1); }
Next sh2add(T& t, const Insn& i) { return shift_add(t, i, t.x(i.rs1), 2); }
Next sh3add(T& t, const Insn& i) { return shift_add(t, i, t.x(i.rs1), 3); }
Next sh1add_uw(T& t, const Insn& i) { return shift_add(t, i, low_word(t, i.rs1), 1); }
Next sh2add_uw(T& t, const Insn& i) { return shift_add(t, i, low_word(t, i.rs1), 2); }
Next sh3add_uw(T& t, const Insn& i) { return shift_add(t, i, low_word(t, i.rs1), 3); }
Next slli_uw(T& t, const Insn& i) {
  t.set_x(i.rd, t.b.shl(low_word(t, i.rs1), t.b.constant(u64(i.imm))));
  return Next::go_on;
}

Next andn(T& t, const Insn& i) { return t.binary(i, Op::andn); }
Next orn(T& t, const Insn& i) {
  t.set_x(i.rd, t.b.or_(t.x(i.rs1), t.b.not_(t.x(i.rs2))));
  return Next::go_on;
}
Next xnor(T& t, const Insn& i) {
  t.set_x(i.rd, t.b.not_(t.b.xor_(t.x(i.rs1), t.x(i.rs2))));
  return Next::go_on;
}
Next clz(T& t, const Insn& i) { return t.unary(i, Op::clz); }
Next ctz(T& t, const Insn& i) { return t.unary(i, Op::ctz); }
Next cpop(T& t, const Insn& i) { return t.unary(i, Op::popcount); }
Next clzw(T& t, const Insn& i) { return t.unary_w(i, Op::clz); }
Next ctzw(T& t, const Insn& i) { return t.unary_w(i, Op::ctz); }
Next cpopw(T& t, const Insn& i) { return t.unary_w(i, Op::popcount); }
Next max(T& t, const Insn& i) { return t.binary(i, Op::smax); }
Next maxu(T& t, const Insn& i) { return t.binary(i, Op::umax); }
Next min(T& t, const Insn& i) { return t.binary(i, Op::smin); }
Next minu(T& t, const Insn& i) { return t.binary(i, Op::umin); }
Next sext_b(T& t, const Insn& i) {
  t.set_x(i.rd, t.b.sext<I64>(t.b.trunc<I8>(t.x(i.rs1))));
  return Next::go_on;
}
Next sext_h(T& t, const Insn& i) {
  t.set_x(i.rd, t.b.sext<I64>(t.b.trunc<I16>(t.x(i.rs1))));
  return Next::go_on;
}
Next zext_h(T& t, const Insn& i) {
  t.set_x(i.rd, t.b.zext<I64>(t.b.trunc<I16>(t.x(i.rs1))));
  return Next::go_on;
}
Next rol(T& t, const Insn& i) { return t.binary(i, Op::rotl); }
Next ror(T& t, const Insn& i) { return t.binary(i, Op::rotr); }
Next rori(T& t, const Insn& i) { return t.binary_imm(i, Op::rotr); }
Next rolw(T& t, const Insn& i) { return t.binary_w(i, Op::rotl); }
Next rorw(T& t, const Insn& i) { return t.binary_w(i, Op::rotr); }
Next roriw(T& t, const Insn& i) { return t.binary_imm_w(i, Op::rotr); }
Next orc_b(T& t, const Insn& i) { return t.unary(i, Op::orc8); }
Next rev8(T& t, const Insn& i) { return t.unary(i, Op::bswap); }

// clmulr: bits 126 to 63 of the carry-less product.
Next clmul(T& t, const Insn& i) { return t.binary(i, Op::clmul); }
Next clmulh(T& t, const Insn& i) { return t.binary(i, Op::clmulh); }
Next clmulr(T& t, const Insn& i) {
  I64 a = t.x(i.rs1), b = t.x(i.rs2);
  I64 high = t.b.shl(t.b.bin(Op::clmulh, a, b), t.b.constant(1));
  t.set_x(i.rd, t.b.or_(high, t.b.lshr(t.b.bin(Op::clmul, a, b), t.b.constant(63))));
  return Next::go_on;
}

Next bclr(T& t, const Insn& i) { return change_bit(t, i, Op::andn, false); }
Next binv(T& t, const Insn& i) { return change_bit(t, i, Op::xor_, false); }
Next bset(T& t, const Insn& i) { return change_bit(t, i, Op::or_, false); }
Next bclri(T& t, const Insn& i) { return change_bit(t, i, Op::andn, true); }
Next binvi(T& t, const Insn& i) { return change_bit(t, i, Op::xor_, true); }
Next bseti(T& t, const Insn& i) { return change_bit(t, i, Op::or_, true); }
Next bext(T& t, const Insn& i) { return extract_bit(t, i, false); }
Next bexti(T& t, const Insn& i) { return extract_bit(t, i, true); }

}  // namespace mimus::riscv::translate
