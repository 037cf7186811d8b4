// Floating point: f32 and f64 on the SSE unit, with the guest's MXCSR live.
#include "backends/baseline/compiler.h"
#include "backends/emit/fp_assist.h"

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
using ir::ValueId;
using Xbyak::Operand;
using Xbyak::Xmm;
using namespace Xbyak::util;

namespace {

using Gen = Xbyak::CodeGenerator;
using Sse = void (Gen::*)(const Xmm&, const Operand&);
using Avx = void (Gen::*)(const Xmm&, const Operand&, const Operand&);
struct Row {
  Op op;
  Sse sse32, sse64;
  Avx avx32, avx64;
};
constexpr Row kRows[] = {
    {Op::fadd, &Gen::addss, &Gen::addsd, &Gen::vaddss, &Gen::vaddsd},
    {Op::fsub, &Gen::subss, &Gen::subsd, &Gen::vsubss, &Gen::vsubsd},
    {Op::fmul, &Gen::mulss, &Gen::mulsd, &Gen::vmulss, &Gen::vmulsd},
    {Op::fdiv, &Gen::divss, &Gen::divsd, &Gen::vdivss, &Gen::vdivsd},
    {Op::fmin, &Gen::minss, &Gen::minsd, &Gen::vminss, &Gen::vminsd},
    {Op::fmax, &Gen::maxss, &Gen::maxsd, &Gen::vmaxss, &Gen::vmaxsd},
};
const Row& row_of(Op op) {
  for (const Row& row : kRows)
    if (row.op == op) return row;
  __builtin_unreachable();
}

bool is_host_float(Type type) { return type == ir::f32 || type == ir::f64; }
bool is_double(Type type) { return type == ir::f64; }
bool commutes(Op op) { return op == Op::fadd || op == Op::fmul; }

// MXCSR.RC (Intel SDM volume 1, 4.8.4); none for modes that the host does not have.
std::optional<u32> host_mode(Rounding rounding) {
  switch (rounding) {
    case Rounding::rne: return 0;
    case Rounding::rdn: return 1;
    case Rounding::rup: return 2;
    case Rounding::rtz: return 3;
    default: return std::nullopt;
  }
}
constexpr u32 kRoundingBits = 3 << 13, kFlagBits = 0x3f;

// A NaN that comes out of these is quiet, so that looking at it raises nothing.
bool makes_quiet_nans(Op op) {
  constexpr Op kArithmetic[] = {Op::fadd, Op::fsub,   Op::fmul,    Op::fdiv,    Op::fsqrt,  Op::fma,
                                Op::fcvt, Op::fround, Op::nan_fix, Op::ffrom_s, Op::ffrom_u};
  return std::ranges::find(kArithmetic, op) != std::end(kArithmetic);
}

}  // namespace

void Compiler::ucomis(Type type, int a, const Operand& b) {
  if (is_double(type))
    a_.ucomisd(Xmm(a), b);
  else
    a_.ucomiss(Xmm(a), b);
}

// ---- rounding ----

bool Compiler::host_rounds(Rounding rounding) const { return host_has(rounding); }

// Makes an op's static rounding mode the host's, until end_rounding.
void Compiler::begin_rounding(Rounding rounding) {
  if (rounding == Rounding::current) return;
  const Xbyak::Reg32 t(rounding_temp_ = regs_.temp());
  const Xbyak::Address before = frame(Frame::kMxcsr, 32), during = frame(Frame::kMxcsr + 4, 32);
  const u32 mode = *host_mode(rounding);
  a_.stmxcsr(before);
  a_.mov(t, before);
  a_.and_(t, ~kRoundingBits);
  if (mode) a_.or_(t, mode << 13);
  a_.mov(during, t);
  a_.ldmxcsr(during);
}

