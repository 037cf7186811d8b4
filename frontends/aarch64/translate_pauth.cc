// Pointer authentication and branch targets (insns/pauth.def).
#include "frontends/aarch64/memory_shapes.h"
#include "frontends/aarch64/pauth.h"

namespace mimus::aarch64::translate {

using ir::Any;
using ir::Exit;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

bool is_data(PacKey key) { return key == PacKey::da || key == PacKey::db; }
// All ones for pointers of the upper half of the address space.
I64 extension(T& t, I64 pointer) {
  return I64::from(t.bin(Op::ashr, t.b.shl(pointer, t.b.constant(8)), t.b.constant(63)));
}
I64 mask_of(T& t, I64 pointer, bool data) {
  if (t.mode.user) return t.b.constant(kUserPacMask);
  const I64 lower = t.b.read(data ? kSlot_pac_data0 : kSlot_pac_code0);
  const I64 upper = t.b.read(data ? kSlot_pac_data1 : kSlot_pac_code1);
  return t.b.xor_(lower, t.b.and_(extension(t, pointer), t.b.xor_(lower, upper)));
}

// With its code on or off: the one is the other (FEAT_PAuth2).
I64 toggled(T& t, I64 pointer, I64 modifier, PacKey key) {
  if (!(t.mode.pauth >> unsigned(key) & 1)) return pointer;
  const I64 mask = mask_of(t, pointer, is_data(key));
  const u16 slot = u16(kSlot_apia_lo + 2 * unsigned(key));
  const I64 bare = t.b.and_(pointer, I64::from(t.un(Op::not_, mask)));
  I64 code;
  if (uses_qarma(t.model)) {
    const I64 whole = t.b.or_(bare, t.b.and_(extension(t, pointer), mask));
    code = I64::from(t.call(kHelper_qarma5, ir::i64, {whole, modifier, t.b.constant(unsigned(key))}));
  } else {  // fast_code()
    code = I64::from(t.bin(Op::mul, t.b.add(bare, t.b.read(slot)), t.b.xor_(modifier, t.b.read(u16(slot + 1)))));
  }
  return t.b.xor_(pointer, t.b.and_(code, mask));
}
I64 stripped(T& t, I64 pointer, bool data) {
  const I64 mask = mask_of(t, pointer, data);
  const I64 bare = t.b.and_(pointer, I64::from(t.un(Op::not_, mask)));
  return t.b.or_(bare, t.b.and_(extension(t, pointer), mask));
}

Next toggle(T& t, unsigned reg, I64 modifier, PacKey key) {
  t.set_x(reg, toggled(t, t.x(reg), modifier, key));
  return Next::go_on;
}
Next by_register(T& t, const Insn& i, PacKey key) { return toggle(t, i.rd(), t.x_sp(i.rn()), key); }
Next by_zero(T& t, const Insn& i, PacKey key) { return toggle(t, i.rd(), t.b.constant(0), key); }
Next link_by_sp(T& t, PacKey key) { return toggle(t, 30, t.x_sp(31), key); }
Next link_by_zero(T& t, PacKey key) { return toggle(t, 30, t.b.constant(0), key); }
Next x17_by_x16(T& t, PacKey key) { return toggle(t, 17, t.x(16), key); }

Next strip(T& t, unsigned reg, bool data) {
  t.set_x(reg, stripped(t, t.x(reg), data));
  return Next::go_on;
}

// -- branches --
Next leave(T& t, Exit exit) {
  t.b.end(exit);
  return Next::stop;
}
I64 modifier_of(T& t, const Insn& i, bool zero) { return zero ? t.b.constant(0) : t.x_sp(i.rd()); }
Next branch(T& t, const Insn& i, PacKey key, bool zero) {
  const I64 to = toggled(t, t.x(i.rn()), modifier_of(t, i, zero), key);
  t.note_branch(i.rn(), false);
  return leave(t, {.kind = Exit::Kind::indirect, .value = to.id});
}
Next call(T& t, const Insn& i, PacKey key, bool zero) {
  const I64 to = toggled(t, t.x(i.rn()), modifier_of(t, i, zero), key);
  t.note_branch(i.rn(), true);
  t.set_x(30, t.b.constant(t.next_pc()));
  return leave(t, {.kind = Exit::Kind::call_indirect, .value = to.id, .return_pc = t.next_pc()});
}
Next give_back(T& t, PacKey key) {
  const I64 to = toggled(t, t.x(30), t.x_sp(31), key);
  return leave(t, {.kind = Exit::Kind::ret, .value = to.id});
}

// The base is written back as it is after authentication.
Next load(T& t, const Insn& i, PacKey key, bool write_back) {
  const I64 base = toggled(t, t.base(i.rn()), t.b.constant(0), key);
  const Any value = t.b.load(ir::i64, base, {}, i.imm);
  if (write_back) t.set_x_sp(i.rn(), t.b.add(base, t.b.constant(u64(i.imm))));
  t.set_x(i.rt(), value);
  return Next::go_on;
}

}  // namespace

