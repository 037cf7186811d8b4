// Integer arithmetic and logic, comparison, selection.
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using emit::Cond;
using emit::Jump;
using ir::Inst;
using ir::Op;
using ir::ValueId;
using namespace Xbyak::util;

namespace {

using Gen = Xbyak::CodeGenerator;
struct AluRow {
  Op op;
  void (Gen::*with_operand)(const Xbyak::Operand&, const Xbyak::Operand&);
  void (Gen::*with_imm)(const Xbyak::Operand&, u32);
};
constexpr AluRow kAlu[] = {{Op::add, &Gen::add, &Gen::add},
                           {Op::sub, &Gen::sub, &Gen::sub},
                           {Op::and_, &Gen::and_, &Gen::and_},
                           {Op::or_, &Gen::or_, &Gen::or_},
                           {Op::xor_, &Gen::xor_, &Gen::xor_}};
const AluRow& alu_row(Op op) {
  for (const AluRow& row : kAlu)
    if (row.op == op) return row;
  __builtin_unreachable();
}

constexpr Cond kCompareConds[] = {Cond::e, Cond::ne, Cond::l, Cond::le, Cond::b, Cond::be};  // eq..ule
Cond compare_cond(Op op) { return kCompareConds[unsigned(op) - unsigned(Op::eq)]; }

}  // namespace

// d = a op b, for any equalities between the registers.
void Compiler::op_alu(const Inst& inst) {
  ValueId a = inst.args[0], b = inst.args[1];
  const unsigned bits = op_bits(inst.type);
  const bool commutes = inst.op != Op::sub;
  const AluRow& row = alu_row(inst.op);
  if (commutes && (regs_.is_constant(a) || (!regs_.in_gpr(a) && regs_.in_gpr(b) && !regs_.is_constant(b))))
    std::swap(a, b);
  if (in_memory(inst, a, b)) return;
  if (regs_.fits_imm32(b, bits)) {
    const u32 imm = u32(regs_.constant(b));
    const int ra = regs_.gpr(a);
    const int d = regs_.def_gpr(self(), ra);
    if (inst.op == Op::and_ && (imm == 0xff || imm == 0xffff) && regs_.constant(b) == imm) {
      a_.movzx(Xbyak::Reg32(d), gpr_of(ra, imm == 0xff ? 8 : 16));
      return;
    }
    move(d, ra, bits);
    if (inst.op == Op::xor_ && imm == ~u32{0}) return a_.not_(gpr_of(d, bits));
    (a_.*row.with_imm)(gpr_of(d, inst.op == Op::and_ && s32(imm) >= 0 ? 32 : bits), imm);
    return;
  }
  if (inst.op == Op::and_ && regs_.is_constant(b) && regs_.constant(b) == 0xffffffff) {
    const int ra = regs_.gpr(a);
    return a_.mov(Xbyak::Reg32(regs_.def_gpr(self(), ra)), Xbyak::Reg32(ra));
  }
  const int ra = regs_.gpr(a);
  const Place pb = regs_.gpr_or_memory(b, bits);
  const int d = regs_.def_gpr(self(), ra, commutes ? pb.reg : kNone);
  if (pb.is_reg() && d == pb.reg && d != ra) {
    if (commutes) return (a_.*row.with_operand)(gpr_of(d, bits), gpr_of(ra, bits));
    // d = ra - d
    a_.neg(gpr_of(d, bits));
    return a_.add(gpr_of(d, bits), gpr_of(ra, bits));
  }
  move(d, ra, bits);
  with(pb, bits, [&](const Xbyak::Operand& operand) { (a_.*row.with_operand)(gpr_of(d, bits), operand); });
}

