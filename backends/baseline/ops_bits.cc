// Multiplication, division, shifts, bit manipulation, changes of width.
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using emit::Cond;
using emit::Jump;
using ir::Inst;
using ir::Op;
using ir::Type;
using ir::ValueId;
using namespace Xbyak::util;

namespace {

constexpr u64 repeat_byte(u8 byte) { return 0x0101010101010101u * byte; }

}  // namespace

// ---- multiplication and division ----

void Compiler::op_mul(const Inst& inst) {
  ValueId a = inst.args[0], b = inst.args[1];
  const unsigned bits = op_bits(inst.type);
  if (regs_.is_constant(a) || !regs_.in_gpr(a)) std::swap(a, b);
  if (regs_.fits_imm32(b, bits)) {
    const Place pa = regs_.gpr_or_memory(a, bits);
    const int d = regs_.def_gpr(self(), pa.reg);
    with(pa, bits, [&](const Xbyak::Operand& x) { a_.imul(gpr_of(d, bits), x, int(s32(regs_.constant(b)))); });
    return;
  }
  const int ra = regs_.gpr(a);
  const Place pb = regs_.gpr_or_memory(b, bits);
  const int d = regs_.def_gpr(self(), ra, pb.reg);
  if (pb.is_reg() && d == pb.reg && d != ra) return a_.imul(gpr_of(d, bits), gpr_of(ra, bits));
  move(d, ra, bits);
  with(pb, bits, [&](const Xbyak::Operand& x) { a_.imul(gpr_of(d, bits), x); });
}

void Compiler::op_mul_high(const Inst& inst) {
  const unsigned width = inst.type.bits();
  if (width < 64) return mul_high_narrow(inst, width);
  if (inst.op == Op::umulh && features_.bmi2) {
    regs_.claim(2);
    const int ra = regs_.gpr(inst.args[0]), rb = regs_.gpr(inst.args[1]);
    a_.mov(rdx, Xbyak::Reg64(ra));
    const int d = regs_.def_gpr(self(), ra, rb);
    return a_.mulx(Xbyak::Reg64(d), Xbyak::Reg64(d), Xbyak::Reg64(rb));  // equal destinations get the high half
  }
  regs_.claim(0);
  regs_.claim(2);
  const int ra = regs_.gpr(inst.args[0]), rb = regs_.gpr(inst.args[1]);
  a_.mov(rax, Xbyak::Reg64(ra));
  if (inst.op == Op::smulh)
    a_.imul(Xbyak::Reg64(rb));
  else
    a_.mul(Xbyak::Reg64(rb));
  if (inst.op == Op::sumulh) {  // a negative a counts 2^64 too much
    a_.mov(rax, Xbyak::Reg64(ra));
    a_.sar(rax, 63);
    a_.and_(rax, Xbyak::Reg64(rb));
    a_.sub(rdx, rax);
  }
  regs_.define_in(self(), 2);
}

void Compiler::mul_high_narrow(const Inst& inst, unsigned width) {
  const Ext ext_a = inst.op == Op::umulh ? Ext::zero : Ext::sign;
  const Ext ext_b = inst.op == Op::smulh ? Ext::sign : Ext::zero;
  const int ra = extended(inst.args[0], ext_a, 64), rb = extended(inst.args[1], ext_b, 64);
  const int d = regs_.temp();
  move(d, ra);
  a_.imul(Xbyak::Reg64(d), Xbyak::Reg64(rb));
  a_.shr(Xbyak::Reg64(d), int(width));
  move(regs_.def_gpr(self(), d), d, 32);
}