void Compiler::end_rounding(Rounding rounding) {
  if (rounding == Rounding::current) return;
  const Xbyak::Reg32 t(rounding_temp_);
  const Xbyak::Address before = frame(Frame::kMxcsr, 32), during = frame(Frame::kMxcsr + 4, 32);
  a_.stmxcsr(during);
  a_.mov(t, during);
  a_.and_(t, kFlagBits);
  a_.or_(before, t);
  a_.ldmxcsr(before);
}

// ---- arithmetic ----

void Compiler::op_fp_binary(const Inst& inst) {
  const FpAttr attr = FpAttr::unpack(inst.attr);
  if (!is_host_float(inst.type) || !host_rounds(attr.rounding) || attr.flush) return fallback(inst);
  ValueId a = inst.args[0], b = inst.args[1];
  if (attr.rule == IntRule::arm) return fp_binary_arm(inst);
  // The host takes the first NaN operand as the result: the order matters where that is the guest's rule.
  if (commutes(inst.op) && attr.rule != IntRule::x86 && !regs_.in_xmm(a) && regs_.in_xmm(b)) std::swap(a, b);
  const int ra = regs_.xmm(a);
  const Place pb = regs_.xmm_or_memory(b, inst.type.bits());
  begin_rounding(attr.rounding);
  emit_fp(inst, ra, pb, define_fp(ra, pb));
  end_rounding(attr.rounding);
}

// Registers for the result of an instruction of kRows on a and b, and for computing it.
Compiler::FpTarget Compiler::define_fp(int ra, const Place& pb) {
  if (features_.avx) {
    const int d = regs_.def_xmm(self(), ra, pb.reg);
    return {d, d};
  }
  const int d = regs_.def_xmm(self(), ra);
  return {d, pb.reg == d && d != ra ? regs_.temp_xmm() : d};
}

void Compiler::emit_fp(const Inst& inst, int ra, const Place& pb, FpTarget to) {
  const Row& row = row_of(inst.op);
  const bool wide = is_double(inst.type);
  if (features_.avx)
    return with_xmm(pb, [&](const Operand& b) { (a_.*(wide ? row.avx64 : row.avx32))(Xmm(to.result), Xmm(ra), b); });
  if (to.work != ra) a_.movaps(Xmm(to.work), Xmm(ra));
  with_xmm(pb, [&](const Operand& b) { (a_.*(wide ? row.sse64 : row.sse32))(Xmm(to.work), b); });
  if (to.work != to.result) a_.movaps(Xmm(to.result), Xmm(to.work));
}

void Compiler::op_fsqrt(const Inst& inst) {
  const FpAttr attr = FpAttr::unpack(inst.attr);
  if (!is_host_float(inst.type) || !host_rounds(attr.rounding) || attr.flush) return fallback(inst);
  const bool arm = attr.rule == IntRule::arm;
  const int ra = regs_.xmm(inst.args[0]);
  begin_rounding(attr.rounding);
  const int d = regs_.def_xmm(self(), arm ? kNone : ra);
  if (is_double(inst.type))
    a_.sqrtsd(Xmm(d), Xmm(ra));
  else
    a_.sqrtss(Xmm(d), Xmm(ra));
  end_rounding(attr.rounding);
  if (arm) check_arm(inst, inst.type, {d, ra, kNone, kNone}, false);
}

// ---- Arm's rules: NaNs propagate otherwise than on the host, and tininess is found before rounding. Both are seen by
// the result, and cold code does the operation again by soft float. ----

void Compiler::fp_binary_arm(const Inst& inst) {
  const FpAttr attr = FpAttr::unpack(inst.attr);
  const int ra = regs_.xmm(inst.args[0]), rb = regs_.xmm(inst.args[1]);
  begin_rounding(attr.rounding);
  const int d = regs_.def_xmm(self());  // the operands stay for the cold code
  emit_fp(inst, ra, {rb, {}}, {d, d});
  end_rounding(attr.rounding);
  // Tiny sums are exact.
  check_arm(inst, inst.type, {d, ra, rb, kNone}, inst.op == Op::fmul || inst.op == Op::fdiv);
}

