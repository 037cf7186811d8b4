// Conversions between float formats, to and from integers, NaN boxing.
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using emit::Cond;
using emit::Frame;
using emit::Jump;
using ir::FpAttr;
using ir::Inst;
using ir::IntRule;
using ir::Op;
using ir::Rounding;
using ir::Type;
using Xbyak::Operand;
using Xbyak::Xmm;
using namespace Xbyak::util;

namespace {

bool is_host_float(Type type) { return type == ir::f32 || type == ir::f64; }
bool is_double(Type type) { return type == ir::f64; }
bool is_word_int(Type type) { return type == ir::i32 || type == ir::i64; }

// The immediate of roundss / roundsd (Intel SDM volume 2B); -1 if the host lacks the mode.
int round_immediate(Rounding rounding) {
  switch (rounding) {
    case Rounding::rne: return 0;
    case Rounding::rdn: return 1;
    case Rounding::rup: return 2;
    case Rounding::rtz: return 3;
    case Rounding::current: return 4;
    default: return -1;
  }
}
constexpr int kSuppressInexact = 8;

}  // namespace

void Compiler::op_fcvt(const Inst& inst) {
  const Type from = type_of(inst.args[0]);
  const FpAttr attr = FpAttr::unpack(inst.attr);
  const bool widens = from == ir::f32 && inst.type == ir::f64;  // exact
  if (!is_host_float(from) || !is_host_float(inst.type) || from == inst.type ||
      (!widens && !host_rounds(attr.rounding)) || attr.flush)
    return fallback(inst);
  const bool arm = !widens && attr.rule == IntRule::arm;
  const Place pa = arm ? Place{regs_.xmm(inst.args[0]), {}} : regs_.xmm_or_memory(inst.args[0], from.bits());
  if (!widens) begin_rounding(attr.rounding);
  const int d = regs_.def_xmm(self(), arm ? kNone : pa.reg);
  if (d != pa.reg) a_.xorps(Xmm(d), Xmm(d));  // the instructions merge into their destination
  with_xmm(pa, [&](const Operand& a) {
    if (widens)
      a_.cvtss2sd(Xmm(d), a);
    else
      a_.cvtsd2ss(Xmm(d), a);
  });
  if (!widens) end_rounding(attr.rounding);
  if (arm) check_arm(inst, from, {d, pa.reg, kNone, kNone}, true);
}

void Compiler::op_fround(const Inst& inst) {
  const FpAttr attr = FpAttr::unpack(inst.attr);
  const int mode = round_immediate(attr.rounding);
  if (!is_host_float(inst.type) || !features_.sse41 || mode < 0 || attr.flush) return fallback(inst);
  const int ra = regs_.xmm(inst.args[0]);
  const int d = regs_.def_xmm(self(), ra);
  const int imm = mode | (attr.exact ? 0 : kSuppressInexact);
  if (is_double(inst.type))
    a_.roundsd(Xmm(d), Xmm(ra), imm);
  else
    a_.roundss(Xmm(d), Xmm(ra), imm);
}

// ---- to integers ----

void Compiler::convert_to_int(bool truncate, Type from, const Xbyak::Reg& to, int x) {
  if (is_double(from)) {
    if (truncate)
      a_.cvttsd2si(to, Xmm(x));
    else
      a_.cvtsd2si(to, Xmm(x));
  } else {
    if (truncate)
      a_.cvttss2si(to, Xmm(x));
    else
      a_.cvtss2si(to, Xmm(x));
  }
}