// slot = slot op b on a slot in memory, when nothing else needs the values.
bool Compiler::in_memory(const Inst& inst, ValueId a, ValueId b) {
  if (index_ + 1 >= block_->insts.size()) return false;
  const Inst& next = block_->insts[index_ + 1];
  if (next.op != Op::write || facts_[next.args[0]].root != self() || facts_[self()].first_use != index_ + 1)
    return false;
  if (facts_[index_ + 1].next[0] != kNever || !regs_.lives_in_slot(a, ir::SlotId(next.imm))) return false;
  const unsigned bits = op_bits(inst.type);
  const SlotDesc& slot = layout_.state.slots[next.imm];
  if (slot.type.bits() != bits || inst.type.bits() != bits) return false;
  const AluRow& row = alu_row(inst.op);
  const Xbyak::Address where = state(slot.offset, bits);
  if (regs_.fits_imm32(b, bits)) {
    regs_.before_slot_changes(ir::SlotId(next.imm), ir::kNoValue);
    (a_.*row.with_imm)(where, u32(regs_.constant(b)));
  } else {
    const int rb = regs_.gpr(b);
    regs_.before_slot_changes(ir::SlotId(next.imm), ir::kNoValue);
    (a_.*row.with_operand)(where, gpr_of(rb, bits));
  }
  written_in_place_ = index_ + 1;
  return true;
}

void Compiler::op_add(const Inst& inst) {
  ValueId a = inst.args[0], b = inst.args[1];
  const unsigned bits = op_bits(inst.type);
  if (is_fused(a)) std::swap(a, b);
  if (is_fused(b)) {  // a + (c << n)
    const Inst& shift = def(b);
    const int base = regs_.gpr(a), index = regs_.gpr(shift.args[0]);
    const int d = regs_.def_gpr(self(), base, index);
    a_.lea(gpr_of(d, bits), ptr[Xbyak::Reg64(base) + Xbyak::Reg64(index) * (1 << def(shift.args[1]).imm)]);
    return;
  }
  if (regs_.is_constant(a)) std::swap(a, b);
  if (!regs_.in_gpr(a)) return op_alu(inst);
  const int ra = regs_.gpr(a);
  const bool same = regs_.is_scratch(ra) ? regs_.dies(a) && !regs_.defines_pin(self()) : regs_.pin_target(self()) == ra;
  if (same || !regs_.in_gpr_or_imm(b, bits)) return op_alu(inst);
  if (regs_.fits_imm32(b, bits)) {
    const int d = regs_.def_gpr(self());
    return a_.lea(gpr_of(d, bits), ptr[Xbyak::Reg64(ra) + size_t(s64(s32(regs_.constant(b))))]);
  }
  const int rb = regs_.gpr(b);
  const bool same_b =
      regs_.is_scratch(rb) ? regs_.dies(b) && !regs_.defines_pin(self()) : regs_.pin_target(self()) == rb;
  if (same_b) return op_alu(inst);
  const int d = regs_.def_gpr(self());
  a_.lea(gpr_of(d, bits), ptr[Xbyak::Reg64(ra) + Xbyak::Reg64(rb)]);
}

void Compiler::op_sub(const Inst& inst) {
  const ValueId a = inst.args[0], b = inst.args[1];
  const unsigned bits = op_bits(inst.type);
  if (regs_.is_constant(a) && regs_.constant(a) == 0) return negate(b, bits);
  if (regs_.fits_imm32(b, bits) && s32(regs_.constant(b)) != INT32_MIN) {
    const int ra = regs_.gpr(a);
    const int d = regs_.def_gpr(self(), ra);
    const s32 imm = s32(regs_.constant(b));
    if (d == ra) return a_.sub(gpr_of(d, bits), u32(imm));
    return a_.lea(gpr_of(d, bits), ptr[Xbyak::Reg64(ra) + size_t(-s64(imm))]);
  }
  op_alu(inst);
}

void Compiler::negate(ValueId value, unsigned bits) {
  const int ra = regs_.gpr(value);
  const int d = regs_.def_gpr(self(), ra);
  move(d, ra, bits);
  a_.neg(gpr_of(d, bits));
}