// `x`: the result and the operands. `tiny`: the result may be a number that has been rounded up to the least normal
// one.
void Compiler::check_arm(const Inst& inst, Type from, const std::array<int, 4>& x, bool tiny) {
  const Type type = inst.type;
  const int t = tiny ? regs_.temp() : kNone;
  ucomis(type, x[0], Xmm(x[0]));
  Cold& cold = add_cold(&Compiler::cold_fp_arm);
  cold.x = x;
  cold.type = from;
  cold.desc = emit::FpAssist{inst.op, from.elem, type.elem, FpAttr::unpack(inst.attr)}.pack();
  cold.from = a_.jcc_near(Cond::p);
  if (tiny) {  // an exponent field of 1
    const bool wide = is_double(type);
    a_.pextrw(Xbyak::Reg32(t), Xmm(x[0]), wide ? 3 : 1);
    a_.and_(Xbyak::Reg32(t), wide ? 0x7ff0 : 0x7f80);
    a_.cmp(Xbyak::Reg32(t), wide ? 0x10 : 0x80);
    cold.from2 = a_.jcc_near(Cond::e);
  }
  cold.back = a_.offset();
}

void Compiler::cold_fp_arm(const Cold& cold) {
  for (unsigned i = 1; i < 4; ++i)
    if (cold.x[i] != kNone) a_.movsd(frame(Frame::kArg0 + 8 * (i - 1)), Xmm(cold.x[i]));
  a_.mov(frame(Frame::kArg3), rax);
  a_.mov(frame(Frame::kExtra, 32), cold.desc);
  load_address(reinterpret_cast<const void*>(&emit::fp_assist), Reloc::fp_assist);
  call_thunk(host_.assist());
  a_.mov(rax, frame(Frame::kArg3));
  a_.movsd(Xmm(cold.x[0]), frame(Frame::kArg0));
  go_back(cold);
}

// a * b + c. For RISC-V and Arm, infinity times zero plus a quiet NaN is invalid; for the host it is not: when the
// result is a NaN, cold code finds out by multiplying.
void Compiler::op_fma(const Inst& inst) {
  const FpAttr attr = FpAttr::unpack(inst.attr);
  if (!is_host_float(inst.type) || !features_.fma || !host_rounds(attr.rounding) || attr.flush) return fallback(inst);
  const bool wide = is_double(inst.type);
  bool negated[3] = {};
  int r[3];
  for (unsigned i = 0; i < 3; ++i) {
    ValueId operand = inst.args[i];
    if (is_fused(operand)) {  // an fneg
      operand = def(operand).args[0];
      negated[i] = true;
    }
    r[i] = regs_.xmm(operand);
  }
  using Fma = void (Gen::*)(const Xmm&, const Xmm&, const Operand&);
  static constexpr Fma kForms[2][2][2] = {
      // by width, negated product, negated addend
      {{&Gen::vfmadd231ss, &Gen::vfmsub231ss}, {&Gen::vfnmadd231ss, &Gen::vfnmsub231ss}},
      {{&Gen::vfmadd231sd, &Gen::vfmsub231sd}, {&Gen::vfnmadd231sd, &Gen::vfnmsub231sd}}};
  const Fma form = kForms[wide][negated[0] != negated[1]][negated[2]];
  // The factors stay intact for the cold code.
  const bool arm = attr.rule == IntRule::arm;
  const int d = arm || r[2] == r[0] || r[2] == r[1] ? regs_.def_xmm(self()) : regs_.def_xmm(self(), r[2]);
  begin_rounding(attr.rounding);
  if (d != r[2]) a_.movaps(Xmm(d), Xmm(r[2]));
  (a_.*form)(Xmm(d), Xmm(r[0]), Xmm(r[1]));
  end_rounding(attr.rounding);
  if (attr.rule == IntRule::x86) return;
  if (arm) return check_arm(inst, inst.type, {d, r[0], r[1], r[2]}, true);
  const int spare = regs_.temp_xmm();  // before the branch: what it held is saved on both ways
  ucomis(inst.type, d, Xmm(d));
  Cold& cold = add_cold(&Compiler::cold_fma);
  cold.from = a_.jcc_near(Cond::p);
  cold.back = a_.offset();
  cold.x = {d, r[0], r[1], spare};
  cold.type = inst.type;
  const ir::Inst& next = block_->insts[index_ + 1];
  if (next.op == Op::nan_fix && facts_[next.args[0]].root == self() && facts_[self()].first_use == index_ + 1 &&
      facts_[index_ + 1].next[0] == kNever) {
    nan_fixed_ = index_ + 1;
    cold.inst = &next;
  }
}

