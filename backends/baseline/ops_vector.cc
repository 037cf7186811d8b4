// Integer vectors of 128 bits: lanes of 8 to 64 bits in SSE registers, by AVX instructions, which leave their operands
// alone. What has no instruction for a width becomes a short sequence, or goes to the interpreter's function.
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using ir::Inst;
using ir::Op;
using ir::ValueId;
using Xbyak::Operand;
using Xbyak::Xmm;
using namespace Xbyak::util;

namespace {

using Gen = Xbyak::CodeGenerator;
using Avx = void (Gen::*)(const Xmm&, const Xmm&, const Operand&);
struct Row {
  Op op;
  Avx lanes[4];  // of 8, 16, 32, 64 bits; null: a sequence, if any
};
constexpr Row kRows[] = {
    {Op::add, {&Gen::vpaddb, &Gen::vpaddw, &Gen::vpaddd, &Gen::vpaddq}},
    {Op::sub, {&Gen::vpsubb, &Gen::vpsubw, &Gen::vpsubd, &Gen::vpsubq}},
    {Op::mul, {nullptr, &Gen::vpmullw, &Gen::vpmulld, nullptr}},
    {Op::and_, {&Gen::vpand, &Gen::vpand, &Gen::vpand, &Gen::vpand}},
    {Op::or_, {&Gen::vpor, &Gen::vpor, &Gen::vpor, &Gen::vpor}},
    {Op::xor_, {&Gen::vpxor, &Gen::vpxor, &Gen::vpxor, &Gen::vpxor}},
    {Op::smin, {&Gen::vpminsb, &Gen::vpminsw, &Gen::vpminsd, nullptr}},
    {Op::smax, {&Gen::vpmaxsb, &Gen::vpmaxsw, &Gen::vpmaxsd, nullptr}},
    {Op::umin, {&Gen::vpminub, &Gen::vpminuw, &Gen::vpminud, nullptr}},
    {Op::umax, {&Gen::vpmaxub, &Gen::vpmaxuw, &Gen::vpmaxud, nullptr}},
    {Op::sat_sadd, {&Gen::vpaddsb, &Gen::vpaddsw, nullptr, nullptr}},
    {Op::sat_uadd, {&Gen::vpaddusb, &Gen::vpaddusw, nullptr, nullptr}},
    {Op::sat_ssub, {&Gen::vpsubsb, &Gen::vpsubsw, nullptr, nullptr}},
    {Op::sat_usub, {&Gen::vpsubusb, &Gen::vpsubusw, nullptr, nullptr}},
    {Op::smulh, {nullptr, &Gen::vpmulhw, nullptr, nullptr}},
    {Op::umulh, {nullptr, &Gen::vpmulhuw, nullptr, nullptr}},
    {Op::smul_low, {nullptr, nullptr, nullptr, &Gen::vpmuldq}},
    {Op::umul_low, {nullptr, nullptr, nullptr, &Gen::vpmuludq}},
    {Op::mul_pairs, {nullptr, nullptr, &Gen::vpmaddwd, nullptr}},
};

unsigned size_of(ir::Type type) { return unsigned(std::countr_zero(type.lane_bits())) - 3; }  // log2 of the bytes
bool has_sizes(ir::Type type) { return type.is_int() && type.lane_bits() >= 8 && type.lane_bits() <= 64; }
Avx instruction(Op op, unsigned size) {
  for (const Row& row : kRows)
    if (row.op == op) return row.lanes[size];
  return nullptr;
}
constexpr u64 kSign64 = u64{1} << 63, kSign32 = 0x8000000080000000;

}  // namespace

void Compiler::cold_constant(const Cold& cold) { a_.append(reinterpret_cast<const u8*>(cold.constant.data()), 16); }

void Compiler::vector_constant(const Inst& inst) {
  if (!is_block(inst.type)) return fallback(inst);
  u64 halves[2];
  std::memcpy(halves, block_->pool.data() + inst.imm, 16);
  const Xmm d(regs_.def_xmm(self()));
  with_constant(halves[0], halves[1], [&](const Operand& c) { a_.vmovups(d, static_cast<const Xbyak::Address&>(c)); });
}

