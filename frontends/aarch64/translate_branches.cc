// Branches and exception generation (insns/branches.def).
#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

using ir::Exit;
using ir::I1;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

GuestPc target(const T& t, const Insn& i) { return t.pc + u64(i.imm); }

Next compare_zero(T& t, const Insn& i, Op op) {
  const ir::Any value = t.r(i.sf(), i.rt());
  return t.branch(t.compare(op, value, t.constant_like(value, 0)), target(t, i));
}
Next test_bit(T& t, const Insn& i, Op op) {
  const u64 mask = u64{1} << (i.get(31, 1) << 5 | i.get(19, 5));
  return t.branch(t.compare(op, t.b.and_(t.x(i.rt()), t.b.constant(mask)), t.b.constant(0)), target(t, i));
}

Next leave(T& t, Exit exit) {
  t.b.end(exit);
  return Next::stop;
}

}  // namespace

Next b_cond(T& t, const Insn& i) {
  const u32 cond = i.get(0, 4);
  if (cond >= 14) return t.jump(target(t, i));
  return t.branch(t.condition(cond), target(t, i));
}
Next cbz(T& t, const Insn& i) { return compare_zero(t, i, Op::eq); }
Next cbnz(T& t, const Insn& i) { return compare_zero(t, i, Op::ne); }
Next tbz(T& t, const Insn& i) { return test_bit(t, i, Op::eq); }
Next tbnz(T& t, const Insn& i) { return test_bit(t, i, Op::ne); }

Next b(T& t, const Insn& i) { return t.jump(target(t, i)); }
Next bl(T& t, const Insn& i) {
  t.set_x(30, t.b.constant(t.next_pc()));
  return leave(t, {.kind = Exit::Kind::call, .target = target(t, i), .return_pc = t.next_pc()});
}

Next br(T& t, const Insn& i) {
  t.note_branch(i.rn(), false);
  return leave(t, {.kind = Exit::Kind::indirect, .value = t.x(i.rn()).id});
}
Next blr(T& t, const Insn& i) {
  const I64 to = t.x(i.rn());
  t.note_branch(i.rn(), true);
  t.set_x(30, t.b.constant(t.next_pc()));
  return leave(t, {.kind = Exit::Kind::call_indirect, .value = to.id, .return_pc = t.next_pc()});
}
Next ret(T& t, const Insn& i) { return leave(t, {.kind = Exit::Kind::ret, .value = t.x(i.rn()).id}); }

Next eret(T& t, const Insn&) {
  if (t.mode.el == 0) return t.undefined();
  const I64 to = I64::from(t.call_leaving(kHelper_eret, ir::i64, {}));
  return leave(t, {.kind = Exit::Kind::indirect, .value = to.id});
}

Next svc(T& t, const Insn& i) { return t.trap(syndrome(kEcSvc, u32(i.imm))); }
Next brk(T& t, const Insn& i) { return t.trap(syndrome(kEcBrk, u32(i.imm))); }
// What they call is decided when they run.
Next hvc(T& t, const Insn& i) {
  if (t.mode.el == 0) return t.undefined();
  t.call_leaving(kHelper_hvc, ir::kVoid, {t.b.constant(u64(i.imm))});
  return t.yield(t.next_pc());
}
Next smc(T& t, const Insn& i) {
  if (t.mode.el == 0) return t.undefined();
  t.call_leaving(kHelper_smc, ir::kVoid, {t.b.constant(u64(i.imm))});
  return t.yield(t.next_pc());
}
// There is no halting debug.
Next hlt(T& t, const Insn&) { return t.undefined(); }
Next udf(T& t, const Insn&) { return t.undefined(); }

}  // namespace mimus::aarch64::translate
