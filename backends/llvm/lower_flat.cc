// Loads and stores of flat memory.
#include <algorithm>

#include "backends/llvm/access.h"

namespace mimus::jit {

using ir::Inst;
using ir::Op;
using llvm::Value;

namespace {

// Is the value wanted with its sign, and by nobody with zeros?
bool wants_sign(const Lowering& l, const Inst& load) {
  const auto id = ir::ValueId(&load - l.block().insts.data());
  const auto used_by = [&](Op op) {
    return std::ranges::any_of(l.block().insts, [&](const Inst& i) { return i.op == op && i.args[0] == id; });
  };
  return used_by(Op::sext) && !used_by(Op::zext);
}

// The value to store, in any form whose low bits are right.
Value* low_bits(Lowering& l, const Inst& i, ir::Type t) {
  const Inst& source = l.block().insts[i.args[1]];
  if (source.op == Op::trunc && l.arg_type(source, 0).bits() <= 64)
    return l.b.CreateZExt(l.arg(source, 0), l.b.getInt64Ty());
  return t.is_float() ? l.arg(i, 1) : to_u64(l, l.arg(i, 1), t);
}

}  // namespace

bool flat_inline(Lowering& l, const Inst& i, ir::Type t) {
  const ir::MemAttr attr = ir::MemAttr::unpack(i.attr);
  const bool scalar = t == ir::i8 || t == ir::i16 || t == ir::i32 || t == ir::i64 || t == ir::f32 || t == ir::f64;
  return l.flat() && scalar && !attr.privilege && !attr.big_endian && s64(i.imm) == s32(i.imm) &&
         (attr.align == ir::Align::none || t.bytes() == 1);
}

Value* flat_load(Lowering& l, const Inst& i) {
  const ir::Type t = i.type;
  const bool sign = t.is_int() && t != ir::i64 && wants_sign(l, i);
  const FlatAccess access{.type = t, .sign = sign, .disp = s32(i.imm)};
  Value* v = l.flat_access(access, access_desc(unsigned(std::countr_zero(t.bytes())), i.attr), l.arg(i, 0), nullptr);
  order_after_load(l, ir::MemAttr::unpack(i.attr).order);
  if (t.is_float() || t == ir::i64) return v;
  l.note_extended(i, sign, v);
  return l.b.CreateTrunc(v, l.type(t));
}

Value* flat_store(Lowering& l, const Inst& i) {
  const ir::Type t = l.arg_type(i, 1);
  const ir::Order order = ir::MemAttr::unpack(i.attr).order;
  order_before_store(l, order);
  const FlatAccess access{.type = t, .store = true, .disp = s32(i.imm)};
  l.flat_access(access, access_desc(unsigned(std::countr_zero(t.bytes())), i.attr), l.arg(i, 0), low_bits(l, i, t));
  order_after_store(l, order);
  return l.nothing();
}

}  // namespace mimus::jit