void Compiler::cold_fma(const Cold& cold) {
  const bool wide = is_double(cold.type);
  const auto [d, a, b, t] = cold.x;
  a_.stmxcsr(frame(Frame::kMxcsr, 32));
  a_.movaps(Xmm(t), Xmm(a));
  if (wide)
    a_.mulsd(Xmm(t), Xmm(b));
  else
    a_.mulss(Xmm(t), Xmm(b));
  ucomis(cold.type, t, Xmm(t));
  const Jump keep = a_.jcc_short(Cond::p);  // a NaN: either a factor was one, or the product is invalid, and says so
  a_.ldmxcsr(frame(Frame::kMxcsr, 32));
  a_.bind_short(keep);
  if (cold.inst->op == Op::nan_fix) load_default_nan(cold.type, cold.inst->attr, d);
  go_back(cold);
}

// ---- signs and NaNs ----

void Compiler::op_fp_sign(const Inst& inst) {
  if (!is_host_float(inst.type)) return fallback(inst);
  const emit::ConstantTable& c = host_.constants();
  const bool wide = is_double(inst.type);
  const void* sign = wide ? static_cast<const void*>(c.f64_sign) : c.f32_sign;
  const void* abs = wide ? static_cast<const void*>(c.f64_abs) : c.f32_abs;
  const int ra = regs_.xmm(inst.args[0]);
  if (inst.op != Op::fcopysign) {
    const int d = regs_.def_xmm(self(), ra);
    if (d != ra) a_.movaps(Xmm(d), Xmm(ra));
    if (inst.op == Op::fneg)
      with_constant(sign, 128, [&](const auto& constant) { a_.xorps(Xmm(d), constant); });
    else
      with_constant(abs, 128, [&](const auto& constant) { a_.andps(Xmm(d), constant); });
    return;
  }
  const int rb = regs_.xmm(inst.args[1]);
  const int t = regs_.temp_xmm();
  a_.movaps(Xmm(t), Xmm(rb));
  with_constant(sign, 128, [&](const auto& constant) { a_.andps(Xmm(t), constant); });
  const int d = regs_.def_xmm(self(), ra);
  if (d != ra) a_.movaps(Xmm(d), Xmm(ra));
  with_constant(abs, 128, [&](const auto& constant) { a_.andps(Xmm(d), constant); });
  a_.orps(Xmm(d), Xmm(t));
}

void Compiler::load_default_nan(Type type, u16 rule, int to) {
  const emit::ConstantTable& c = host_.constants();
  if (is_double(type))
    with_constant(&c.f64_nan[rule & 1], 64, [&](const auto& constant) { a_.movsd(Xmm(to), constant); });
  else
    with_constant(&c.f32_nan[rule & 1], 32, [&](const auto& constant) { a_.movss(Xmm(to), constant); });
}