// x / 0 and MIN / -1 have results of their own: cold. Narrow operands are widened to 32 bits.
void Compiler::op_div(const Inst& inst) {
  const bool is_signed = inst.op == Op::sdiv || inst.op == Op::srem;
  const bool wants_rest = inst.op == Op::srem || inst.op == Op::urem;
  const unsigned bits = op_bits(inst.type);
  const Ext ext = is_signed ? Ext::sign : Ext::zero;
  regs_.claim(0);
  regs_.claim(2);
  const unsigned width = inst.type.bits();
  const int ra = regs_.gpr(inst.args[0]);
  const int rb = extended(inst.args[1], ext, bits);
  if (width < 32)
    extend(0, gpr_of(ra, width), width, ext, bits);
  else
    a_.mov(gpr_of(0, bits), gpr_of(ra, bits));
  a_.test(gpr_of(rb, bits), gpr_of(rb, bits));
  Cold& zero = add_cold(&Compiler::cold_div);
  zero.from = a_.jcc_near(Cond::e);
  const size_t cold_index = cold_.size() - 1;
  if (is_signed) {
    a_.cmp(gpr_of(rb, bits), 0xffffffff);
    cold_[cold_index].from2 = a_.jcc_near(Cond::e);
    if (bits == 64)
      a_.cqo();
    else
      a_.cdq();
    a_.idiv(gpr_of(rb, bits));
  } else {
    a_.xor_(edx, edx);
    a_.div(gpr_of(rb, bits));
  }
  cold_[cold_index].base.reg = rb;
  cold_[cold_index].back = a_.offset();
  regs_.define_in(self(), wants_rest ? 2 : 0);
}

// Dividend in rax, divisor 0 or (signed) -1.
void Compiler::cold_div(const Cold& cold) {
  const bool is_signed = cold.inst->op == Op::sdiv || cold.inst->op == Op::srem;
  const unsigned bits = op_bits(cold.inst->type);
  const Xbyak::Reg divisor = gpr_of(cold.base.reg, bits), rax_ = gpr_of(0, bits), rdx_ = gpr_of(2, bits);
  Jump by_zero{};
  if (is_signed) {
    a_.test(divisor, divisor);
    by_zero = a_.jcc_short(Cond::e);
    a_.neg(rax_);  // MIN stays MIN
    a_.xor_(edx, edx);
    go_back(cold);
    a_.bind_short(by_zero);
  }
  a_.mov(rdx_, rax_);
  a_.mov(rax_, bits == 64 ? ~u64{0} : 0xffffffff);
  go_back(cold);
}

// ---- shifts ----

void Compiler::op_shift(const Inst& inst) {
  const unsigned width = inst.type.bits(), bits = op_bits(inst.type);
  const ValueId a = inst.args[0], amount = inst.args[1];
  if (width == 1) return fallback(inst);
  const Ext ext = inst.op == Op::ashr ? Ext::sign : Ext::zero;
  const auto source = [&] { return inst.op == Op::shl || width >= 32 ? regs_.gpr(a) : extended(a, ext, bits); };
  if (regs_.is_constant(amount)) {
    const unsigned n = unsigned(regs_.constant(amount)) & (width - 1);
    const int ra = source();
    const int d = regs_.def_gpr(self(), ra);
    if (inst.op == Op::shl && n >= 1 && n <= 3 && d != ra)
      return a_.lea(gpr_of(d, bits), ptr[Xbyak::Reg64(ra) * (1 << n)]);
    move(d, ra, bits);
    return shift_by(inst.op, gpr_of(d, bits), n);
  }
  if (width < 32 || !features_.bmi2) return shift_by_cl(inst, width, bits);
  const int count = regs_.gpr(amount);
  const Place pa = regs_.gpr_or_memory(a, bits);
  const int d = regs_.def_gpr(self(), pa.reg, count);
  with(pa, bits, [&](const Xbyak::Operand& x) {
    const Xbyak::Reg32e to = wide_of(d, bits), by = wide_of(count, bits);
    if (inst.op == Op::shl)
      a_.shlx(to, x, by);
    else if (inst.op == Op::lshr)
      a_.shrx(to, x, by);
    else
      a_.sarx(to, x, by);
  });
}

void Compiler::shift_by(Op op, const Xbyak::Reg& reg, unsigned n) {
  if (n == 0) return;
  if (op == Op::shl)
    a_.shl(reg, int(n));
  else if (op == Op::lshr)
    a_.shr(reg, int(n));
  else
    a_.sar(reg, int(n));
}

void Compiler::shift_by_cl(const Inst& inst, unsigned width, unsigned bits) {
  regs_.claim(1);
  const Ext ext = inst.op == Op::ashr ? Ext::sign : Ext::zero;
  const int ra = inst.op == Op::shl || width >= 32 ? regs_.gpr(inst.args[0]) : extended(inst.args[0], ext, bits);
  a_.mov(ecx, Xbyak::Reg32(regs_.gpr(inst.args[1])));
  if (width < 32) a_.and_(ecx, width - 1);
  const int t = regs_.temp();
  move(t, ra, bits);
  const Xbyak::Reg to = gpr_of(t, bits);
  if (inst.op == Op::shl)
    a_.shl(to, cl);
  else if (inst.op == Op::lshr)
    a_.shr(to, cl);
  else
    a_.sar(to, cl);
  move(regs_.def_gpr(self(), t), t, bits);
}

