// Data processing -- immediate (insns/data_immediate.def).
#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

using ir::Any;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

Any shifted_imm12(T& t, const Insn& i, Any like) { return t.constant_like(like, u64(i.imm) << (i.get(22, 1) * 12)); }

Any bitmask(T& t, const Insn& i) {
  const BitMasks masks = decode_bit_masks(i.get(22, 1), i.imms(), i.immr(), true, i.sf());
  return t.constant(i.sf() ? ir::i64 : ir::i32, masks.wmask);
}

Any logical(T& t, const Insn& i, Op op) {
  // ORR from the zero register is how constants are moved.
  if (op == Op::or_ && i.rn() == 31) return bitmask(t, i);
  return t.bin(op, t.r(i.sf(), i.rn()), bitmask(t, i));
}

Any wide_value(T& t, const Insn& i, bool inverted) {
  u64 value = u64(i.imm) << (16 * i.get(21, 2));
  if (inverted) value = i.sf() ? ~value : u32(~value);
  return t.b.constant(value);
}

// SBFM and UBFM: bits [r, s] to the bottom, or bits [0, s] up to width - r.
Any bitfield_move(T& t, const Insn& i, bool is_signed) {
  const unsigned width = i.sf() ? 64 : 32, r = i.immr(), s = i.imms();
  const Any from = t.r(i.sf(), i.rn());
  auto constant = [&](u64 value) { return t.constant_like(from, value); };
  if (s >= r) {
    if (s == width - 1) return r == 0 ? from : t.bin(is_signed ? Op::ashr : Op::lshr, from, constant(r));
    return t.b.unary(is_signed ? Op::sextract : Op::extract, from, r | u64{s - r + 1} << 8);
  }
  const unsigned up = width - r;  // where bit 0 goes
  if (!is_signed && s + 1 + up == width) return t.bin(Op::shl, from, constant(up));
  const Any field = t.b.unary(is_signed ? Op::sextract : Op::extract, from, u64{s + 1} << 8);
  return t.bin(Op::shl, field, constant(up));
}

// ADD and SUB of SP to itself: it stays aligned if it was.
bool moves_sp(const Insn& i) { return i.sf() && i.rd() == 31 && i.rn() == 31; }
Next move_sp(T& t, u64 by) {
  t.move_x_sp(31, t.x_sp(31), by);
  return Next::go_on;
}

}  // namespace

Next adr(T& t, const Insn& i) {
  t.set_x(i.rd(), t.b.constant(t.pc + u64(i.imm)));
  return Next::go_on;
}
Next adrp(T& t, const Insn& i) {
  t.set_x(i.rd(), t.b.constant((t.pc & ~kPageMask) + u64(i.imm)));
  return Next::go_on;
}

Next add_imm(T& t, const Insn& i) {
  if (moves_sp(i)) return move_sp(t, u64(i.imm) << (i.get(22, 1) ? 12 : 0));
  const Any a = t.r_sp(i.sf(), i.rn());
  t.set_x_sp(i.rd(), i.imm == 0 ? a : t.bin(Op::add, a, shifted_imm12(t, i, a)));
  return Next::go_on;
}
Next sub_imm(T& t, const Insn& i) {
  if (moves_sp(i)) return move_sp(t, -(u64(i.imm) << (i.get(22, 1) ? 12 : 0)));
  const Any a = t.r_sp(i.sf(), i.rn());
  t.set_x_sp(i.rd(), t.bin(Op::sub, a, shifted_imm12(t, i, a)));
  return Next::go_on;
}
Next adds_imm(T& t, const Insn& i) {
  const Any a = t.r_sp(i.sf(), i.rn());
  t.set_x(i.rd(), t.add_flags(a, shifted_imm12(t, i, a)));
  return Next::go_on;
}
Next subs_imm(T& t, const Insn& i) {
  const Any a = t.r_sp(i.sf(), i.rn());
  t.set_x(i.rd(), t.sub_flags(a, shifted_imm12(t, i, a)));
  return Next::go_on;
}

Next and_imm(T& t, const Insn& i) {
  t.set_x_sp(i.rd(), logical(t, i, Op::and_));
  return Next::go_on;
}
Next orr_imm(T& t, const Insn& i) {
  t.set_x_sp(i.rd(), logical(t, i, Op::or_));
  return Next::go_on;
}
Next eor_imm(T& t, const Insn& i) {
  t.set_x_sp(i.rd(), logical(t, i, Op::xor_));
  return Next::go_on;
}
Next ands_imm(T& t, const Insn& i) {
  const Any result = logical(t, i, Op::and_);
  t.logic_flags(result);
  t.set_x(i.rd(), result);
  return Next::go_on;
}

Next movn(T& t, const Insn& i) {
  t.set_x(i.rd(), wide_value(t, i, true));
  return Next::go_on;
}
Next movz(T& t, const Insn& i) {
  t.set_x(i.rd(), wide_value(t, i, false));
  return Next::go_on;
}
Next movk(T& t, const Insn& i) {
  const unsigned lsb = 16 * i.get(21, 2);
  const Any old = t.r(i.sf(), i.rd());
  const Any cleared = t.bin(Op::and_, old, t.constant_like(old, ~(u64{0xffff} << lsb)));
  t.set_x(i.rd(), t.bin(Op::or_, cleared, t.constant_like(old, u64(i.imm) << lsb)));
  return Next::go_on;
}

Next sbfm(T& t, const Insn& i) {
  t.set_x(i.rd(), bitfield_move(t, i, true));
  return Next::go_on;
}
Next ubfm(T& t, const Insn& i) {
  t.set_x(i.rd(), bitfield_move(t, i, false));
  return Next::go_on;
}
Next bfm(T& t, const Insn& i) {
  const unsigned width = i.sf() ? 64 : 32, r = i.immr(), s = i.imms();
  const Any old = t.r(i.sf(), i.rd());
  Any from = t.r(i.sf(), i.rn());
  const unsigned lsb = s >= r ? 0 : width - r, count = s >= r ? s - r + 1 : s + 1;
  if (s >= r && r != 0) from = t.bin(Op::lshr, from, t.constant_like(from, r));
  t.set_x(i.rd(), t.b.binary(Op::insert, old, from, lsb | u64{count} << 8));
  return Next::go_on;
}

Next extr(T& t, const Insn& i) {
  const unsigned width = i.sf() ? 64 : 32, lsb = i.imms();
  const Any low = t.r(i.sf(), i.rm());
  auto constant = [&](u64 value) { return t.constant_like(low, value); };
  if (i.rn() == i.rm()) {
    t.set_x(i.rd(), lsb == 0 ? low : t.bin(Op::rotr, low, constant(lsb)));
    return Next::go_on;
  }
  if (lsb == 0) {
    t.set_x(i.rd(), low);
    return Next::go_on;
  }
  const Any high = t.bin(Op::shl, t.r(i.sf(), i.rn()), constant(width - lsb));
  t.set_x(i.rd(), t.bin(Op::or_, high, t.bin(Op::lshr, low, constant(lsb))));
  return Next::go_on;
}

}  // namespace mimus::aarch64::translate