void Compiler::op_nan_fix(const Inst& inst) {
  if (!is_host_float(inst.type)) return fallback(inst);
  const int ra = regs_.xmm(inst.args[0]);
  const int d = regs_.def_xmm(self(), ra);
  if (d != ra) a_.movaps(Xmm(d), Xmm(ra));
  if (nan_fixed_ == index_) return;
  Cold& cold = add_cold(&Compiler::cold_nan);
  const size_t index = cold_.size() - 1;
  cold.x[0] = d;
  cold.type = inst.type;
  const ir::ValueId root = facts_[inst.args[0]].root;
  Jump jump;
  if (makes_quiet_nans(def(root).op) && type_of(root) == inst.type) {
    ucomis(inst.type, d, Xmm(d));
    jump = a_.jcc_near(Cond::p);
  } else {  // might be signaling: by its bits, twice which exceed twice those of infinity
    const int t = regs_.temp();
    if (is_double(inst.type)) {
      const int limit = regs_.temp();
      a_.movq(Xbyak::Reg64(t), Xmm(d));
      a_.add(Xbyak::Reg64(t), Xbyak::Reg64(t));
      a_.mov(Xbyak::Reg64(limit), u64{0x7ff} << 53);
      a_.cmp(Xbyak::Reg64(t), Xbyak::Reg64(limit));
    } else {
      a_.movd(Xbyak::Reg32(t), Xmm(d));
      a_.add(Xbyak::Reg32(t), Xbyak::Reg32(t));
      a_.cmp(Xbyak::Reg32(t), u32{0xff} << 24);
    }
    jump = a_.jcc_near(Cond::a);
  }
  cold_[index].from = jump;
  cold_[index].back = a_.offset();
}

void Compiler::cold_nan(const Cold& cold) {
  load_default_nan(cold.type, cold.inst->attr, cold.x[0]);
  go_back(cold);
}

// ---- minimum and maximum ----

void Compiler::op_fp_minmax(const Inst& inst) {
  const auto rule = ir::FpMinRule(inst.attr);
  if (!is_host_float(inst.type)) return fallback(inst);
  const bool rare_by_function = rule == ir::FpMinRule::minmax_2019 || rule == ir::FpMinRule::num_2008;
  const interp::SingleOp* single = rare_by_function ? single_op(inst) : nullptr;
  if (rare_by_function && !single) return fallback(inst);
  const int ra = regs_.xmm(inst.args[0]), rb = regs_.xmm(inst.args[1]);
  const FpTarget to = define_fp(ra, {rb, {}});
  if (rule == ir::FpMinRule::x86) return emit_fp(inst, ra, {rb, {}}, to);
  // Unlike the host's instruction: -0 is below +0, and a NaN yields to a number. Both look equal to ucomis.
  ucomis(inst.type, ra, Xmm(rb));
  Cold& cold = add_cold(single ? &Compiler::cold_minmax_function : &Compiler::cold_minmax);
  cold.single = single;
  cold.from = a_.jcc_near(Cond::e);
  emit_fp(inst, ra, {rb, {}}, to);
  cold.back = a_.offset();
  cold.x = {to.result, ra, rb, kNone};
  cold.type = inst.type;
}

void Compiler::cold_minmax_function(const Cold& cold) {
  a_.movq(frame(Frame::kArg0), Xmm(cold.x[1]));
  a_.movq(frame(Frame::kArg1), Xmm(cold.x[2]));
  call_assist(cold.single);
  a_.movq(Xmm(cold.x[0]), frame(Frame::kArg0));
  go_back(cold);
}

void Compiler::cold_minmax(const Cold& cold) {
  const auto [d, a, b, unused] = cold.x;
  const auto take = [&](int from) {
    if (d != from) a_.movaps(Xmm(d), Xmm(from));
    go_back(cold);
  };
  const Jump nan = a_.jcc_short(Cond::p);
  const int other = d == b ? a : b;
  if (d != a && d != b) a_.movaps(Xmm(d), Xmm(a));
  if (cold.inst->op == Op::fmin)
    a_.orps(Xmm(d), Xmm(other));  // equal but for the sign of zeros
  else
    a_.andps(Xmm(d), Xmm(other));
  go_back(cold);
  a_.bind_short(nan);
  ucomis(cold.type, a, Xmm(a));
  const Jump first_is_nan = a_.jcc_short(Cond::p);
  take(a);
  a_.bind_short(first_is_nan);
  take(b);
}