void Compiler::op_rotate(const Inst& inst) {
  const unsigned width = inst.type.bits(), bits = std::max(width, 8u);
  if (width == 1) return fallback(inst);
  if (regs_.is_constant(inst.args[1])) {
    unsigned n = unsigned(regs_.constant(inst.args[1])) & (width - 1);
    if (inst.op == Op::rotl) n = (width - n) & (width - 1);
    const int ra = regs_.gpr(inst.args[0]);
    const int d = regs_.def_gpr(self(), ra);
    if (features_.bmi2 && width >= 32) return a_.rorx(wide_of(d, bits), gpr_of(ra, bits), u8(n));
    move(d, ra);
    if (width == 32) a_.mov(Xbyak::Reg32(d), Xbyak::Reg32(ra));
    return a_.ror(gpr_of(d, bits), int(n));
  }
  regs_.claim(1);
  const int ra = regs_.gpr(inst.args[0]);
  a_.mov(ecx, Xbyak::Reg32(regs_.gpr(inst.args[1])));
  const int t = regs_.temp();
  move(t, ra, op_bits(inst.type));
  if (inst.op == Op::rotl)
    a_.rol(gpr_of(t, bits), cl);
  else
    a_.ror(gpr_of(t, bits), cl);
  move(regs_.def_gpr(self(), t), t, op_bits(inst.type));
}

// ---- counting ----

void Compiler::op_count(const Inst& inst) {
  const unsigned width = inst.type.bits(), bits = op_bits(inst.type);
  if (width == 1) return fallback(inst);
  const bool available = inst.op == Op::popcount ? features_.popcnt
                         : inst.op == Op::clz    ? features_.lzcnt
                                                 : features_.bmi1;
  if (!available) return count_without_instruction(inst, width, bits);
  const bool zero_extend = inst.op != Op::ctz && width < 32;
  const int ra = zero_extend ? extended(inst.args[0], Ext::zero, 32) : regs_.gpr(inst.args[0]);
  if (inst.op == Op::ctz && width < 32) {  // a one behind the last bit stops the count
    const int t = regs_.temp();
    move(t, ra, 32);
    a_.or_(Xbyak::Reg32(t), u32{1} << width);
    return a_.tzcnt(Xbyak::Reg32(regs_.def_gpr(self(), t)), Xbyak::Reg32(t));
  }
  const int d = regs_.def_gpr(self(), ra);
  const Xbyak::Reg to = gpr_of(d, bits), from = gpr_of(ra, bits);
  if (d != ra) a_.xor_(Xbyak::Reg32(d), Xbyak::Reg32(d));  // these wait for their destination on some CPUs
  if (inst.op == Op::popcount) return a_.popcnt(to, from);
  if (inst.op == Op::ctz) return a_.tzcnt(to, from);
  a_.lzcnt(to, from);
  if (width < 32) a_.sub(to, 32 - width);
}

// x86-64's baseline: bsr, bsf, and sums of bit fields (Knuth, The Art of Computer Programming 4A, 7.1.3).
void Compiler::count_without_instruction(const Inst& inst, unsigned width, unsigned bits) {
  const int ra = width < 32 ? extended(inst.args[0], Ext::zero, 32) : regs_.gpr(inst.args[0]);
  const int t = regs_.temp(), u = regs_.temp();
  const Xbyak::Reg x = gpr_of(t, bits), y = gpr_of(u, bits);
  if (inst.op == Op::popcount) {
    const int mask = regs_.temp();
    const auto fields = [&](unsigned shift, u8 byte, bool subtract) {
      a_.mov(Xbyak::Reg64(mask), repeat_byte(byte));
      move(u, t, bits);
      a_.shr(y, int(shift));
      a_.and_(y, gpr_of(mask, bits));
      if (subtract) return a_.sub(x, y);
      a_.and_(x, gpr_of(mask, bits));
      a_.add(x, y);
    };
    move(t, ra, bits);
    fields(1, 0x55, true);
    fields(2, 0x33, false);
    fields(4, 0x0f, false);
    a_.mov(Xbyak::Reg64(mask), repeat_byte(1));
    a_.imul(x, gpr_of(mask, bits));
    a_.shr(x, int(bits - 8));
  } else if (inst.op == Op::ctz) {
    a_.mov(Xbyak::Reg32(u), width);
    a_.bsf(x, gpr_of(ra, bits));
    a_.cmov(Cond::e, Xbyak::Reg64(t), Xbyak::Reg64(u));
  } else {
    a_.mov(Xbyak::Reg32(u), 2 * width - 1);
    a_.bsr(x, gpr_of(ra, bits));
    a_.cmov(Cond::e, Xbyak::Reg64(t), Xbyak::Reg64(u));
    a_.xor_(Xbyak::Reg32(t), width - 1);  // width - 1 - index; 2 * width - 1 becomes width
  }
  move(regs_.def_gpr(self(), t), t);
}