void Compiler::op_fto_s(const Inst& inst) {
  const Type from = type_of(inst.args[0]);
  const FpAttr attr = FpAttr::unpack(inst.attr);
  const bool truncate = attr.rounding == Rounding::rtz;
  if (!is_host_float(from) || !is_word_int(inst.type) || !attr.exact || attr.flush ||
      !(truncate || attr.rounding == Rounding::current))
    return fallback(inst);
  const int x = regs_.xmm(inst.args[0]);
  const int d = regs_.def_gpr(self()), spare = regs_.temp_xmm();
  const Xbyak::Reg to = gpr_of(d, inst.type.bits());
  convert_to_int(truncate, from, to, x);
  if (attr.rule == IntRule::x86) return;
  // What does not fit gives the most negative integer, and the right flags: only the value has to be put right.
  a_.cmp(to, 1);
  Cold& cold = add_cold(&Compiler::cold_fto_s);
  cold.from = a_.jcc_near(Cond::o);
  cold.back = a_.offset();
  cold.result = d;
  cold.x = {x, spare, kNone, kNone};
  cold.type = from;
}

void Compiler::cold_fto_s(const Cold& cold) {
  const unsigned bits = cold.inst->type.bits();
  const bool nan_is_max = FpAttr::unpack(cold.inst->attr).rule == IntRule::riscv;
  a_.xorps(Xmm(cold.x[1]), Xmm(cold.x[1]));
  ucomis(cold.type, cold.x[0], Xmm(cold.x[1]));  // a signaling NaN has raised invalid already
  const Jump nan = a_.jcc_short(Cond::p);
  a_.jcc_to(Cond::b, a_.window() + cold.back);
  if (nan_is_max) a_.bind_short(nan);
  a_.mov(gpr_of(cold.result, bits), bits == 64 ? u64(INT64_MAX) : u64(INT32_MAX));
  go_back(cold);
  if (nan_is_max) return;
  a_.bind_short(nan);
  a_.xor_(Xbyak::Reg32(cold.result), Xbyak::Reg32(cold.result));
  go_back(cold);
}

// Positive and small enough to be a signed conversion whatever the rounding: by sign and exponent at once. The rest is
// an assist, since a host conversion would leave flags that it must not.
void Compiler::op_fto_u(const Inst& inst) {
  const Type from = type_of(inst.args[0]);
  const FpAttr attr = FpAttr::unpack(inst.attr);
  const bool truncate = attr.rounding == Rounding::rtz;
  const interp::SingleOp* single = single_op(inst);
  if (!is_host_float(from) || !is_word_int(inst.type) || !attr.exact || attr.flush || !single ||
      !(truncate || attr.rounding == Rounding::current))
    return fallback(inst);
  const int x = regs_.xmm(inst.args[0]);
  const int t = regs_.temp();
  const bool wide = is_double(from);
  const unsigned limit = inst.type == ir::i64 ? 63 : truncate ? 32 : 31;
  if (wide) {
    a_.movq(Xbyak::Reg64(t), Xmm(x));
    a_.shr(Xbyak::Reg64(t), 52);
  } else {
    a_.movd(Xbyak::Reg32(t), Xmm(x));
    a_.shr(Xbyak::Reg32(t), 23);
  }
  a_.cmp(Xbyak::Reg32(t), (wide ? 1023 : 127) + limit);
  const int d = regs_.def_gpr(self(), t);
  Cold& cold = add_cold(&Compiler::cold_fto_u);
  cold.from = a_.jcc_near(Cond::ae);
  cold.single = single;
  cold.x[0] = x;
  cold.type = from;
  cold.result = d;
  convert_to_int(truncate, from, Xbyak::Reg64(d), x);
  cold.back = a_.offset();
}

void Compiler::cold_fto_u(const Cold& cold) {
  a_.movq(frame(Frame::kArg0), Xmm(cold.x[0]));
  if (!is_double(cold.type)) a_.mov(frame(Frame::kArg0 + 4, 32), 0);
  call_assist(cold.single);
  a_.mov(Xbyak::Reg64(cold.result), frame(Frame::kArg0));
  go_back(cold);
}

// ---- from integers ----

void Compiler::convert_from_int(Type to, int x, const Xbyak::Reg& from) {
  a_.xorps(Xmm(x), Xmm(x));  // the instructions merge into their destination
  if (is_double(to))
    a_.cvtsi2sd(Xmm(x), from);
  else
    a_.cvtsi2ss(Xmm(x), from);
}

