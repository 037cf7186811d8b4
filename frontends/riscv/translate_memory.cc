// Loads, stores, atomics, fences and cache-block operations.
#include <array>

#include "frontends/riscv/translator.h"

namespace mimus::riscv::translate {

using ir::I32;
using ir::I64;
using ir::Op;
using ir::Type;
using T = Translator;

namespace {

Next load(T& t, const Insn& i, Type type, bool sign) {
  ir::Any value = t.b.load(type, t.x(i.rs1), {}, i.imm);
  if (type != ir::i64) value = t.b.emit(sign ? Op::sext : Op::zext, ir::i64, {value});
  t.set_x(i.rd, I64::from(value));
  return Next::go_on;
}

Next store(T& t, const Insn& i, Type type) {
  I64 address = t.x(i.rs1);
  ir::Any value = t.x(i.rs2);
  if (type != ir::i64) value = t.b.emit(Op::trunc, type, {value});
  t.b.store(address, value, {}, i.imm);
  return Next::go_on;
}

// aq and rl of an atomic; both together are sequentially consistent (Volume I, 14.1). Misaligned ones fault.
ir::MemAttr atomic_attr(const Insn& i) {
  constexpr ir::Order orders[] = {ir::Order::relaxed, ir::Order::release, ir::Order::acquire, ir::Order::seq_cst};
  return {.align = ir::Align::natural, .order = orders[i.aq() * 2 + i.rl()]};
}

void set_extended(T& t, unsigned rd, ir::Any value) {
  t.set_x(rd, value.type == ir::i64 ? I64::from(value) : t.b.sext<I64>(value));
}
ir::Any operand(T& t, unsigned n, Type type) {
  ir::Any value = t.x(n);
  return type == ir::i64 ? value : t.b.emit(Op::trunc, type, {value});
}

Next load_reserved(T& t, const Insn& i, Type type) {
  set_extended(t, i.rd, t.b.emit(Op::load_linked, type, {t.x(i.rs1)}, 0, atomic_attr(i).pack()));
  return Next::go_on;
}
Next store_conditional(T& t, const Insn& i, Type type) {
  ir::Any address = t.x(i.rs1), value = operand(t, i.rs2, type);
  ir::Any failed = t.b.emit(Op::store_conditional, ir::i64, {address, value}, 0, atomic_attr(i).pack());
  t.set_x(i.rd, I64::from(failed));
  return Next::go_on;
}
Next amo(T& t, const Insn& i, Op op, Type type) {
  ir::Any address = t.x(i.rs1), value = operand(t, i.rs2, type);
  set_extended(t, i.rd, t.b.emit(op, type, {address, value}, 0, atomic_attr(i).pack()));
  return Next::go_on;
}

void emit_fence(T& t, ir::FenceKind kind) { t.b.emit(Op::fence, ir::kVoid, {}, 0, u16(kind)); }

// Volume I, "CMO" 19.3.1: a cache-block operation below M mode needs the enabling field of menvcfg, in U mode also that
// of senvcfg.
void need_envcfg(T& t, const Insn& i, u64 field) {
  auto need = [&](ir::SlotId csr) {
    I64 enabled = t.b.and_(t.b.read(csr), t.b.constant(field));
    t.trap_if(t.b.cmp(Op::eq, enabled, t.b.constant(0)), kCauseIllegal, i.raw);
  };
  if (t.mode.privilege != kMachine) need(kSlot_menvcfg);
  if (t.mode.privilege == kUser) need(kSlot_senvcfg);
}

Next cbo_manage(T& t, const Insn& i, u64 field) {
  need_envcfg(t, i, field);
  t.call_leaving(kHelper_cbo_check, ir::kVoid, {t.x(i.rs1)});
  return Next::go_on;
}

}  // namespace

Next lb(T& t, const Insn& i) { return load(t, i, ir::i8, true); }
Next lh(T& t, const Insn& i) { return load(t, i, ir::i16, true); }
Next lw(T& t, const Insn& i) { return load(t, i, ir::i32, true); }
Next ld(T& t, const Insn& i) { return load(t, i, ir::i64, false); }
Next lbu(T& t, const Insn& i) { return load(t, i, ir::i8, false); }
Next lhu(T& t, const Insn& i) { return load(t, i, ir::i16, false); }
Next lwu(T& t, const Insn& i) { return load(t, i, ir::i32, false); }
Next sb(T& t, const Insn& i) { return store(t, i, ir::i8); }
Next sh(T& t, const Insn& i) { return store(t, i, ir::i16); }
Next sw(T& t, const Insn& i) { return store(t, i, ir::i32); }
Next sd(T& t, const Insn& i) { return store(t, i, ir::i64); }

Next lr_w(T& t, const Insn& i) { return load_reserved(t, i, ir::i32); }
Next lr_d(T& t, const Insn& i) { return load_reserved(t, i, ir::i64); }
Next sc_w(T& t, const Insn& i) { return store_conditional(t, i, ir::i32); }
Next sc_d(T& t, const Insn& i) { return store_conditional(t, i, ir::i64); }
Next amoswap_w(T& t, const Insn& i) { return amo(t, i, Op::amo_swap, ir::i32); }
Next amoadd_w(T& t, const Insn& i) { return amo(t, i, Op::amo_add, ir::i32); }
Next amoxor_w(T& t, const Insn& i) { return amo(t, i, Op::amo_xor, ir::i32); }
Next amoand_w(T& t, const Insn& i) { return amo(t, i, Op::amo_and, ir::i32); }
Next amoor_w(T& t, const Insn& i) { return amo(t, i, Op::amo_or, ir::i32); }
Next amomin_w(T& t, const Insn& i) { return amo(t, i, Op::amo_smin, ir::i32); }
Next amomax_w(T& t, const Insn& i) { return amo(t, i, Op::amo_smax, ir::i32); }
Next amominu_w(T& t, const Insn& i) { return amo(t, i, Op::amo_umin, ir::i32); }
Next amomaxu_w(T& t, const Insn& i) { return amo(t, i, Op::amo_umax, ir::i32); }
Next amoswap_d(T& t, const Insn& i) { return amo(t, i, Op::amo_swap, ir::i64); }
Next amoadd_d(T& t, const Insn& i) { return amo(t, i, Op::amo_add, ir::i64); }
Next amoxor_d(T& t, const Insn& i) { return amo(t, i, Op::amo_xor, ir::i64); }
Next amoand_d(T& t, const Insn& i) { return amo(t, i, Op::amo_and, ir::i64); }
Next amoor_d(T& t, const Insn& i) { return amo(t, i, Op::amo_or, ir::i64); }
Next amomin_d(T& t, const Insn& i) { return amo(t, i, Op::amo_smin, ir::i64); }
Next amomax_d(T& t, const Insn& i) { return amo(t, i, Op::amo_smax, ir::i64); }
Next amominu_d(T& t, const Insn& i) { return amo(t, i, Op::amo_umin, ir::i64); }
Next amomaxu_d(T& t, const Insn& i) { return amo(t, i, Op::amo_umax, ir::i64); }

// -- Zacas --
namespace {

Next compare_and_swap(T& t, const Insn& i, Type type) {
  ir::Any address = t.x(i.rs1), expected = operand(t, i.rd, type), desired = operand(t, i.rs2, type);
  set_extended(t, i.rd, t.b.emit(Op::cas, type, {address, expected, desired}, 0, atomic_attr(i).pack()));
  return Next::go_on;
}

// Registers n and n + 1; both are zero for x0 (Volume I, "Zacas" 15.1).
ir::I128 register_pair(T& t, unsigned n) {
  return ir::I128::from(t.b.emit(Op::pair, ir::i128, {t.x(n), n ? t.x(n + 1) : t.b.constant(0)}));
}

}  // namespace

Next amocas_b(T& t, const Insn& i) { return compare_and_swap(t, i, ir::i8); }
Next amocas_h(T& t, const Insn& i) { return compare_and_swap(t, i, ir::i16); }
Next amocas_w(T& t, const Insn& i) { return compare_and_swap(t, i, ir::i32); }
Next amocas_d(T& t, const Insn& i) { return compare_and_swap(t, i, ir::i64); }
Next amocas_q(T& t, const Insn& i) {
  if (i.rd & 1 || i.rs2 & 1) return t.illegal(i);
  ir::Any address = t.x(i.rs1), expected = register_pair(t, i.rd), desired = register_pair(t, i.rs2);
  auto old = ir::I128::from(t.b.emit(Op::cas, ir::i128, {address, expected, desired}, 0, atomic_attr(i).pack()));
  if (i.rd == 0) return Next::go_on;
  t.set_x(i.rd, t.b.trunc<I64>(old));
  t.set_x(i.rd + 1, t.b.trunc<I64>(t.b.lshr(old, t.b.constant<ir::I128>(64))));
  return Next::go_on;
}

// -- Zabha --
Next amoswap_b(T& t, const Insn& i) { return amo(t, i, Op::amo_swap, ir::i8); }
Next amoadd_b(T& t, const Insn& i) { return amo(t, i, Op::amo_add, ir::i8); }
Next amoxor_b(T& t, const Insn& i) { return amo(t, i, Op::amo_xor, ir::i8); }
Next amoand_b(T& t, const Insn& i) { return amo(t, i, Op::amo_and, ir::i8); }
Next amoor_b(T& t, const Insn& i) { return amo(t, i, Op::amo_or, ir::i8); }
Next amomin_b(T& t, const Insn& i) { return amo(t, i, Op::amo_smin, ir::i8); }
Next amomax_b(T& t, const Insn& i) { return amo(t, i, Op::amo_smax, ir::i8); }
Next amominu_b(T& t, const Insn& i) { return amo(t, i, Op::amo_umin, ir::i8); }
Next amomaxu_b(T& t, const Insn& i) { return amo(t, i, Op::amo_umax, ir::i8); }
Next amoswap_h(T& t, const Insn& i) { return amo(t, i, Op::amo_swap, ir::i16); }
Next amoadd_h(T& t, const Insn& i) { return amo(t, i, Op::amo_add, ir::i16); }
Next amoxor_h(T& t, const Insn& i) { return amo(t, i, Op::amo_xor, ir::i16); }
Next amoand_h(T& t, const Insn& i) { return amo(t, i, Op::amo_and, ir::i16); }
Next amoor_h(T& t, const Insn& i) { return amo(t, i, Op::amo_or, ir::i16); }
Next amomin_h(T& t, const Insn& i) { return amo(t, i, Op::amo_smin, ir::i16); }
Next amomax_h(T& t, const Insn& i) { return amo(t, i, Op::amo_smax, ir::i16); }
Next amominu_h(T& t, const Insn& i) { return amo(t, i, Op::amo_umin, ir::i16); }
Next amomaxu_h(T& t, const Insn& i) { return amo(t, i, Op::amo_umax, ir::i16); }

// Device input counts as a read, device output as a write.
Next fence(T& t, const Insn& i) {
  constexpr unsigned W = 1, R = 2;
  auto set = [](u32 bits) { return (bits & 10 ? R : 0) | (bits & 5 ? W : 0); };  // bits: I O R W
  unsigned before = set(i.pred()), after = set(i.succ());
  if (before == 0 || after == 0) return Next::go_on;
  using K = ir::FenceKind;
  K kind = K::full;
  if (before == R) kind = after == R ? K::load_load : after == W ? K::load_store : K::acquire;
  if (after == W && before != R) kind = before == W ? K::store_store : K::release;
  emit_fence(t, kind);
  return Next::go_on;
}
Next fence_tso(T& t, const Insn&) {
  emit_fence(t, ir::FenceKind::acquire);
  emit_fence(t, ir::FenceKind::release);
  return Next::go_on;
}

Next cbo_inval(T& t, const Insn& i) { return cbo_manage(t, i, kEnvCbie); }
Next cbo_clean(T& t, const Insn& i) { return cbo_manage(t, i, kEnvCbcfe); }
Next cbo_flush(T& t, const Insn& i) { return cbo_manage(t, i, kEnvCbcfe); }
Next cbo_zero(T& t, const Insn& i) {
  need_envcfg(t, i, kEnvCbze);
  t.b.emit(Op::zero_block, ir::kVoid, {t.x(i.rs1)}, kCacheBlock);
  return Next::go_on;
}

}  // namespace mimus::riscv::translate
