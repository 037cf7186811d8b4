// Ordered, exclusive and atomic accesses (insns/atomics.def).
#include "frontends/aarch64/memory_shapes.h"

namespace mimus::aarch64::translate {

using ir::Any;
using ir::I128;
using ir::I64;
using ir::MemAttr;
using ir::Op;
using ir::Order;
using T = Translator;

namespace {

// Load-acquire and store-release are ordered among each other as well (B2.3.11): a store-release is sequentially
// consistent, which makes the load-acquire so too.
// With FEAT_LSE2, what lies within 16 aligned bytes need not be aligned.
MemAttr ordered(const T& t, Order order) {
  return {.align = t.model.has(Feat::LSE2) ? ir::Align::atomic16 : ir::Align::natural, .order = order};
}

Order order_of(bool acquire, bool release) {
  if (acquire) return release ? Order::seq_cst : Order::acquire;
  return release ? Order::release : Order::relaxed;
}

Any operand(T& t, unsigned n, ir::Type type) { return t.convert(Op::trunc, type, t.x(n)); }

// Registers n and n + 1 as one value of twice the width of `half`.
Any register_pair(T& t, unsigned n, unsigned n2, ir::Type half) {
  return t.b.emit(Op::pair, half == ir::i64 ? ir::i128 : ir::i64, {operand(t, n, half), operand(t, n2, half)});
}
void set_register_pair(T& t, unsigned n, unsigned n2, Any value) {
  const ir::Type half = value.type == ir::i128 ? ir::i64 : ir::i32;
  const Any low = t.convert(Op::trunc, half, value);
  const Any high = t.convert(Op::trunc, half, t.bin(Op::lshr, value, t.constant_like(value, half.bits())));
  t.set_x(n, low);
  t.set_x(n2, high);
}

Next ordered_load(T& t, const Insn& i, Order order) {
  t.set_x(i.rt(), t.b.load(integer_of(i.size()), t.base(i.rn()), ordered(t, order)));
  return Next::go_on;
}

// LDAPUR, STLUR: any alignment within what FEAT_LSE2 allows is the caller's business; misaligned ones fault.
Next load_rcpc(T& t, const Insn& i, ir::Type extended) {
  Any value = t.b.load(integer_of(i.size()), t.base(i.rn()), ordered(t, Order::acquire), i.imm);
  if (!extended.is_void()) value = t.convert(Op::sext, extended, value);
  t.set_x(i.rt(), value);
  return Next::go_on;
}

enum class Operand : u8 { plain, inverted };
Next atomic(T& t, const Insn& i, Op op, Operand how = Operand::plain) {
  const ir::Type type = integer_of(i.size());
  Any value = operand(t, i.rs(), type);
  if (how == Operand::inverted) value = t.un(Op::not_, value);
  const MemAttr attr = ordered(t, order_of(i.get(23, 1), i.get(22, 1)));
  t.set_x(i.rt(), t.b.emit(op, type, {t.base(i.rn()), value}, 0, attr.pack()));
  return Next::go_on;
}

}  // namespace

Next ldxr(T& t, const Insn& i) {
  const MemAttr attr = ordered(t, order_of(i.get(15, 1), false));
  t.set_x(i.rt(), t.b.emit(Op::load_linked, integer_of(i.size()), {t.base(i.rn())}, 0, attr.pack()));
  return Next::go_on;
}
Next stxr(T& t, const Insn& i) {
  const MemAttr attr = ordered(t, order_of(false, i.get(15, 1)));
  const Any value = operand(t, i.rt(), integer_of(i.size()));
  t.set_x(i.rs(), t.b.emit(Op::store_conditional, ir::i64, {t.base(i.rn()), value}, 0, attr.pack()));
  return Next::go_on;
}
Next ldxp(T& t, const Insn& i) {
  const MemAttr attr = ordered(t, order_of(i.get(15, 1), false));
  const ir::Type type = i.get(30, 1) ? ir::i128 : ir::i64;
  set_register_pair(t, i.rt(), i.rt2(), t.b.emit(Op::load_linked, type, {t.base(i.rn())}, 0, attr.pack()));
  return Next::go_on;
}
Next stxp(T& t, const Insn& i) {
  const MemAttr attr = ordered(t, order_of(false, i.get(15, 1)));
  const Any value = register_pair(t, i.rt(), i.rt2(), i.get(30, 1) ? ir::i64 : ir::i32);
  t.set_x(i.rs(), t.b.emit(Op::store_conditional, ir::i64, {t.base(i.rn()), value}, 0, attr.pack()));
  return Next::go_on;
}

Next ldar(T& t, const Insn& i) { return ordered_load(t, i, Order::acquire); }
Next ldapr(T& t, const Insn& i) { return ordered_load(t, i, Order::acquire); }
Next stlr(T& t, const Insn& i) {
  t.b.store(t.base(i.rn()), operand(t, i.rt(), integer_of(i.size())), ordered(t, Order::seq_cst), i.imm);
  return Next::go_on;
}
Next ldapur(T& t, const Insn& i) { return load_rcpc(t, i, ir::kVoid); }
Next ldapurs64(T& t, const Insn& i) { return load_rcpc(t, i, ir::i64); }
Next ldapurs32(T& t, const Insn& i) { return load_rcpc(t, i, ir::i32); }

Next cas(T& t, const Insn& i) {
  const ir::Type type = integer_of(i.size());
  const MemAttr attr = ordered(t, order_of(i.get(22, 1), i.get(15, 1)));
  const Any expected = operand(t, i.rs(), type), desired = operand(t, i.rt(), type);
  t.set_x(i.rs(), t.b.emit(Op::cas, type, {t.base(i.rn()), expected, desired}, 0, attr.pack()));
  return Next::go_on;
}
Next casp(T& t, const Insn& i) {
  const ir::Type half = i.get(30, 1) ? ir::i64 : ir::i32;
  const MemAttr attr = ordered(t, order_of(i.get(22, 1), i.get(15, 1)));
  const Any expected = register_pair(t, i.rs(), i.rs() + 1, half), desired = register_pair(t, i.rt(), i.rt() + 1, half);
  const Any old = t.b.emit(Op::cas, expected.type, {t.base(i.rn()), expected, desired}, 0, attr.pack());
  set_register_pair(t, i.rs(), i.rs() + 1, old);
  return Next::go_on;
}

Next ldadd(T& t, const Insn& i) { return atomic(t, i, Op::amo_add); }
Next ldclr(T& t, const Insn& i) { return atomic(t, i, Op::amo_and, Operand::inverted); }
Next ldeor(T& t, const Insn& i) { return atomic(t, i, Op::amo_xor); }
Next ldset(T& t, const Insn& i) { return atomic(t, i, Op::amo_or); }
Next ldsmax(T& t, const Insn& i) { return atomic(t, i, Op::amo_smax); }
Next ldsmin(T& t, const Insn& i) { return atomic(t, i, Op::amo_smin); }
Next ldumax(T& t, const Insn& i) { return atomic(t, i, Op::amo_umax); }
Next ldumin(T& t, const Insn& i) { return atomic(t, i, Op::amo_umin); }
Next swp(T& t, const Insn& i) { return atomic(t, i, Op::amo_swap); }

}  // namespace mimus::aarch64::translate