// ---- comparison ----

void Compiler::op_fp_compare(const Inst& inst) {
  const Type type = type_of(inst.args[0]);
  if (!is_host_float(type)) return fallback(inst);
  ValueId a = inst.args[0], b = inst.args[1];
  const bool ordering = inst.op != Op::feq && inst.op != Op::funordered;
  if (ordering) std::swap(a, b);  // a < b as b above a, which is false for NaNs
  const int ra = regs_.xmm(a);
  const Place pb = regs_.xmm_or_memory(b, type.bits());
  with_xmm(pb, [&](const Operand& other) {
    if (inst.op != Op::flt && inst.op != Op::fle)
      ucomis(type, ra, other);
    else if (is_double(type))
      a_.comisd(Xmm(ra), other);
    else
      a_.comiss(Xmm(ra), other);
  });
  const int t = inst.op == Op::feq ? regs_.temp() : kNone;
  const int d = regs_.def_gpr(self());
  if (inst.op == Op::feq) {
    a_.set_cond(Cond::np, gpr_of(t, 8));
    a_.set_cond(Cond::e, gpr_of(d, 8));
    a_.and_(gpr_of(d, 8), gpr_of(t, 8));
  } else {
    const bool or_equal = inst.op == Op::fle || inst.op == Op::fle_quiet;
    a_.set_cond(inst.op == Op::funordered ? Cond::p : or_equal ? Cond::ae : Cond::a, gpr_of(d, 8));
  }
  a_.movzx(Xbyak::Reg32(d), gpr_of(d, 8));
}

// ---- accumulated flags ----

void Compiler::op_fp_flags_read(const Inst& inst) {
  if (inst.type.bits() > 64 || !inst.type.is_int()) return fallback(inst);
  const int t = regs_.temp();
  a_.stmxcsr(frame(Frame::kMxcsr, 32));
  const int d = regs_.def_gpr(self());
  a_.mov(Xbyak::Reg32(d), frame(Frame::kMxcsr, 32));
  a_.and_(Xbyak::Reg32(d), kFlagBits);
  with_constant(host_.constants().mxcsr_to_flags, 64, [&](const auto& constant) { a_.lea(Xbyak::Reg64(t), constant); });
  a_.movzx(Xbyak::Reg32(d), byte[Xbyak::Reg64(t) + Xbyak::Reg64(d)]);
}

void Compiler::op_fp_flags_write(const Inst& inst) {
  const int ra = regs_.gpr(inst.args[0]);
  const Xbyak::Reg64 t(regs_.temp()), u(regs_.temp());
  a_.stmxcsr(frame(Frame::kMxcsr, 32));
  a_.mov(t.cvt32(), Xbyak::Reg32(ra));
  a_.and_(t.cvt32(), 31);
  with_constant(host_.constants().flags_to_mxcsr, 64, [&](const auto& constant) { a_.lea(u, constant); });
  a_.movzx(t.cvt32(), byte[t + u]);
  // Mostly they are restored after comparisons that have raised none, and LDMXCSR is slow.
  a_.mov(u.cvt32(), frame(Frame::kMxcsr, 32));
  a_.and_(u.cvt32(), kFlagBits);
  a_.cmp(t.cvt32(), u.cvt32());
  const emit::Jump same = a_.jcc_short(Cond::e);
  a_.and_(frame(Frame::kMxcsr, 32), ~kFlagBits);
  a_.or_(frame(Frame::kMxcsr, 32), t.cvt32());
  a_.ldmxcsr(frame(Frame::kMxcsr, 32));
  a_.bind_short(same);
}

}  // namespace mimus::baseline
