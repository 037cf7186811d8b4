// The invariants of a block:
//  1. an operand is the result of an earlier instruction; operand fields not in use are kNoValue
//  2. types obey the op's rule (TypeRule in op.h); a type has 1 to 256 lanes, a power of two, and at most 2048 bits
//  3. attributes and immediates are in the range of their kind: slots, helpers, lanes, fields and pool ranges exist
//  4. `end` stands last and nowhere else; the k-th instruction that names an exit names exit k, and there are no others
//  5. an exit's value is an i64 defined before the instruction that leaves by it
//  6. whatever may fault, and every trap, comes after a begin_insn
//  7. a helper gets as many operands as its row says
#include <fmt/format.h>

#include "core/ir/text_internal.h"

namespace mimus::ir {

namespace {

struct Checker;

// Result and operand types of one instruction, and the question whether they obey a rule.
struct Types {
  Type r, a, b, c;
  bool masked;  // a memory op with a mask operand
};

bool shape_exists(Type t) {
  return t.lanes >= 1 && t.lanes <= 256 && (t.lanes & (t.lanes - 1)) == 0 && t.bytes() <= 256;
}
Type mask_of(Type t) { return {Elem::i1, t.lanes}; }
bool between(Type t, Elem low, Elem high) { return t.elem >= low && t.elem <= high; }
bool boxable(Type t) { return t == f16 || t == bf16 || t == f32; }
bool vector_of(Type vector, Type element) {
  return vector.is_vector() && !element.is_vector() && vector.elem == element.elem;
}

using Rule = bool (*)(const Types&);
bool same_types(const Types& t, unsigned arity) {
  return (arity < 1 || t.a == t.r) && (arity < 2 || t.b == t.r) && (arity < 3 || t.c == t.r);
}
// For operands that the op does not have, the checker fills in the type of `a`.
constexpr Rule kRules[] = {
    /* none */ [](const Types& t) { return t.r.is_void(); },
    /* any */ [](const Types& t) { return !t.r.is_void(); },
    /* same */ [](const Types& t) { return t.r.is_int() && same_types(t, 3); },
    /* fsame */ [](const Types& t) { return t.r.is_float() && same_types(t, 3); },
    /* compare */ [](const Types& t) { return t.a.is_int() && t.a == t.b && t.r == mask_of(t.a); },
    /* fcompare */ [](const Types& t) { return t.a.is_float() && t.a == t.b && t.r == mask_of(t.a); },
    /* carry */ [](const Types& t) { return t.a.is_int() && t.a == t.b && t.c == mask_of(t.a) && t.r == t.c; },
    /* adc */ [](const Types& t) { return t.r.is_int() && t.a == t.r && t.b == t.r && t.c == mask_of(t.r); },
    /* select */
    [](const Types& t) { return (t.a == i1 || t.a == mask_of(t.r)) && t.b == t.r && t.c == t.r && !t.r.is_void(); },
    /* widen */
    [](const Types& t) { return t.a.is_int() && t.r.is_int() && t.a.lanes == t.r.lanes && t.r.elem > t.a.elem; },
    /* narrow */
    [](const Types& t) { return t.a.is_int() && t.r.is_int() && t.a.lanes == t.r.lanes && t.r.elem < t.a.elem; },
    /* bitcast */
    [](const Types& t) {
      const auto fixed = [](Type x) { return !x.is_void() && x.elem != Elem::i1 && x.elem != Elem::f80; };
      return fixed(t.a) && fixed(t.r) && t.a.bits() == t.r.bits();
    },
    /* pair */
    [](const Types& t) {
      return between(t.a, Elem::i8, Elem::i64) && t.a == t.b && t.r == Type{Elem(u8(t.a.elem) + 1), t.a.lanes};
    },
    /* crc */
    [](const Types& t) { return t.r == i32 && t.a == i32 && !t.b.is_vector() && between(t.b, Elem::i8, Elem::i64); },
    /* fclass */ [](const Types& t) { return t.a.is_float() && !t.a.is_vector() && t.r == i64; },
    /* fconvert */
    [](const Types& t) { return t.a.is_float() && t.r.is_float() && t.a.lanes == t.r.lanes && t.a.elem != t.r.elem; },
    /* fto_int */
    [](const Types& t) { return t.a.is_float() && between(t.r, Elem::i8, Elem::i64) && t.a.lanes == t.r.lanes; },
    /* ffrom_int */
    [](const Types& t) { return t.r.is_float() && between(t.a, Elem::i8, Elem::i64) && t.a.lanes == t.r.lanes; },
    /* unbox */ [](const Types& t) { return t.a == i64 && boxable(t.r); },
    /* box */ [](const Types& t) { return boxable(t.a) && t.r == i64; },
    /* splat */ [](const Types& t) { return vector_of(t.r, t.a); },
    /* lane_get */ [](const Types& t) { return vector_of(t.a, t.r); },
    /* lane_set */ [](const Types& t) { return t.a == t.r && vector_of(t.r, t.b); },
    /* same_elem */
    [](const Types& t) { return t.a == t.r && t.r.is_vector() && t.b.is_int() && t.b.lanes == t.r.lanes; },
    /* shuffle */ [](const Types& t) { return t.r.is_vector() && t.a == t.r && t.b == t.r; },
    /* reduce */ [](const Types& t) { return t.a.is_int() && vector_of(t.a, t.r); },
    /* mask_bits */ [](const Types& t) { return t.a.elem == Elem::i1 && t.a.lanes <= 64 && t.r == i64; },
    /* v2i64 */ [](const Types& t) { return t.r == vec(Elem::i64, 2) && same_types(t, 3); },
    /* v4i32 */ [](const Types& t) { return t.r == vec(Elem::i32, 4) && same_types(t, 3); },
    /* v16i8 */ [](const Types& t) { return t.r == vec(Elem::i8, 16) && same_types(t, 3); },
    /* slot_read */ [](const Types& t) { return !t.r.is_void(); },  // against the slot: check_slot
    /* slot_write */ [](const Types& t) { return t.r.is_void(); },
    /* flags */ [](const Types& t) { return t.r.is_void() && t.a.is_int() && t.a == t.b && t.a == t.c; },
    /* load */
    [](const Types& t) {
      return t.a == i64 && !t.r.is_void() && (!t.masked || (t.b == mask_of(t.r) && t.c == t.r && t.r.is_vector()));
    },
    /* store */
    [](const Types& t) {
      return t.a == i64 && t.r.is_void() && (!t.masked || (t.c == mask_of(t.b) && t.b.is_vector()));
    },
    /* store_c */
    [](const Types& t) { return t.a == i64 && !t.b.is_vector() && between(t.b, Elem::i8, Elem::i128) && t.r == i64; },
    /* amo */
    [](const Types& t) { return t.a == i64 && !t.r.is_vector() && between(t.r, Elem::i8, Elem::i128) && t.b == t.r; },
    /* cas */
    [](const Types& t) {
      return t.a == i64 && !t.r.is_vector() && between(t.r, Elem::i8, Elem::i128) && t.b == t.r && t.c == t.r;
    },
    /* helper */ [](const Types& t) { return t.r.is_void() || t.r == i64; },
    /* exit */ [](const Types& t) { return t.r.is_void() && t.a == i1; },
    /* effect */ [](const Types& t) { return t.r.is_void() && t.a == i64; },
};
static_assert(std::size(kRules) == unsigned(TypeRule::effect) + 1);

struct Checker {
  const Block& block;
  const TextContext& context;
  ValueId id = 0;
  u32 exits = 0;
  bool began = false;