Next xpaclri(T& t, const Insn&) { return strip(t, 30, false); }
Next xpaci(T& t, const Insn& i) { return strip(t, i.rd(), false); }
Next xpacd(T& t, const Insn& i) { return strip(t, i.rd(), true); }

Next pacia1716(T& t, const Insn&) { return x17_by_x16(t, PacKey::ia); }
Next pacib1716(T& t, const Insn&) { return x17_by_x16(t, PacKey::ib); }
Next autia1716(T& t, const Insn&) { return x17_by_x16(t, PacKey::ia); }
Next autib1716(T& t, const Insn&) { return x17_by_x16(t, PacKey::ib); }
Next paciaz(T& t, const Insn&) { return link_by_zero(t, PacKey::ia); }
Next pacibz(T& t, const Insn&) { return link_by_zero(t, PacKey::ib); }
Next autiaz(T& t, const Insn&) { return link_by_zero(t, PacKey::ia); }
Next autibz(T& t, const Insn&) { return link_by_zero(t, PacKey::ib); }
Next paciasp(T& t, const Insn&) { return link_by_sp(t, PacKey::ia); }
Next pacibsp(T& t, const Insn&) { return link_by_sp(t, PacKey::ib); }
Next autiasp(T& t, const Insn&) { return link_by_sp(t, PacKey::ia); }
Next autibsp(T& t, const Insn&) { return link_by_sp(t, PacKey::ib); }

Next pacia(T& t, const Insn& i) { return by_register(t, i, PacKey::ia); }
Next pacib(T& t, const Insn& i) { return by_register(t, i, PacKey::ib); }
Next pacda(T& t, const Insn& i) { return by_register(t, i, PacKey::da); }
Next pacdb(T& t, const Insn& i) { return by_register(t, i, PacKey::db); }
Next autia(T& t, const Insn& i) { return by_register(t, i, PacKey::ia); }
Next autib(T& t, const Insn& i) { return by_register(t, i, PacKey::ib); }
Next autda(T& t, const Insn& i) { return by_register(t, i, PacKey::da); }
Next autdb(T& t, const Insn& i) { return by_register(t, i, PacKey::db); }
Next paciza(T& t, const Insn& i) { return by_zero(t, i, PacKey::ia); }
Next pacizb(T& t, const Insn& i) { return by_zero(t, i, PacKey::ib); }
Next pacdza(T& t, const Insn& i) { return by_zero(t, i, PacKey::da); }
Next pacdzb(T& t, const Insn& i) { return by_zero(t, i, PacKey::db); }
Next autiza(T& t, const Insn& i) { return by_zero(t, i, PacKey::ia); }
Next autizb(T& t, const Insn& i) { return by_zero(t, i, PacKey::ib); }
Next autdza(T& t, const Insn& i) { return by_zero(t, i, PacKey::da); }
Next autdzb(T& t, const Insn& i) { return by_zero(t, i, PacKey::db); }
Next pacga(T& t, const Insn& i) {
  t.set_x(i.rd(), t.call(kHelper_generic_code, ir::i64, {t.x(i.rn()), t.x_sp(i.rm())}));
  return Next::go_on;
}

Next braaz(T& t, const Insn& i) { return branch(t, i, PacKey::ia, true); }
Next brabz(T& t, const Insn& i) { return branch(t, i, PacKey::ib, true); }
Next braa(T& t, const Insn& i) { return branch(t, i, PacKey::ia, false); }
Next brab(T& t, const Insn& i) { return branch(t, i, PacKey::ib, false); }
Next blraaz(T& t, const Insn& i) { return call(t, i, PacKey::ia, true); }
Next blrabz(T& t, const Insn& i) { return call(t, i, PacKey::ib, true); }
Next blraa(T& t, const Insn& i) { return call(t, i, PacKey::ia, false); }
Next blrab(T& t, const Insn& i) { return call(t, i, PacKey::ib, false); }
Next retaa(T& t, const Insn&) { return give_back(t, PacKey::ia); }
Next retab(T& t, const Insn&) { return give_back(t, PacKey::ib); }

Next ldraa(T& t, const Insn& i) { return load(t, i, PacKey::da, false); }
Next ldraa_pre(T& t, const Insn& i) { return load(t, i, PacKey::da, true); }
Next ldrab(T& t, const Insn& i) { return load(t, i, PacKey::db, false); }
Next ldrab_pre(T& t, const Insn& i) { return load(t, i, PacKey::db, true); }

// The check comes before the first instruction of a block (Translator::check_branch_target).
Next bti(T&, const Insn&) { return Next::go_on; }

}  // namespace mimus::aarch64::translate