void Compiler::op_bswap(const Inst& inst) {
  const unsigned width = inst.type.bits(), bits = op_bits(inst.type);
  const int ra = regs_.gpr(inst.args[0]);
  const int d = regs_.def_gpr(self(), ra);
  move(d, ra, bits);
  if (width == 16)
    a_.ror(gpr_of(d, 16), 8);
  else if (width >= 32)
    a_.bswap(wide_of(d, bits));
}

// Every byte of the value that is not zero becomes 0xff.
void Compiler::op_orc8(const Inst& inst) {
  const int t = regs_.temp_xmm(), z = regs_.temp_xmm();
  const int ra = regs_.gpr(inst.args[0]);
  const Xbyak::Xmm x(t), zero(z);
  a_.movq(x, Xbyak::Reg64(ra));
  a_.pxor(zero, zero);
  a_.pcmpeqb(x, zero);  // ff for zero bytes
  a_.pcmpeqb(x, zero);
  const int d = regs_.def_gpr(self(), ra);
  if (inst.type.bits() == 64)
    a_.movq(Xbyak::Reg64(d), x);
  else
    a_.movd(Xbyak::Reg32(d), x);
}

void Compiler::op_bitreverse(const Inst& inst) {
  const unsigned width = inst.type.bits(), bits = op_bits(inst.type);
  if (width < 8) return fallback(inst);
  const int ra = regs_.gpr(inst.args[0]);
  const int t = regs_.temp(), u = regs_.temp(), mask = regs_.temp();
  const Xbyak::Reg x = gpr_of(t, bits), y = gpr_of(u, bits), m = gpr_of(mask, bits);
  const auto swap_fields = [&](unsigned shift, u8 byte) {  // neighbouring fields of `shift` bits
    a_.mov(Xbyak::Reg64(mask), bits == 64 ? repeat_byte(byte) : u32(repeat_byte(byte)));
    move(u, t, bits);
    a_.shr(y, int(shift));
    a_.and_(y, m);
    a_.and_(x, m);
    a_.shl(x, int(shift));
    a_.or_(x, y);
  };
  move(t, ra, bits);
  swap_fields(1, 0x55);
  swap_fields(2, 0x33);
  swap_fields(4, 0x0f);
  if (inst.op == Op::bitreverse) {
    if (width == 16)
      a_.ror(gpr_of(t, 16), 8);
    else if (width >= 32)
      a_.bswap(wide_of(t, bits));
  }
  move(regs_.def_gpr(self(), t), t, bits);
}

void Compiler::op_clmul(const Inst& inst) {
  const unsigned width = inst.type.bits();
  if (!features_.pclmul || width == 1) return fallback(inst);
  const int x = regs_.temp_xmm(), y = regs_.temp_xmm();
  a_.movq(Xbyak::Xmm(x), Xbyak::Reg64(width < 64 ? extended(inst.args[0], Ext::zero, 64) : regs_.gpr(inst.args[0])));
  a_.movq(Xbyak::Xmm(y), Xbyak::Reg64(width < 64 ? extended(inst.args[1], Ext::zero, 64) : regs_.gpr(inst.args[1])));
  a_.pclmulqdq(Xbyak::Xmm(x), Xbyak::Xmm(y), 0);
  const bool high = inst.op == Op::clmulh;
  if (high && width == 64) a_.psrldq(Xbyak::Xmm(x), 8);
  const int d = regs_.def_gpr(self());
  if (width == 32 && !high) return a_.movd(Xbyak::Reg32(d), Xbyak::Xmm(x));
  if (high && width < 64) a_.psrlq(Xbyak::Xmm(x), int(width));
  if (width == 32)
    a_.movd(Xbyak::Reg32(d), Xbyak::Xmm(x));
  else
    a_.movq(Xbyak::Reg64(d), Xbyak::Xmm(x));
}

