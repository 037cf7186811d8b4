// Addressing modes of loads and stores (DDI 0487, C1.3.3).
#pragma once

#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

struct Address {
  ir::I64 base;
  s64 disp = 0;
};

enum class Indexing : u8 {
  offset,  // base + immediate
  post,    // base; then base = base + immediate
  pre,     // base + immediate, which becomes the base
};

// Calls access(Address), which reads what it stores and writes what it loads, and then writes the base back. `scale`:
// log2 of the immediate's unit.
template <class Access>
Next with_immediate(Translator& t, const Insn& i, Indexing mode, unsigned scale, Access access) {
  const ir::I64 base = t.base(i.rn());
  const s64 offset = s64(u64(i.imm) << scale);
  access(Address{base, mode == Indexing::post ? 0 : offset});
  if (mode != Indexing::offset) t.move_x_sp(i.rn(), base, u64(offset));
  return Next::go_on;
}

// Base + Rm, extended by option and, if S is set, scaled.
template <class Access>
Next with_register(Translator& t, const Insn& i, unsigned scale, Access access) {
  ir::I64 index = t.x(i.rm());
  if (!(i.option() & 1)) {
    const ir::Any word = t.w(i.rm());
    index = ir::I64::from(t.convert(i.option() & 4 ? ir::Op::sext : ir::Op::zext, ir::i64, word));
  }
  if (i.get(12, 1) && scale) index = t.b.shl(index, t.b.constant(scale));
  access(Address{t.b.add(t.base(i.rn()), index), 0});
  return Next::go_on;
}

constexpr ir::Type integer_of(unsigned log2_bytes) {
  constexpr ir::Type kTypes[] = {ir::i8, ir::i16, ir::i32, ir::i64, ir::i128};
  return kTypes[log2_bytes];
}

}  // namespace mimus::aarch64::translate
