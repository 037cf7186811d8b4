// Loads and stores of general registers (insns/loads_stores.def).
#include "frontends/aarch64/memory_shapes.h"

namespace mimus::aarch64::translate {

using ir::Any;
using ir::I64;
using ir::MemAttr;
using ir::Op;
using T = Translator;

namespace {

// What a load does with its value: to 64 bits by zeros or sign, to 32 bits by sign.
enum class Extend : u8 { zero, sign64, sign32 };

void load_to(T& t, const Insn& i, ir::Type type, Extend extend, Address at, MemAttr attr = {}) {
  attr.align = t.access().align;
  Any value = t.b.load(type, at.base, attr, at.disp);
  if (extend == Extend::sign64) value = t.convert(Op::sext, ir::i64, value);
  if (extend == Extend::sign32) value = t.convert(Op::sext, ir::i32, value);
  t.set_x(i.rt(), value);
}
void store_from(T& t, const Insn& i, ir::Type type, Address at, MemAttr attr = {}) {
  attr.align = t.access().align;
  t.b.store(at.base, t.convert(Op::trunc, type, t.x(i.rt())), attr, at.disp);
}

Next load(T& t, const Insn& i, Indexing mode, Extend extend, unsigned scale = 0, MemAttr attr = {}) {
  return with_immediate(t, i, mode, scale, [&](Address at) { load_to(t, i, integer_of(i.size()), extend, at, attr); });
}
Next store(T& t, const Insn& i, Indexing mode, unsigned scale = 0, MemAttr attr = {}) {
  return with_immediate(t, i, mode, scale, [&](Address at) { store_from(t, i, integer_of(i.size()), at, attr); });
}
Next load_register(T& t, const Insn& i, Extend extend) {
  return with_register(t, i, i.size(), [&](Address at) { load_to(t, i, integer_of(i.size()), extend, at); });
}

// LDTR and its like: at EL1 with the permissions of EL0, unless PSTATE.UAO says otherwise.
MemAttr unprivileged(const T& t) { return {.privilege = u8(t.mode.el == 1 && !t.mode.uao ? 1 + kRegimeEl0 : 0)}; }

Next literal(T& t, const Insn& i, ir::Type type, Extend extend) {
  load_to(t, i, type, extend, {t.b.constant(t.pc + u64(i.imm)), 0});
  return Next::go_on;
}

// FEAT_LSE2: a pair of X registers in 16 aligned bytes is one access.
constexpr ir::Type kPair = ir::vec(ir::Elem::i64, 2);
bool is_atomic_pair(const T& t, ir::Type type) { return type == ir::i64 && t.model.has(Feat::LSE2); }

// Both halves are loaded before a register changes, so that a fault in the second leaves everything as it was.
Next load_pair(T& t, const Insn& i, Indexing mode, ir::Type type, Extend extend) {
  const unsigned bytes = type.bytes();
  return with_immediate(t, i, mode, unsigned(std::countr_zero(bytes)), [&](Address at) {
    if (is_atomic_pair(t, type)) {
      const Any pair = t.b.load(kPair, at.base, t.access(), at.disp);
      t.set_x(i.rt(), t.b.emit(Op::lane_get, ir::i64, {pair}, 0));
      t.set_x(i.rt2(), t.b.emit(Op::lane_get, ir::i64, {pair}, 1));
      return;
    }
    Any first = t.b.load(type, at.base, t.access(), at.disp);
    Any second = t.b.load(type, at.base, t.access(), at.disp + bytes);
    if (extend == Extend::sign64) {
      first = t.convert(Op::sext, ir::i64, first);
      second = t.convert(Op::sext, ir::i64, second);
    }
    t.set_x(i.rt(), first);
    t.set_x(i.rt2(), second);
  });
}
Next store_pair(T& t, const Insn& i, Indexing mode, ir::Type type) {
  const unsigned bytes = type.bytes();
  return with_immediate(t, i, mode, unsigned(std::countr_zero(bytes)), [&](Address at) {
    if (is_atomic_pair(t, type)) {
      const Any low = t.b.emit(Op::splat, kPair, {t.x(i.rt())});
      t.b.store(at.base, t.b.emit(Op::lane_set, kPair, {low, t.x(i.rt2())}, 1), t.access(), at.disp);
      return;
    }
    const Any first = t.convert(Op::trunc, type, t.x(i.rt())), second = t.convert(Op::trunc, type, t.x(i.rt2()));
    t.b.store(at.base, first, t.access(), at.disp);
    t.b.store(at.base, second, t.access(), at.disp + bytes);
  });
}

}  // namespace

Next ldr_literal_w(T& t, const Insn& i) { return literal(t, i, ir::i32, Extend::zero); }
Next ldr_literal_x(T& t, const Insn& i) { return literal(t, i, ir::i64, Extend::zero); }
Next ldrsw_literal(T& t, const Insn& i) { return literal(t, i, ir::i32, Extend::sign64); }
Next prfm_literal(T&, const Insn&) { return Next::go_on; }
Next prfm(T&, const Insn&) { return Next::go_on; }

Next str_unscaled(T& t, const Insn& i) { return store(t, i, Indexing::offset); }
Next ldr_unscaled(T& t, const Insn& i) { return load(t, i, Indexing::offset, Extend::zero); }
Next ldrs64_unscaled(T& t, const Insn& i) { return load(t, i, Indexing::offset, Extend::sign64); }
Next ldrs32_unscaled(T& t, const Insn& i) { return load(t, i, Indexing::offset, Extend::sign32); }

Next str_post(T& t, const Insn& i) { return store(t, i, Indexing::post); }
Next ldr_post(T& t, const Insn& i) { return load(t, i, Indexing::post, Extend::zero); }
Next ldrs64_post(T& t, const Insn& i) { return load(t, i, Indexing::post, Extend::sign64); }
Next ldrs32_post(T& t, const Insn& i) { return load(t, i, Indexing::post, Extend::sign32); }

Next str_pre(T& t, const Insn& i) { return store(t, i, Indexing::pre); }
Next ldr_pre(T& t, const Insn& i) { return load(t, i, Indexing::pre, Extend::zero); }
Next ldrs64_pre(T& t, const Insn& i) { return load(t, i, Indexing::pre, Extend::sign64); }
Next ldrs32_pre(T& t, const Insn& i) { return load(t, i, Indexing::pre, Extend::sign32); }

Next str_unprivileged(T& t, const Insn& i) { return store(t, i, Indexing::offset, 0, unprivileged(t)); }
Next ldr_unprivileged(T& t, const Insn& i) { return load(t, i, Indexing::offset, Extend::zero, 0, unprivileged(t)); }
Next ldrs64_unprivileged(T& t, const Insn& i) {
  return load(t, i, Indexing::offset, Extend::sign64, 0, unprivileged(t));
}
Next ldrs32_unprivileged(T& t, const Insn& i) {
  return load(t, i, Indexing::offset, Extend::sign32, 0, unprivileged(t));
}

Next str_unsigned(T& t, const Insn& i) { return store(t, i, Indexing::offset, i.size()); }
Next ldr_unsigned(T& t, const Insn& i) { return load(t, i, Indexing::offset, Extend::zero, i.size()); }
Next ldrs64_unsigned(T& t, const Insn& i) { return load(t, i, Indexing::offset, Extend::sign64, i.size()); }
Next ldrs32_unsigned(T& t, const Insn& i) { return load(t, i, Indexing::offset, Extend::sign32, i.size()); }

Next str_register(T& t, const Insn& i) {
  return with_register(t, i, i.size(), [&](Address at) { store_from(t, i, integer_of(i.size()), at); });
}
Next ldr_register(T& t, const Insn& i) { return load_register(t, i, Extend::zero); }
Next ldrs64_register(T& t, const Insn& i) { return load_register(t, i, Extend::sign64); }
Next ldrs32_register(T& t, const Insn& i) { return load_register(t, i, Extend::sign32); }

Next stp_w_offset(T& t, const Insn& i) { return store_pair(t, i, Indexing::offset, ir::i32); }
Next ldp_w_offset(T& t, const Insn& i) { return load_pair(t, i, Indexing::offset, ir::i32, Extend::zero); }
Next stp_x_offset(T& t, const Insn& i) { return store_pair(t, i, Indexing::offset, ir::i64); }
Next ldp_x_offset(T& t, const Insn& i) { return load_pair(t, i, Indexing::offset, ir::i64, Extend::zero); }
Next ldpsw_offset(T& t, const Insn& i) { return load_pair(t, i, Indexing::offset, ir::i32, Extend::sign64); }
Next stp_w_post(T& t, const Insn& i) { return store_pair(t, i, Indexing::post, ir::i32); }
Next ldp_w_post(T& t, const Insn& i) { return load_pair(t, i, Indexing::post, ir::i32, Extend::zero); }
Next stp_x_post(T& t, const Insn& i) { return store_pair(t, i, Indexing::post, ir::i64); }
Next ldp_x_post(T& t, const Insn& i) { return load_pair(t, i, Indexing::post, ir::i64, Extend::zero); }
Next ldpsw_post(T& t, const Insn& i) { return load_pair(t, i, Indexing::post, ir::i32, Extend::sign64); }
Next stp_w_pre(T& t, const Insn& i) { return store_pair(t, i, Indexing::pre, ir::i32); }
Next ldp_w_pre(T& t, const Insn& i) { return load_pair(t, i, Indexing::pre, ir::i32, Extend::zero); }
Next stp_x_pre(T& t, const Insn& i) { return store_pair(t, i, Indexing::pre, ir::i64); }
Next ldp_x_pre(T& t, const Insn& i) { return load_pair(t, i, Indexing::pre, ir::i64, Extend::zero); }
Next ldpsw_pre(T& t, const Insn& i) { return load_pair(t, i, Indexing::pre, ir::i32, Extend::sign64); }

}  // namespace mimus::aarch64::translate