void Compiler::vector_binary(const Inst& inst) {
  if (!has_sizes(inst.type)) return fallback(inst);
  const Avx avx = instruction(inst.op, size_of(inst.type));
  if (!avx) {
    if (!vector_sequence(inst)) fallback(inst);
    return;
  }
  const int a = regs_.xmm(inst.args[0]);
  const Place b = regs_.xmm_or_memory(inst.args[1], 128);
  const Xmm d(regs_.def_xmm(self(), a, b.reg));
  with_xmm(b, [&](const Operand& operand) { (a_.*avx)(d, Xmm(a), operand); });
}

// The ops of kRows that take more than one instruction. The result's register is none of the operands'.
bool Compiler::vector_sequence(const Inst& inst) {
  const unsigned size = size_of(inst.type);
  const bool by32 = size == 2, by64 = size == 3;
  using Sequence = void (*)(emit::Assembler&, Compiler&, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u);
  Sequence emit = nullptr;
  // -- products --
  if (inst.op == Op::mul && size == 0) {
    emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm) {
      x.vpsrlw(d, a, 8);
      x.vpsrlw(t, b, 8);
      x.vpmullw(d, d, t);
      x.vpsllw(d, d, 8);
      x.vpmullw(t, a, b);
      c.with_constant(0x00ff00ff00ff00ff, 0x00ff00ff00ff00ff, [&](const Operand& k) { x.vpand(t, t, k); });
      x.vpor(d, d, t);
    };
  } else if (inst.op == Op::mul && by64) {
    emit = [](emit::Assembler& x, Compiler&, Xmm d, Xmm a, Xmm b, Xmm t, Xmm) {
      x.vpsrlq(d, a, 32);
      x.vpmuludq(d, d, b);
      x.vpsrlq(t, b, 32);
      x.vpmuludq(t, t, a);
      x.vpaddq(d, d, t);
      x.vpsllq(d, d, 32);
      x.vpmuludq(t, a, b);
      x.vpaddq(d, d, t);
    };
  } else if ((inst.op == Op::smulh || inst.op == Op::umulh) && by32) {
    static constexpr auto kHigh = [](emit::Assembler& x, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u, Avx multiply) {
      x.vpsrlq(d, a, 32);
      x.vpsrlq(t, b, 32);
      (x.*multiply)(d, d, t);
      (x.*multiply)(u, a, b);
      x.vpsrlq(u, u, 32);
      x.vpblendw(d, u, d, 0xcc);
    };
    if (inst.op == Op::smulh)
      emit = [](emit::Assembler& x, Compiler&, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
        kHigh(x, d, a, b, t, u, &Gen::vpmuldq);
      };
    else
      emit = [](emit::Assembler& x, Compiler&, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
        kHigh(x, d, a, b, t, u, &Gen::vpmuludq);
      };
  }
  // -- minimum and maximum of 64 bits: t says where a > b --
  static constexpr auto kGreater = [](emit::Assembler& x, Xmm t, Xmm a, Xmm b) { x.vpcmpgtq(t, a, b); };
  static constexpr auto kGreaterUnsigned = [](emit::Assembler& x, Compiler& c, Xmm t, Xmm u, Xmm a, Xmm b) {
    c.with_constant(kSign64, kSign64, [&](const Operand& k) { x.vpxor(t, a, k); });
    c.with_constant(kSign64, kSign64, [&](const Operand& k) { x.vpxor(u, b, k); });
    x.vpcmpgtq(t, t, u);
  };
  if (by64 && inst.op == Op::smin)
    emit = [](emit::Assembler& x, Compiler&, Xmm d, Xmm a, Xmm b, Xmm t, Xmm) {
      kGreater(x, t, a, b), x.vblendvpd(d, a, b, t);
    };
  if (by64 && inst.op == Op::smax)
    emit = [](emit::Assembler& x, Compiler&, Xmm d, Xmm a, Xmm b, Xmm t, Xmm) {
      kGreater(x, t, a, b), x.vblendvpd(d, b, a, t);
    };
  if (by64 && inst.op == Op::umin)
    emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
      kGreaterUnsigned(x, c, t, u, a, b), x.vblendvpd(d, a, b, t);
    };
  if (by64 && inst.op == Op::umax)
    emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
      kGreaterUnsigned(x, c, t, u, a, b), x.vblendvpd(d, b, a, t);
    };
  // -- saturation: where the sign of t is set, the limit on a's side --
  if ((inst.op == Op::sat_sadd || inst.op == Op::sat_ssub) && size >= 2) {
    static constexpr auto kOverflow = [](emit::Assembler& x, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u, bool subtract) {
      x.vpxor(t, a, d);
      x.vpxor(u, b, subtract ? a : d);
      x.vpand(t, t, u);
    };
    if (by32) {
      static constexpr auto k32 = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u,
                                     bool subtract) {
        subtract ? x.vpsubd(d, a, b) : x.vpaddd(d, a, b);
        kOverflow(x, d, a, b, t, u, subtract);
        x.vpsrad(u, a, 31);
        c.with_constant(~kSign32, ~kSign32, [&](const Operand& k) { x.vpxor(u, u, k); });
        x.vblendvps(d, d, u, t);
      };
      if (inst.op == Op::sat_sadd)
        emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
          k32(x, c, d, a, b, t, u, false);
        };
      else
        emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
          k32(x, c, d, a, b, t, u, true);
        };
    } else {
      static constexpr auto k64 = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u,
                                     bool subtract) {
        subtract ? x.vpsubq(d, a, b) : x.vpaddq(d, a, b);
        kOverflow(x, d, a, b, t, u, subtract);
        x.vpxor(u, u, u);
        x.vpcmpgtq(u, u, a);
        c.with_constant(~kSign64, ~kSign64, [&](const Operand& k) { x.vpxor(u, u, k); });
        x.vblendvpd(d, d, u, t);
      };
      if (inst.op == Op::sat_sadd)
        emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
          k64(x, c, d, a, b, t, u, false);
        };
      else
        emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
          k64(x, c, d, a, b, t, u, true);
        };
    }
  }
  if (inst.op == Op::sat_uadd && by32)  // b + min(a, the most that fits)
    emit = [](emit::Assembler& x, Compiler&, Xmm d, Xmm a, Xmm b, Xmm t, Xmm) {
      x.vpcmpeqd(t, t, t);
      x.vpxor(t, t, b);
      x.vpminud(d, a, t);
      x.vpaddd(d, d, b);
    };
  if (inst.op == Op::sat_usub && by32)
    emit = [](emit::Assembler& x, Compiler&, Xmm d, Xmm a, Xmm b, Xmm, Xmm) { x.vpmaxud(d, a, b), x.vpsubd(d, d, b); };
  if (inst.op == Op::sat_uadd && by64)  // all ones where a > the sum
    emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
      x.vpaddq(d, a, b);
      kGreaterUnsigned(x, c, t, u, a, d);
      x.vpor(d, d, t);
    };
  if (inst.op == Op::sat_usub && by64)
    emit = [](emit::Assembler& x, Compiler& c, Xmm d, Xmm a, Xmm b, Xmm t, Xmm u) {
      kGreaterUnsigned(x, c, t, u, a, b);
      x.vpsubq(d, a, b);
      x.vpand(d, d, t);
    };
  if (!emit) return false;
  const int a = regs_.xmm(inst.args[0]), b = regs_.xmm(inst.args[1]), t = regs_.temp_xmm(), u = regs_.temp_xmm();
  emit(a_, *this, Xmm(regs_.def_xmm(self())), Xmm(a), Xmm(b), Xmm(t), Xmm(u));
  return true;
}

