// Loads and stores of flat memory.
#include <algorithm>
#include <bit>

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

// What the runtime's load leaves in a word, as the access itself would have left it.
Value* from_word(Lowering& l, Value* word, const FlatAccess& access) {
  llvm::Type* narrow = l.b.getIntNTy(access.type.bytes() * 8);
  if (access.type.is_float()) return l.b.CreateBitCast(l.b.CreateTrunc(word, narrow), l.type(access.type));
  return access.sign ? l.b.CreateSExt(l.b.CreateTrunc(word, narrow), l.b.getInt64Ty()) : word;
}

Value* address(Lowering& l, const Inst& i) {
  return i.imm ? l.b.CreateAdd(l.arg(i, 0), l.b.getInt64(i.imm)) : l.arg(i, 0);
}

u32 desc(const Inst& i, ir::Type t) { return access_desc(unsigned(std::countr_zero(t.bytes())), i.attr); }

}  // namespace

bool flat_inline(Lowering& l, const Inst& i, ir::Type t) {
  const ir::MemAttr attr = ir::MemAttr::unpack(i.attr);
  const bool scalar = t == ir::i8 || t == ir::i16 || t == ir::i32 || t == ir::i64 || t == ir::f32 || t == ir::f64;
  const bool block = t.is_vector() && t.bytes() == 16 && t.elem != ir::Elem::i1;
  const unsigned element = t.bytes() / t.lanes;
  return l.flat() && (scalar || block) && !attr.privilege && !attr.big_endian && s64(i.imm) == s32(i.imm) &&
         (attr.align == ir::Align::none || element == 1);
}

// A number goes to a vector register at once.
Value* flat_load(Lowering& l, const Inst& i) {
  const bool number = i.type == ir::i64 && l.becomes_f64(l.id_of(i));
  const ir::Type t = number ? ir::f64 : i.type;
  const bool sign = t.is_int() && t != ir::i64 && wants_sign(l, i);
  const FlatAccess access{.type = t, .sign = sign, .disp = s32(i.imm)};
  Value* v = l.flat_access(access, l.arg(i, 0), nullptr, [&] {
    SlowCall call{.function = Slow::load, .result = true, .desc = desc(i, t)};
    call.arguments = {{SlowArguments::kFirst, address(l, i)}};
    return from_word(l, l.call_slow(call), access);
  });
  order_after_load(l, ir::MemAttr::unpack(i.attr).order);
  if (number) return l.from_f64(v);
  if (t.is_float() || t == ir::i64) return v;
  l.note_extended(i, sign, v);
  return l.b.CreateTrunc(v, l.type(t));
}

Value* flat_store(Lowering& l, const Inst& i) {
  ir::Type t = l.arg_type(i, 1);
  Value* stored = t == ir::i64 ? l.known_f64(l.arg(i, 1)) : nullptr;
  if (stored)
    t = ir::f64;
  else
    stored = low_bits(l, i, t);
  const ir::Order order = ir::MemAttr::unpack(i.attr).order;
  order_before_store(l, order);
  const FlatAccess access{.type = t, .store = true, .disp = s32(i.imm)};
  l.flat_access(access, l.arg(i, 0), stored, [&]() -> Value* {
    SlowCall call{.function = Slow::store, .desc = desc(i, t)};
    Value* word = t.is_float() ? to_u64(l, stored, t) : stored;
    call.arguments = {{SlowArguments::kFirst, address(l, i)}, {SlowArguments::kSecond, word}};
    l.call_slow(call);
    return nullptr;
  });
  order_after_store(l, order);
  return l.nothing();
}

Value* flat_load_block(Lowering& l, const Inst& i, Lowering::Retry retry) {
  const FlatAccess access{.type = i.type, .disp = s32(i.imm)};
  Value* v =
      l.flat_access(access, l.arg(i, 0), nullptr, [&] { return l.b.CreateBitCast(retry(), l.flat_type(access.type)); });
  order_after_load(l, ir::MemAttr::unpack(i.attr).order);
  return l.b.CreateBitCast(v, l.type(i.type));
}

void flat_store_block(Lowering& l, const Inst& i, Lowering::Retry retry) {
  const ir::Type t = l.arg_type(i, 1);
  const ir::Order order = ir::MemAttr::unpack(i.attr).order;
  order_before_store(l, order);
  const FlatAccess access{.type = t, .store = true, .disp = s32(i.imm)};
  l.flat_access(access, l.arg(i, 0), l.b.CreateBitCast(l.arg(i, 1), l.flat_type(t)), retry);
  order_after_store(l, order);
}

}  // namespace mimus::jit