void Compiler::op_neg_not(const Inst& inst) {
  const unsigned bits = op_bits(inst.type);
  if (inst.op == Op::neg && inst.type != ir::i1) return negate(inst.args[0], bits);
  const int ra = regs_.gpr(inst.args[0]);
  const int d = regs_.def_gpr(self(), ra);
  move(d, ra, bits);
  if (inst.type != ir::i1)
    a_.not_(gpr_of(d, bits));
  else if (inst.op == Op::not_)
    a_.xor_(Xbyak::Reg32(d), 1);
}

void Compiler::op_andn(const Inst& inst) {
  const unsigned bits = op_bits(inst.type);
  const int ra = regs_.gpr(inst.args[0]);
  const int rb = regs_.gpr(inst.args[1]);
  if (features_.bmi1 && inst.type != ir::i1) {
    const int d = regs_.def_gpr(self(), ra, rb);
    return a_.andn(wide_of(d, bits), wide_of(rb, bits), gpr_of(ra, bits));
  }
  const int t = regs_.temp();
  move(t, rb, bits);
  if (inst.type == ir::i1)
    a_.xor_(Xbyak::Reg32(t), 1);
  else
    a_.not_(gpr_of(t, bits));
  a_.and_(gpr_of(t, bits), gpr_of(ra, bits));
  move(regs_.def_gpr(self(), t), t, bits);
}

// ---- condition flags: several in a row come out of one subtraction ----

Compiler::FlagTest Compiler::flag_test(const Inst& flag) const {
  FlagTest test;
  test.width = type_of(flag.args[0]).bits();
  const auto of = [&](ValueId a, ValueId b, Cond cond) {
    test.a = facts_[a].root;
    test.cond = cond;
    if (regs_.is_constant(b))
      test.constant = regs_.constant(b);
    else
      test.b = facts_[b].root;
  };
  const ValueId a = flag.args[0], b = flag.args[1];
  if (flag.op == Op::add_overflow) {
    if (is_fused(b)) {
      of(a, def(b).args[0], Cond::o);
    } else {
      of(a, b, Cond::o);
      test.constant = bits(~test.constant, 0, test.width);
    }
  } else if (is_fused(a)) {  // the sign of a difference
    of(def(a).args[0], def(a).args[1], Cond::s);
  } else {
    of(a, b, compare_cond(flag.op));
  }
  return test;
}

// The host's condition, if its flags are those of the test's operands, or of the same the other way round.
std::optional<Cond> Compiler::known_flags(const FlagTest& test) const {
  if (host_flags_at_ != a_.offset() || test.width != host_flags_.width) return std::nullopt;
  if (test.a == host_flags_.a && test.b == host_flags_.b && test.constant == host_flags_.constant) return test.cond;
  const bool swapped = test.b != ir::kNoValue && test.a == host_flags_.b && test.b == host_flags_.a;
  if (!swapped || test.cond == Cond::o || test.cond == Cond::s) return std::nullopt;
  return emit::swap_operands(test.cond);
}

Cond Compiler::emit_flag_test(const Inst& flag) {
  const FlagTest test = flag_test(flag);
  if (const auto cond = known_flags(test)) return *cond;
  const int a = regs_.gpr(test.a);
  if (test.b != ir::kNoValue) {
    const int b = regs_.gpr(test.b);
    a_.cmp(gpr_of(a, test.width), gpr_of(b, test.width));
  } else if (test.constant == 0) {
    a_.test(gpr_of(a, test.width), gpr_of(a, test.width));  // clears CF and OF, as a comparison with 0 does
  } else if (const s64 imm = sign_extend(test.constant, test.width); imm == s32(imm)) {
    a_.cmp(gpr_of(a, test.width), u32(imm));
  } else {
    const int t = regs_.temp();
    a_.mov(Xbyak::Reg64(t), test.constant);
    a_.cmp(gpr_of(a, test.width), gpr_of(t, test.width));
  }
  host_flags_ = test;
  host_flags_at_ = a_.offset();
  return test.cond;
}