void Compiler::vector_andn(const Inst& inst) {  // the host inverts the first operand
  const int b = regs_.xmm(inst.args[1]);
  const Place a = regs_.xmm_or_memory(inst.args[0], 128);
  const Xmm d(regs_.def_xmm(self(), b, a.reg));
  with_xmm(a, [&](const Operand& operand) { a_.vpandn(d, Xmm(b), operand); });
}

void Compiler::vector_not(const Inst& inst) {
  const int a = regs_.xmm(inst.args[0]);
  const Xmm ones(regs_.temp_xmm()), d(regs_.def_xmm(self(), a));
  a_.vpcmpeqd(ones, ones, ones);
  a_.vpxor(d, Xmm(a), ones);
}

void Compiler::vector_neg(const Inst& inst) {
  if (!has_sizes(inst.type)) return fallback(inst);
  const Place a = regs_.xmm_or_memory(inst.args[0], 128);
  const Xmm zero(regs_.temp_xmm()), d(regs_.def_xmm(self(), a.reg));
  a_.vpxor(zero, zero, zero);
  with_xmm(a, [&](const Operand& operand) { (a_.*instruction(Op::sub, size_of(inst.type)))(d, zero, operand); });
}

// A comparison as lane masks: part of the sext that follows it.
void Compiler::vector_compare(const Inst& compare) {
  static constexpr Avx kEqual[] = {&Gen::vpcmpeqb, &Gen::vpcmpeqw, &Gen::vpcmpeqd, &Gen::vpcmpeqq};
  static constexpr Avx kGreater[] = {&Gen::vpcmpgtb, &Gen::vpcmpgtw, &Gen::vpcmpgtd, &Gen::vpcmpgtq};
  const unsigned size = size_of(type_of(compare.args[0]));
  const int a = regs_.xmm(compare.args[0]), b = regs_.xmm(compare.args[1]);
  const Xmm t(regs_.temp_xmm()), u(regs_.temp_xmm()), d(regs_.def_xmm(self()));
  const auto invert = [&] {
    a_.vpcmpeqd(t, t, t);
    a_.vpxor(d, d, t);
  };
  const bool is_signed = compare.op == Op::slt || compare.op == Op::sle;
  if (compare.op == Op::eq || compare.op == Op::ne) {
    (a_.*kEqual[size])(d, Xmm(a), Xmm(b));
    if (compare.op == Op::ne) invert();
  } else if (is_signed || size == 3) {
    int first = a, second = b;
    if (!is_signed) {
      with_constant(kSign64, kSign64, [&](const Operand& k) { a_.vpxor(t, Xmm(a), k); });
      with_constant(kSign64, kSign64, [&](const Operand& k) { a_.vpxor(u, Xmm(b), k); });
      first = t.getIdx(), second = u.getIdx();
    }
    const bool strict = compare.op == Op::slt || compare.op == Op::ult;
    if (strict) return (a_.*kGreater[size])(d, Xmm(second), Xmm(first));
    (a_.*kGreater[size])(d, Xmm(first), Xmm(second));
    invert();
  } else if (compare.op == Op::ule) {  // a is the smaller one
    (a_.*instruction(Op::umin, size))(d, Xmm(a), Xmm(b));
    (a_.*kEqual[size])(d, d, Xmm(a));
  } else {  // b is not the smaller one
    (a_.*instruction(Op::umin, size))(d, Xmm(a), Xmm(b));
    (a_.*kEqual[size])(d, d, Xmm(b));
    invert();
  }
}

// Also from vectors of 64 bits, which live in general registers.
void Compiler::vector_extend(const Inst& inst) {
  if (is_fused(inst.args[0])) return vector_compare(def(inst.args[0]));
  const ir::Type from = type_of(inst.args[0]);
  using Extend = void (Gen::*)(const Xmm&, const Operand&);
  static constexpr Extend kSign[] = {&Gen::vpmovsxbw, &Gen::vpmovsxwd, &Gen::vpmovsxdq};
  static constexpr Extend kZero[] = {&Gen::vpmovzxbw, &Gen::vpmovzxwd, &Gen::vpmovzxdq};
  if (from.bits() != 64 || !is_block(inst.type) || from.lane_bits() < 8) return fallback(inst);
  const Xmm x(regs_.xmm(inst.args[0]));
  const Xmm d(regs_.def_xmm(self(), x.getIdx()));
  (a_.*(inst.op == Op::sext ? kSign : kZero)[size_of(from)])(d, x);
}

}  // namespace mimus::baseline
