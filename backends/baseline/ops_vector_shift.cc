// Shifts, rotations and bit counting of lanes.
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using ir::Inst;
using ir::Op;
using Xbyak::Operand;
using Xbyak::Xmm;
using namespace Xbyak::util;

namespace {

using Gen = Xbyak::CodeGenerator;
using ByImmediate = void (Gen::*)(const Xmm&, const Operand&, u8);
using ByLanes = void (Gen::*)(const Xmm&, const Xmm&, const Operand&);

u64 in_every_byte(u8 byte) { return byte * u64{0x0101010101010101}; }

// Shifts of 16 to 64 bits; for 64 bits there is no arithmetic one.
ByImmediate by_immediate(Op op, unsigned width) {
  static constexpr ByImmediate kLeft[] = {&Gen::vpsllw, &Gen::vpslld, &Gen::vpsllq};
  static constexpr ByImmediate kLogical[] = {&Gen::vpsrlw, &Gen::vpsrld, &Gen::vpsrlq};
  static constexpr ByImmediate kArithmetic[] = {&Gen::vpsraw, &Gen::vpsrad, nullptr};
  const unsigned size = unsigned(std::countr_zero(width)) - 4;
  return (op == Op::shl ? kLeft : op == Op::lshr ? kLogical : kArithmetic)[size];
}

void shift_bytes(emit::Assembler& x, Compiler&, Op op, const Xmm& d, const Xmm& a, unsigned n, const Xmm& t,
                 auto&& with) {
  if (op == Op::ashr && n == 7) {
    x.vpxor(t, t, t);
    return x.vpcmpgtb(d, t, a);
  }
  const u8 kept = op == Op::shl ? u8(0xff << n) : u8(0xff >> n);
  op == Op::shl ? x.vpsllw(d, a, u8(n)) : x.vpsrlw(d, a, u8(n));
  with(in_every_byte(kept), [&](const Operand& k) { x.vpand(d, d, k); });
  if (op != Op::ashr) return;
  const u8 sign = u8(0x80 >> n);  // flipped and subtracted: extends it
  with(in_every_byte(sign), [&](const Operand& k) { x.vpxor(d, d, k); });
  with(in_every_byte(sign), [&](const Operand& k) { x.vpsubb(d, d, k); });
}

}  // namespace

void Compiler::vector_shift(const Inst& inst) {
  const unsigned width = inst.type.lane_bits();
  if (width < 8 || width > 64) return fallback(inst);
  if (!regs_.is_constant(inst.args[1])) {
    static constexpr ByLanes kBy32[] = {&Gen::vpsllvd, &Gen::vpsrlvd, &Gen::vpsravd};
    static constexpr ByLanes kBy64[] = {&Gen::vpsllvq, &Gen::vpsrlvq, nullptr};
    const unsigned which = inst.op == Op::shl ? 0 : inst.op == Op::lshr ? 1 : 2;
    const ByLanes shift = width == 32 ? kBy32[which] : width == 64 ? kBy64[which] : nullptr;
    if (!shift || !features_.avx2) return fallback(inst);
    const int a = regs_.xmm(inst.args[0]), b = regs_.xmm(inst.args[1]);
    const Xmm t(regs_.temp_xmm()), d(regs_.def_xmm(self(), a));
    const u64 mask = width - 1;
    with_constant(mask | mask << (width & 32), mask | mask << (width & 32),
                  [&](const Operand& k) { a_.vpand(t, Xmm(b), k); });
    return (a_.*shift)(d, Xmm(a), t);
  }
  const unsigned n = unsigned(def(facts_[inst.args[1]].root).imm) & (width - 1);
  if (type_of(facts_[inst.args[1]].root).lane_bits() != width) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), t(regs_.temp_xmm()), u(regs_.temp_xmm()), d(regs_.def_xmm(self()));
  if (width == 8) return shift_bytes(a_, *this, inst.op, d, a, n, t, [&](u64 k, auto&& f) { with_constant(k, k, f); });
  if (const ByImmediate shift = by_immediate(inst.op, width)) return (a_.*shift)(d, a, u8(n));
  // Arithmetic, 64 bits: the sign comes in from above.
  a_.vpxor(t, t, t);
  a_.vpcmpgtq(t, t, a);
  a_.vpsllq(u, t, u8(63 - n));
  a_.vpaddq(u, u, u);
  a_.vpsrlq(d, a, u8(n));
  a_.vpor(d, d, u);
}

void Compiler::vector_rotate(const Inst& inst) {
  const unsigned width = inst.type.lane_bits();
  if (width < 16 || width > 64 || !regs_.is_constant(inst.args[1]) ||
      type_of(facts_[inst.args[1]].root).lane_bits() != width)
    return fallback(inst);
  const unsigned amount = unsigned(def(facts_[inst.args[1]].root).imm) & (width - 1);
  const unsigned left = inst.op == Op::rotl ? amount : (width - amount) & (width - 1);
  const Xmm a(regs_.xmm(inst.args[0])), t(regs_.temp_xmm()), d(regs_.def_xmm(self()));
  if (left == 0) return a_.vmovaps(d, a);
  (a_.*by_immediate(Op::shl, width))(d, a, u8(left));
  (a_.*by_immediate(Op::lshr, width))(t, a, u8(width - left));
  a_.vpor(d, d, t);
}

// Bytes: what two tables say of the halves.
void Compiler::vector_popcount(const Inst& inst) {
  if (inst.type.lane_bits() != 8) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), t(regs_.temp_xmm()), u(regs_.temp_xmm()), d(regs_.def_xmm(self()));
  const u64 nibbles = in_every_byte(0x0f), low = 0x0302020102010100, high = 0x0403030203020201;
  with_constant(nibbles, nibbles, [&](const Operand& k) { a_.vpand(d, a, k); });
  a_.vpsrlw(t, a, 4);
  with_constant(nibbles, nibbles, [&](const Operand& k) { a_.vpand(t, t, k); });
  with_constant(low, high, [&](const Operand& k) { a_.vmovups(u, static_cast<const Xbyak::Address&>(k)); });
  a_.vpshufb(d, u, d);
  a_.vpshufb(t, u, t);
  a_.vpaddb(d, d, t);
}

void Compiler::vector_bitreverse(const Inst& inst) {
  if (inst.type.lane_bits() != 8) return fallback(inst);
  const Xmm a(regs_.xmm(inst.args[0])), t(regs_.temp_xmm()), u(regs_.temp_xmm()), d(regs_.def_xmm(self()));
  const u64 nibbles = in_every_byte(0x0f);
  const u64 up_low = 0xe060a020c0408000, up_high = 0xf070b030d0509010;      // a half reversed, as the upper one
  const u64 down_low = 0x0e060a020c040800, down_high = 0x0f070b030d050901;  // and as the lower one
  with_constant(nibbles, nibbles, [&](const Operand& k) { a_.vpand(d, a, k); });
  a_.vpsrlw(t, a, 4);
  with_constant(nibbles, nibbles, [&](const Operand& k) { a_.vpand(t, t, k); });
  with_constant(up_low, up_high, [&](const Operand& k) { a_.vmovups(u, static_cast<const Xbyak::Address&>(k)); });
  a_.vpshufb(d, u, d);
  with_constant(down_low, down_high, [&](const Operand& k) { a_.vmovups(u, static_cast<const Xbyak::Address&>(k)); });
  a_.vpshufb(t, u, t);
  a_.vpor(d, d, t);
}

}  // namespace mimus::baseline