void Compiler::write_flag(const Inst& write) {
  const ir::SlotId slot = ir::SlotId(write.imm);
  regs_.before_slot_changes(slot, ir::kNoValue);
  const Cond cond = emit_flag_test(def(write.args[0]));
  a_.set_cond(cond, state(layout_.state.slots[slot].offset, 8));
  host_flags_at_ = a_.offset();
}

// ---- comparison ----

Cond Compiler::emit_compare(const Inst& compare) {
  ValueId a = compare.args[0], b = compare.args[1];
  Cond cond = compare_cond(compare.op);
  if (!is_fused(a)) {
    if (const auto known = known_flags(flag_test(compare))) return *known;
  }
  if (is_fused(a)) {  // (x & y) against 0
    emit_test(def(a));
    return cond;
  }
  const unsigned width = type_of(a).bits();
  const unsigned bits = width == 1 ? 8 : width;
  if (regs_.is_constant(a) && !regs_.is_constant(b)) {
    std::swap(a, b);
    cond = emit::swap_operands(cond);
  }
  if (regs_.fits_imm32(b, bits)) {
    const u64 imm = regs_.constant(b);
    if (imm == 0 && regs_.in_gpr(a)) {
      const int ra = regs_.gpr(a);
      a_.test(gpr_of(ra, bits), gpr_of(ra, bits));
      return cond;  // test clears CF and OF, as a comparison with 0 does
    }
    with(regs_.gpr_or_memory(a, bits), bits,
         [&](const Xbyak::Operand& operand) { a_.cmp(operand, u32(sign_extend(imm, bits))); });
    return cond;
  }
  const int ra = regs_.gpr(a);
  with(regs_.gpr_or_memory(b, bits), bits, [&](const Xbyak::Operand& operand) { a_.cmp(gpr_of(ra, bits), operand); });
  return cond;
}

void Compiler::emit_test(const Inst& conjunction) {
  ValueId x = conjunction.args[0], y = conjunction.args[1];
  const unsigned width = conjunction.type.bits();
  const unsigned bits = width == 1 ? 8 : width;
  if (regs_.is_constant(x)) std::swap(x, y);
  if (regs_.is_constant(y)) {
    const u64 mask = regs_.constant(y);
    if (mask <= 0x7fffffff) {
      const unsigned size = mask <= 0xff ? 8 : std::min(bits, 32u);
      with(regs_.gpr_or_memory(x, size), size, [&](const Xbyak::Operand& operand) { a_.test(operand, u32(mask)); });
      return;
    }
    if (regs_.fits_imm32(y, bits)) return a_.test(gpr_of(regs_.gpr(x), bits), u32(mask));
  }
  const int rx = regs_.gpr(x);
  a_.test(gpr_of(rx, bits), gpr_of(regs_.gpr(y), bits));
}

// Sets the host's flags for an i1; everything else that the caller needs in registers must be there before.
Cond Compiler::emit_condition(ValueId condition) {
  if (is_fused(condition)) return emit_compare(def(condition));
  const int r = regs_.gpr(condition);
  a_.test(Xbyak::Reg32(r), Xbyak::Reg32(r));
  return Cond::ne;
}

void Compiler::op_compare(const Inst& inst) {
  if (type_of(inst.args[0]) == ir::i1 && (inst.op == Op::slt || inst.op == Op::sle)) return fallback(inst);
  const Cond cond = emit_compare(inst);
  const int d = regs_.def_gpr(self());  // a register that held an operand would be cleared too early
  a_.set_cond(cond, gpr_of(d, 8));
  a_.movzx(Xbyak::Reg32(d), gpr_of(d, 8));
}