// ---- width ----

void Compiler::op_extend(const Inst& inst) {
  const Type from = type_of(inst.args[0]);
  const unsigned width = from.bits(), bits = op_bits(inst.type);
  const Ext ext = inst.op == Op::zext ? Ext::zero : Ext::sign;
  if (width == 1) {
    const int ra = regs_.gpr(inst.args[0]);
    const int d = regs_.def_gpr(self(), ra);
    move(d, ra, 32);
    if (ext == Ext::sign) a_.neg(gpr_of(d, bits));
    return;
  }
  const Place pa = regs_.gpr_or_memory(inst.args[0], width);
  const int d = regs_.def_gpr(self(), pa.reg);
  with(pa, width, [&](const Xbyak::Operand& x) { extend(d, x, width, ext, bits); });
}

void Compiler::op_trunc(const Inst& inst) {  // to i1; all others are views
  const int ra = regs_.gpr(inst.args[0]);
  const int d = regs_.def_gpr(self(), ra);
  move(d, ra, 32);
  a_.and_(Xbyak::Reg32(d), 1);
}

void Compiler::op_extract(const Inst& inst) {
  const unsigned lsb = inst.imm & 0xff, field = inst.imm >> 8 & 0xff;
  const unsigned bits = op_bits(inst.type);
  const bool is_signed = inst.op == Op::sextract;
  if (inst.type == ir::i1) return fallback(inst);
  const int ra = regs_.gpr(inst.args[0]);
  const int d = regs_.def_gpr(self(), ra);
  const Xbyak::Reg to = gpr_of(d, bits);
  if (lsb == 0 && (field == 8 || field == 16 || field == 32) && field < bits)
    return extend(d, gpr_of(ra, field), field, is_signed ? Ext::sign : Ext::zero, bits);
  if (!is_signed && lsb + field == bits) {
    move(d, ra, bits);
    return shift_by(Op::lshr, to, lsb);
  }
  if (!is_signed && field <= 31) {
    if (features_.bmi2 && d != ra && lsb)
      a_.rorx(wide_of(d, bits), gpr_of(ra, bits), u8(lsb));
    else
      move(d, ra, bits), shift_by(Op::lshr, to, lsb);
    return a_.and_(Xbyak::Reg32(d), (u32{1} << field) - 1);
  }
  move(d, ra, bits);
  shift_by(Op::shl, to, bits - lsb - field);
  shift_by(is_signed ? Op::ashr : Op::lshr, to, bits - field);
}

void Compiler::op_insert(const Inst& inst) {
  const unsigned lsb = inst.imm & 0xff, field = inst.imm >> 8 & 0xff;
  const unsigned bits = op_bits(inst.type);
  if (inst.type == ir::i1) return fallback(inst);
  const int ra = regs_.gpr(inst.args[0]), rb = regs_.gpr(inst.args[1]);
  if (field >= bits) return move(regs_.def_gpr(self(), rb), rb, bits);
  const u64 mask = ((u64{1} << field) - 1) << lsb;
  const int t = regs_.temp(), m = regs_.temp();
  move(t, rb, bits);
  shift_by(Op::shl, gpr_of(t, bits), lsb);
  a_.xor_(gpr_of(t, bits), gpr_of(ra, bits));  // a ^ ((a ^ b) & mask)
  if (bits == 32 || s64(mask) == s32(mask)) {
    a_.and_(gpr_of(t, bits), u32(mask));
  } else {
    a_.mov(Xbyak::Reg64(m), mask);
    a_.and_(gpr_of(t, bits), gpr_of(m, bits));
  }
  a_.xor_(gpr_of(t, bits), gpr_of(ra, bits));
  move(regs_.def_gpr(self(), t), t, bits);
}

}  // namespace mimus::baseline