void Compiler::op_ffrom(const Inst& inst) {
  const Type from = type_of(inst.args[0]);
  const FpAttr attr = FpAttr::unpack(inst.attr);
  const bool exact = is_double(inst.type) && from == ir::i32;
  if (!is_host_float(inst.type) || !is_word_int(from) || (!exact && !host_rounds(attr.rounding))) return fallback(inst);
  const Rounding rounding = exact ? Rounding::current : attr.rounding;
  const bool is_signed = inst.op == Op::ffrom_s;
  if (is_signed || from == ir::i32) {
    const int ra = is_signed ? regs_.gpr(inst.args[0]) : extended(inst.args[0], Ext::zero, 64);
    begin_rounding(rounding);
    convert_from_int(inst.type, regs_.def_xmm(self()), gpr_of(ra, is_signed ? from.bits() : 64));
    return end_rounding(rounding);
  }
  // From u64: halved, the lost bit kept as a sticky one, when the sign bit is set.
  const int ra = regs_.gpr(inst.args[0]);
  const Xbyak::Reg64 a(ra), t(regs_.temp()), u(regs_.temp());
  begin_rounding(rounding);
  const int d = regs_.def_xmm(self());
  a_.test(a, a);
  const Jump large = a_.jcc_short(Cond::s);
  convert_from_int(inst.type, d, a);
  const Jump done = a_.jmp_short();
  a_.bind_short(large);
  a_.mov(t, a);
  a_.mov(u.cvt32(), a.cvt32());
  a_.shr(t, 1);
  a_.and_(u.cvt32(), 1);
  a_.or_(t, u);
  convert_from_int(inst.type, d, t);
  if (is_double(inst.type))
    a_.addsd(Xmm(d), Xmm(d));
  else
    a_.addss(Xmm(d), Xmm(d));
  a_.bind_short(done);
  end_rounding(rounding);
}

// ---- NaN boxes ----

void Compiler::op_unbox(const Inst& inst) {
  if (inst.type != ir::f32) return fallback(inst);
  const Place boxed = regs_.peek(inst.args[0]);
  Cold& cold = add_cold(&Compiler::cold_unbox);
  const size_t index = cold_.size() - 1;
  cold.type = inst.type;
  int d;
  if (boxed.is_reg()) {
    const int t = regs_.temp();
    a_.mov(Xbyak::Reg64(t), Xbyak::Reg64(boxed.reg));
    a_.shr(Xbyak::Reg64(t), 32);
    a_.cmp(Xbyak::Reg32(t), 0xffffffff);
    d = regs_.def_xmm(self());
    cold_[index].from = a_.jcc_near(Cond::ne);
    a_.movd(Xmm(d), Xbyak::Reg32(boxed.reg));
  } else {
    a_.cmp(dword[boxed.address + 4], 0xffffffff);
    d = regs_.def_xmm(self());
    cold_[index].from = a_.jcc_near(Cond::ne);
    a_.movss(Xmm(d), dword[boxed.address]);
  }
  cold_[index].x[0] = d;
  cold_[index].back = a_.offset();
}

void Compiler::cold_unbox(const Cold& cold) {
  load_default_nan(cold.type, u16(ir::NanRule::positive_default), cold.x[0]);
  go_back(cold);
}

void Compiler::op_box(const Inst& inst) {
  const Type from = type_of(inst.args[0]);
  if (from != ir::f32) return fallback(inst);
  const int t = regs_.temp();
  if (regs_.in_gpr(inst.args[0]))
    a_.mov(Xbyak::Reg32(t), Xbyak::Reg32(regs_.gpr(inst.args[0])));
  else
    a_.movd(Xbyak::Reg32(t), Xmm(regs_.xmm(inst.args[0])));
  const int d = regs_.def_gpr(self());
  a_.mov(Xbyak::Reg64(d), ~u64{0} << 32);
  a_.or_(Xbyak::Reg64(d), Xbyak::Reg64(t));
}

}  // namespace mimus::baseline
