// Builder: appends typed IR to a block. Width mix-ups are compile errors: a Value carries its type as a template
// argument, and Any is the escape for code that is generic over widths.
#pragma once

#include <initializer_list>

#include "core/ir/block.h"
#include "core/state/layout.h"

namespace mimus::ir {

struct Any {
  ValueId id = kNoValue;
  Type type;
};

template <Elem E, u16 Lanes = 1>
struct Value {
  ValueId id = kNoValue;
  static constexpr Type type{E, Lanes};
  operator Any() const { return {id, type}; }
  static Value from(Any any) { return {any.id}; }  // the caller vouches for the type; the verifier checks it
};

using I1 = Value<Elem::i1>;
using I8 = Value<Elem::i8>;
using I16 = Value<Elem::i16>;
using I32 = Value<Elem::i32>;
using I64 = Value<Elem::i64>;
using I128 = Value<Elem::i128>;
using F16 = Value<Elem::f16>;
using F32 = Value<Elem::f32>;
using F64 = Value<Elem::f64>;

class Builder {
 public:
  Builder(Block& block, const StateLayout& layout) : block_(block), layout_(layout) {}

  Block& block() { return block_; }

  // -- generic: everything else is written with these --
  Any emit(Op op, Type type, std::initializer_list<Any> args, u64 imm = 0, u16 attr = 0) {
    Inst inst{op, attr, type, {kNoValue, kNoValue, kNoValue, kNoValue}, imm};
    unsigned i = 0;
    for (const Any& a : args) inst.args[i++] = a.id;
    block_.insts.push_back(inst);
    return {ValueId(block_.insts.size() - 1), type};
  }
  Any unary(Op op, Any a, u64 imm = 0, u16 attr = 0) { return emit(op, a.type, {a}, imm, attr); }
  Any binary(Op op, Any a, Any b, u64 imm = 0, u16 attr = 0) { return emit(op, a.type, {a, b}, imm, attr); }
  Any compare(Op op, Any a, Any b) { return emit(op, Type{Elem::i1, a.type.lanes}, {a, b}); }

  template <class V>
  V un(Op op, V a, u64 imm = 0, u16 attr = 0) {
    return V::from(unary(op, a, imm, attr));
  }
  template <class V>
  V bin(Op op, V a, V b, u64 imm = 0, u16 attr = 0) {
    return V::from(binary(op, a, b, imm, attr));
  }
  template <class V>
  I1 cmp(Op op, V a, V b) {
    return I1::from(compare(op, a, b));
  }

  // -- constants and slots --
  template <class V = I64>
  V constant(u64 value) {
    return V::from(emit(Op::constant, V::type, {}, value));
  }
  Any constant_any(Type type, u64 value) { return emit(Op::constant, type, {}, value); }
  Any read_any(SlotId slot) { return emit(Op::read, layout_.slots[slot].type, {}, slot); }
  template <class V = I64>
  V read(SlotId slot) {
    return V::from(read_any(slot));
  }
  void write(SlotId slot, Any value) { emit(Op::write, kVoid, {value}, slot); }
  void begin_insn(GuestPc pc, u16 length) {
    emit(Op::begin_insn, kVoid, {}, pc, length);
    ++block_.guest_insns;
  }

  // -- integers --
  template <class V>
  V add(V a, V b) {
    return bin(Op::add, a, b);
  }
  template <class V>
  V sub(V a, V b) {
    return bin(Op::sub, a, b);
  }
  template <class V>
  V mul(V a, V b) {
    return bin(Op::mul, a, b);
  }
  template <class V>
  V and_(V a, V b) {
    return bin(Op::and_, a, b);
  }
  template <class V>
  V or_(V a, V b) {
    return bin(Op::or_, a, b);
  }
  template <class V>
  V xor_(V a, V b) {
    return bin(Op::xor_, a, b);
  }
  template <class V>
  V not_(V a) {
    return un(Op::not_, a);
  }
  template <class V>
  V shl(V a, V b) {
    return bin(Op::shl, a, b);
  }
  template <class V>
  V lshr(V a, V b) {
    return bin(Op::lshr, a, b);
  }
  template <class V>
  V ashr(V a, V b) {
    return bin(Op::ashr, a, b);
  }
  template <class V>
  V select(I1 c, V a, V b) {
    return V::from(emit(Op::select, V::type, {c, a, b}));
  }
  template <class To>
  To zext(Any a) {
    return To::from(emit(Op::zext, To::type, {a}));
  }
  template <class To>
  To sext(Any a) {
    return To::from(emit(Op::sext, To::type, {a}));
  }
  template <class To>
  To trunc(Any a) {
    return To::from(emit(Op::trunc, To::type, {a}));
  }
  template <class To>
  To bitcast(Any a) {
    return To::from(emit(Op::bitcast, To::type, {a}));
  }

  // -- memory --
  template <class V>
  V load(I64 address, MemAttr attr, s64 disp = 0) {
    return V::from(load(V::type, address, attr, disp));
  }
  Any load(Type type, I64 address, MemAttr attr, s64 disp = 0) {
    return emit(Op::load, type, {address}, u64(disp), attr.pack());
  }
  void store(I64 address, Any value, MemAttr attr, s64 disp = 0) {
    emit(Op::store, kVoid, {address, value}, u64(disp), attr.pack());
  }

  // -- helpers and exits --
  Any helper(unsigned row, Type result, std::initializer_list<Any> args) {
    return emit(Op::helper, result, args, row, u16(args.size()));
  }
  u32 add_exit(Exit exit) {
    exit.insns = block_.guest_insns;
    block_.exits.push_back(exit);
    return u32(block_.exits.size() - 1);
  }
  void exit_if(I1 condition, Exit exit) { emit(Op::exit_if, kVoid, {condition}, add_exit(exit)); }
  void end(Exit exit) { emit(Op::end, kVoid, {}, add_exit(exit)); }

 private:
  Block& block_;
  const StateLayout& layout_;
};

}  // namespace mimus::ir