  std::unexpected<Error> error(std::string_view what) const {
    return fail(fmt::format("instruction %{} ({}): {}", id, info(block.insts[id].op).name, what));
  }
  // The same with the whole line, which is printable once all indices have been checked.
  std::unexpected<Error> error_line(std::string_view what) const {
    return fail(fmt::format("{}\n  in: {}", what, print_line(block, context, id)));
  }
  bool defined(ValueId value) const { return value < id && !block.insts[value].type.is_void(); }
  Type type_of(ValueId value) const { return block.insts[value].type; }

  Expected<void> check();
  Expected<void> check_inst();
  Expected<void> check_operands(const Inst& inst);
  Expected<void> check_exit(const Inst& inst);
  Expected<void> check_helper(const Inst& inst);
  Expected<void> check_types(const Inst& inst);
};

// -- immediates and attributes: null when in range, else what is wrong --
using Range = const char* (*)(const Checker&, const Inst&);

const char* fine(const Checker&, const Inst&) { return nullptr; }
const char* pool_range(const Checker& c, const Inst& inst) {
  const bool shuffle = info(inst.op).rule == TypeRule::shuffle;
  const u64 bytes = shuffle ? inst.type.lanes : inst.type.bytes();
  if (inst.imm > c.block.pool.size() || bytes > c.block.pool.size() - inst.imm) return "reaches beyond the pool";
  for (u64 i = 0; shuffle && i < bytes; ++i)
    if (c.block.pool[inst.imm + i] >= 2u * inst.type.lanes) return "shuffle index beyond both vectors";
  return nullptr;
}
const char* slot_range(const Checker& c, const Inst& inst) {
  if (inst.imm >= c.context.layout.slots.size()) return "no such slot";
  const Type value = inst.type.is_void() ? c.type_of(inst.args[0]) : inst.type;
  return value == c.context.layout.slots[inst.imm].type ? nullptr : "type differs from the slot's";
}
const char* field_range(const Checker&, const Inst& inst) {
  const u64 lsb = inst.imm & 0xff, width = inst.imm >> 8;
  return width >= 1 && lsb + width <= inst.type.lane_bits() ? nullptr : "field outside the lane";
}
const char* lane_range(const Checker& c, const Inst& inst) {
  return inst.imm < c.type_of(inst.args[0]).lanes ? nullptr : "no such lane";
}
const char* helper_range(const Checker& c, const Inst& inst) {
  return inst.imm < c.context.helpers.size() ? nullptr : "no such helper";
}
const char* exit_range(const Checker& c, const Inst& inst) {
  if (inst.imm >= c.block.exits.size()) return "no such exit";
  return inst.imm == c.exits ? nullptr : "exits must be used in their order, each once";
}
const char* flags_range(const Checker& c, const Inst& inst) {
  if ((inst.imm & 0xffff) + 4 > c.context.layout.slots.size()) return "no such slots";
  return inst.imm >> 32 ? "flags kind beyond 16 bits" : nullptr;
}
const char* poly_range(const Checker&, const Inst& inst) {
  return inst.imm >> 32 ? "polynomial beyond 32 bits" : nullptr;
}
const char* size_range(const Checker&, const Inst& inst) {
  return inst.imm && (inst.imm & (inst.imm - 1)) == 0 && inst.imm <= kPageSize ? nullptr
                                                                               : "size not a power of two up to a page";
}
constexpr Range kImmRange[] = {fine,        fine,       pool_range,    slot_range,   fine,
                               field_range, lane_range, fine /*disp*/, helper_range, exit_range,
                               flags_range, poly_range, size_range};

const char* attr_zero(const Checker&, const Inst& inst) {
  return inst.attr == 0 || inst.op == Op::begin_insn ? nullptr : "attribute where none belongs";
}
const char* attr_mem(const Checker&, const Inst& inst) {
  const MemAttr attr = MemAttr::unpack(inst.attr);
  const bool known = attr.align <= Align::atomic16 && attr.order <= Order::seq_cst && attr.pack() == inst.attr;
  return known ? nullptr : "unknown memory attributes";
}
const char* attr_fp(const Checker&, const Inst& inst) {
  const FpAttr attr = FpAttr::unpack(inst.attr);
  const bool known = attr.rounding <= Rounding::current && attr.rule <= IntRule::x86 && attr.pack() == inst.attr;
  return known ? nullptr : "unknown floating-point attributes";
}
template <auto Last>
const char* attr_enum(const Checker&, const Inst& inst) {
  return inst.attr <= u16(Last) ? nullptr : "attribute out of range";
}
constexpr Range kAttrRange[] = {attr_zero,
                                attr_mem,
                                attr_fp,
                                attr_enum<FpMinRule::x86>,
                                attr_enum<NanRule::x86_default>,
                                attr_enum<FenceKind::release>,
                                fine};

Expected<void> Checker::check_operands(const Inst& inst) {
  for (unsigned i = 0; i < 4; ++i) {
    if (i >= arity(inst)) {
      if (inst.args[i] != kNoValue) return error("operand field in use beyond the op's arity");
    } else if (!defined(inst.args[i])) {
      return error(fmt::format("operand {} is not an earlier value", i));
    }
  }
  return {};
}

Expected<void> Checker::check_exit(const Inst& inst) {
  const Exit& exit = block.exits[inst.imm];
  if (exit.kind > Exit::Kind::yield) return error("unknown kind of exit");
  const bool wanted = exit_shape(exit.kind).value;
  if (wanted && (!defined(exit.value) || type_of(exit.value) != i64))
    return error("the exit's value is not an earlier i64");
  if (!wanted && exit.value != kNoValue) return error("an exit of this kind has no value");
  if (exit.kind == Exit::Kind::trap && !began) return error("a trap before the first begin_insn");
  ++exits;
  return {};
}

Expected<void> Checker::check_helper(const Inst& inst) {
  if (context.helpers[inst.imm].arity != inst.attr) return error_line("the helper takes another number of operands");
  for (unsigned i = 0; i < arity(inst); ++i) {
    const Type t = type_of(inst.args[i]);
    const bool word = !t.is_vector() && (between(t, Elem::i1, Elem::i64) || t == f32 || t == f64);
    if (!word) return error_line("a helper's operands are integers up to i64, f32 or f64");
  }
  return {};
}

Expected<void> Checker::check_types(const Inst& inst) {
  const OpInfo& op = info(inst.op);
  Types t{inst.type, {}, {}, {}, false};
  if (arity(inst) >= 1) t.a = t.b = t.c = type_of(inst.args[0]);
  if (arity(inst) >= 2) t.b = type_of(inst.args[1]);
  if (arity(inst) >= 3) t.c = type_of(inst.args[2]);
  t.masked = has(op.effects, Effects::reads_memory | Effects::writes_memory) && op.arity == 3;
  if (!kRules[unsigned(op.rule)](t)) return error_line("types break the op's rule");
  if (inst.op == Op::fma && inst.type.elem == Elem::f80) return error_line("no fused multiply-add of f80");
  return {};
}

Expected<void> Checker::check_inst() {
  const Inst& inst = block.insts[id];
  if (unsigned(inst.op) >= kOpCount) return fail(fmt::format("instruction %{}: unknown op", id));
  const OpInfo& op = info(inst.op);
  if (op.attr == AttrKind::helper_args && inst.attr > 4) return error("more than four operands");
  if (!inst.type.is_void() && !shape_exists(inst.type)) return error("no such type");
  MIMUS_CHECK(check_operands(inst));
  if (const char* what = kImmRange[unsigned(op.imm)](*this, inst)) return error(what);
  if (const char* what = kAttrRange[unsigned(op.attr)](*this, inst)) return error(what);
  if (inst.op == Op::begin_insn) began = true;
  if (has(op.effects, Effects::may_fault) && op.imm != ImmKind::helper && !began)
    return error("may fault, but comes before the first begin_insn");
  if (op.imm == ImmKind::exit) MIMUS_CHECK(check_exit(inst));
  if (op.imm == ImmKind::helper) MIMUS_CHECK(check_helper(inst));
  MIMUS_CHECK(check_types(inst));
  const bool last = id + 1 == block.insts.size();
  if (has(op.effects, Effects::ends_block) != last)
    return error(last ? "the last instruction must be `end`" : "`end` before the last instruction");
  return {};
}

Expected<void> Checker::check() {
  if (block.insts.empty()) return fail("a block without instructions");
  for (; id < block.insts.size(); ++id) MIMUS_CHECK(check_inst());
  if (exits != block.exits.size()) return fail("an exit that no instruction uses");
  return {};
}

}  // namespace

Expected<void> verify(const Block& block, const TextContext& context) { return Checker{block, context}.check(); }

}  // namespace mimus::ir