void Compiler::op_select(const Inst& inst) {
  const ValueId yes = inst.args[1], no = inst.args[2];
  const unsigned bits = op_bits(inst.type);
  if (inst.type == ir::f32 || inst.type == ir::f64) {
    const int x = regs_.xmm(yes), y = regs_.xmm(no);
    const Cond cond = emit_condition(inst.args[0]);
    const int d = regs_.def_xmm(self(), y);
    if (d != y) a_.movaps(Xbyak::Xmm(d), Xbyak::Xmm(y));
    const Jump skip = a_.jcc_short(emit::negate(cond));
    a_.movaps(Xbyak::Xmm(d), Xbyak::Xmm(x));
    return a_.bind_short(skip);
  }
  const int x = regs_.gpr(yes), y = regs_.gpr(no);
  const Cond cond = emit_condition(inst.args[0]);
  const int d = regs_.def_gpr(self(), y, x);
  if (d == x && d != y) return a_.cmov(emit::negate(cond), gpr_of(d, bits), gpr_of(y, bits));
  move(d, y, bits);
  a_.cmov(cond, gpr_of(d, bits), gpr_of(x, bits));
}

void Compiler::op_min_max(const Inst& inst) {
  const bool is_signed = inst.op == Op::smin || inst.op == Op::smax;
  const bool is_max = inst.op == Op::smax || inst.op == Op::umax;
  const unsigned bits = op_bits(inst.type);
  const Ext ext = is_signed ? Ext::sign : Ext::zero;
  const int ra = extended(inst.args[0], ext, bits), rb = extended(inst.args[1], ext, bits);
  a_.cmp(gpr_of(ra, bits), gpr_of(rb, bits));
  // keep a when it is beyond b, take b otherwise
  const Cond keep = is_signed ? (is_max ? Cond::ge : Cond::le) : (is_max ? Cond::ae : Cond::be);
  const int d = regs_.def_gpr(self(), ra, rb);
  if (d == rb && d != ra) return a_.cmov(keep, gpr_of(d, bits), gpr_of(ra, bits));
  move(d, ra, bits);
  a_.cmov(emit::negate(keep), gpr_of(d, bits), gpr_of(rb, bits));
}

// ---- carries ----

// CF = carry; the operands must be in registers already.
void Compiler::set_carry(ValueId carry) {
  if (regs_.is_constant(carry)) {
    if (regs_.constant(carry))
      a_.stc();
    else
      a_.clc();
    return;
  }
  a_.bt(Xbyak::Reg32(regs_.gpr(carry)), 0);
}

void Compiler::op_adc(const Inst& inst) {
  const unsigned bits = op_bits(inst.type);
  const int ra = regs_.gpr(inst.args[0]), rb = regs_.gpr(inst.args[1]);
  if (!regs_.is_constant(inst.args[2])) regs_.gpr(inst.args[2]);
  const int t = regs_.temp();
  move(t, ra, bits);
  set_carry(inst.args[2]);
  a_.adc(gpr_of(t, bits), gpr_of(rb, bits));
  move(regs_.def_gpr(self(), t), t, bits);
}

void Compiler::op_add_carry(const Inst& inst) {
  const unsigned width = type_of(inst.args[0]).bits();
  if (width < 8) return fallback(inst);
  const int ra = regs_.gpr(inst.args[0]), rb = regs_.gpr(inst.args[1]);
  if (!regs_.is_constant(inst.args[2])) regs_.gpr(inst.args[2]);
  const int t = regs_.temp();
  move(t, ra);
  set_carry(inst.args[2]);
  a_.adc(gpr_of(t, width), gpr_of(rb, width));
  const int d = regs_.def_gpr(self(), t);
  a_.set_cond(inst.op == Op::add_carry ? Cond::b : Cond::o, gpr_of(d, 8));
  a_.movzx(Xbyak::Reg32(d), gpr_of(d, 8));
}

}  // namespace mimus::baseline
