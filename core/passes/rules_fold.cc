// Fold rules: constant evaluation and algebra. Rules see operands that have been simplified already.
#include "core/passes/sweep.h"

namespace mimus::passes {

namespace {

using namespace ir;

bool same_operands(const Inst& i) { return i.args[0] == i.args[1]; }
bool foldable(Type type) { return type.lane_bits() <= 64; }

// -- evaluation of lanes of `w` bits; operands are zero-extended, results are cut to w bits by the caller --

s64 sx(u64 v, unsigned w) { return sign_extend(v, w); }
u64 ones(unsigned w) { return ~u64{0} >> (64 - w); }
using Eval = u64 (*)(u64 a, u64 b, unsigned w);

u64 eval_sdiv(u64 a, u64 b, unsigned w) {
  if (b == 0) return ones(w);
  return sx(b, w) == -1 ? 0 - a : u64(sx(a, w) / sx(b, w));
}
u64 eval_srem(u64 a, u64 b, unsigned w) {
  if (b == 0) return a;
  return sx(b, w) == -1 ? 0 : u64(sx(a, w) % sx(b, w));
}
u64 eval_rotl(u64 a, u64 b, unsigned w) {
  const unsigned n = b % w;
  return n ? a << n | a >> (w - n) : a;
}
u64 eval_rotr(u64 a, u64 b, unsigned w) { return eval_rotl(a, w - b % w, w); }

constexpr struct {
  Op op;
  Eval eval;
} kEvals[] = {
    {Op::add, [](u64 a, u64 b, unsigned) { return a + b; }},
    {Op::sub, [](u64 a, u64 b, unsigned) { return a - b; }},
    {Op::mul, [](u64 a, u64 b, unsigned) { return a * b; }},
    {Op::smulh, [](u64 a, u64 b, unsigned w) { return u64(s128{sx(a, w)} * sx(b, w) >> w); }},
    {Op::umulh, [](u64 a, u64 b, unsigned w) { return u64(u128{a} * b >> w); }},
    {Op::sumulh, [](u64 a, u64 b, unsigned w) { return u64(s128{sx(a, w)} * s128{b} >> w); }},
    {Op::sdiv, eval_sdiv},
    {Op::udiv, [](u64 a, u64 b, unsigned w) { return b ? a / b : ones(w); }},
    {Op::srem, eval_srem},
    {Op::urem, [](u64 a, u64 b, unsigned) { return b ? a % b : a; }},
    {Op::smin, [](u64 a, u64 b, unsigned w) { return sx(a, w) < sx(b, w) ? a : b; }},
    {Op::smax, [](u64 a, u64 b, unsigned w) { return sx(a, w) > sx(b, w) ? a : b; }},
    {Op::umin, [](u64 a, u64 b, unsigned) { return a < b ? a : b; }},
    {Op::umax, [](u64 a, u64 b, unsigned) { return a > b ? a : b; }},
    {Op::and_, [](u64 a, u64 b, unsigned) { return a & b; }},
    {Op::or_, [](u64 a, u64 b, unsigned) { return a | b; }},
    {Op::xor_, [](u64 a, u64 b, unsigned) { return a ^ b; }},
    {Op::andn, [](u64 a, u64 b, unsigned) { return a & ~b; }},
    {Op::shl, [](u64 a, u64 b, unsigned w) { return a << b % w; }},
    {Op::lshr, [](u64 a, u64 b, unsigned w) { return a >> b % w; }},
    {Op::ashr, [](u64 a, u64 b, unsigned w) { return u64(sx(a, w) >> b % w); }},
    {Op::rotl, eval_rotl},
    {Op::rotr, eval_rotr},
    {Op::eq, [](u64 a, u64 b, unsigned) { return u64{a == b}; }},
    {Op::ne, [](u64 a, u64 b, unsigned) { return u64{a != b}; }},
    {Op::slt, [](u64 a, u64 b, unsigned w) { return u64{sx(a, w) < sx(b, w)}; }},
    {Op::sle, [](u64 a, u64 b, unsigned w) { return u64{sx(a, w) <= sx(b, w)}; }},
    {Op::ult, [](u64 a, u64 b, unsigned) { return u64{a < b}; }},
    {Op::ule, [](u64 a, u64 b, unsigned) { return u64{a <= b}; }},
};
constexpr Eval eval_of(Op op) {
  for (const auto& row : kEvals)
    if (row.op == op) return row.eval;
  return nullptr;
}

// Both operands constant.
template <Op O>
bool evaluate(Folder& f, Inst& i) {
  constexpr Eval eval = eval_of(O);
  const Type type = f.type(i.args[0]);
  u64 a, b;
  if (!foldable(type) || !f.constant(i.args[0], a) || !f.constant(i.args[1], b)) return false;
  return f.become_constant(i, eval(a, b, type.lane_bits()));
}

// A constant of a commutative op goes to the right.
bool commute(Folder& f, Inst& i) {
  if (f.def(i.args[0]).op != Op::constant || f.def(i.args[1]).op == Op::constant) return false;
  std::swap(i.args[0], i.args[1]);
  return true;
}

// (x op c1) op c2 = x op (c1 op c2)
template <Op O>
bool reassociate(Folder& f, Inst& i) {
  const Inst& a = f.def(i.args[0]);
  u64 inner, outer;
  if (a.op != O || f.held(i.args[0]) || !foldable(i.type) || !f.constant(i.args[1], outer) ||
      !f.constant(a.args[1], inner))
    return false;
  const ValueId x = a.args[0];
  return f.become(i, O, x, f.add_constant(i.type, eval_of(O)(inner, outer, i.type.lane_bits())));
}
template <Op O>
bool commutative(Folder& f, Inst& i) {
  return evaluate<O>(f, i) || commute(f, i) || reassociate<O>(f, i);
}
template <Op O>
bool commutative_only(Folder& f, Inst& i) {
  return evaluate<O>(f, i) || commute(f, i);
}

// -- arithmetic --

bool sub(Folder& f, Inst& i) {
  if (evaluate<Op::sub>(f, i)) return true;
  if (same_operands(i)) return f.become_constant(i, 0);
  if (f.is(i.args[0], 0)) return f.become(i, Op::neg, i.args[1]);
  u64 c;
  if (!foldable(i.type) || !f.constant(i.args[1], c)) return false;
  return f.become(i, Op::add, i.args[0], f.add_constant(i.type, 0 - c));
}

bool power_of_two(Folder& f, const Inst& i, u64& c) {
  return foldable(i.type) && f.constant(i.args[1], c) && std::has_single_bit(c);
}
bool mul(Folder& f, Inst& i) {
  if (evaluate<Op::mul>(f, i) || commute(f, i)) return true;
  u64 c;
  if (!power_of_two(f, i, c)) return false;
  return f.become(i, Op::shl, i.args[0], f.add_constant(i.type, u64(std::countr_zero(c))));
}
bool udiv(Folder& f, Inst& i) {
  if (evaluate<Op::udiv>(f, i)) return true;
  u64 c;
  if (!power_of_two(f, i, c)) return false;
  return f.become(i, Op::lshr, i.args[0], f.add_constant(i.type, u64(std::countr_zero(c))));
}
bool urem(Folder& f, Inst& i) {
  if (evaluate<Op::urem>(f, i)) return true;
  u64 c;
  if (!power_of_two(f, i, c)) return false;
  return f.become(i, Op::and_, i.args[0], f.add_constant(i.type, c - 1));
}
bool neg(Folder& f, Inst& i) {
  u64 c;
  return foldable(i.type) && f.constant(i.args[0], c) && f.become_constant(i, 0 - c);
}

// The operand y of a + ~y + 1.
ValueId subtrahend(const Folder& f, const Inst& i) {
  const Inst& b = f.def(i.args[1]);
  return b.op == Op::not_ && f.is(i.args[2], 1) ? b.args[0] : kNoValue;
}
bool adc(Folder& f, Inst& i) {
  if (f.is(i.args[2], 0)) return f.become(i, Op::add, i.args[0], i.args[1]);
  const ValueId y = subtrahend(f, i);
  return y != kNoValue && f.become(i, Op::sub, i.args[0], y);
}
bool add_carry(Folder& f, Inst& i) {
  const ValueId y = subtrahend(f, i);
  return y != kNoValue && f.become(i, Op::ule, y, i.args[0]);
}

// -- bits --

bool xor_(Folder& f, Inst& i) {
  if (commutative<Op::xor_>(f, i)) return true;
  if (same_operands(i)) return f.become_constant(i, 0);
  return f.is_ones(i.args[1]) && f.become(i, Op::not_, i.args[0]);
}
bool andn(Folder& f, Inst& i) {
  if (evaluate<Op::andn>(f, i)) return true;
  if (same_operands(i)) return f.become_constant(i, 0);
  u64 c;
  if (!foldable(i.type) || !f.constant(i.args[1], c)) return false;
  return f.become(i, Op::and_, i.args[0], f.add_constant(i.type, ~c));
}

struct Inversion {
  Op op, inverse;
  bool swap;
};
constexpr Inversion kInversions[] = {
    {Op::eq, Op::ne, false},  {Op::ne, Op::eq, false},  {Op::slt, Op::sle, true},
    {Op::sle, Op::slt, true}, {Op::ult, Op::ule, true}, {Op::ule, Op::ult, true},
};
// The negation of a comparison is the opposite comparison.
bool not_(Folder& f, Inst& i) {
  u64 c;
  if (foldable(i.type) && f.constant(i.args[0], c)) return f.become_constant(i, ~c);
  const Inst a = f.def(i.args[0]);
  for (const Inversion& row : kInversions)
    if (row.op == a.op) return f.become(i, row.inverse, a.args[row.swap], a.args[!row.swap]);
  return false;
}

// Two shifts by constants, in the same direction or left and back again.
bool shift_pair(Folder& f, Inst& i) {
  const Inst& a = f.def(i.args[0]);
  const bool right = i.op == Op::lshr || i.op == Op::ashr;
  if (a.op != i.op && !(right && a.op == Op::shl)) return false;
  u64 first, second;
  if (!foldable(i.type) || !f.constant(a.args[1], first) || !f.constant(i.args[1], second)) return false;
  const unsigned w = i.type.lane_bits();
  first %= w, second %= w;
  const ValueId x = a.args[0];
  if (a.op == Op::shl && right) {
    if (first != second) return false;
    return f.become(i, i.op == Op::lshr ? Op::extract : Op::sextract, x, kNoValue, (w - first) << 8);
  }
  u64 total = first + second;
  if (total >= w) {
    if (i.op != Op::ashr) return f.become_constant(i, 0);
    total = w - 1;
  }
  return f.become(i, i.op, x, f.add_constant(i.type, total));
}
template <Op O>
bool shift(Folder& f, Inst& i) {
  return evaluate<O>(f, i) || shift_pair(f, i);
}

// -- width --

bool widen_constant(Folder& f, Inst& i) {
  u64 c;
  const Type from = f.type(i.args[0]);
  if (!foldable(from) || !f.constant(i.args[0], c)) return false;
  if (i.op == Op::zext) return f.become_constant(i, c);
  return foldable(i.type) && f.become_constant(i, u64(sx(c, from.lane_bits())));
}
bool zext(Folder& f, Inst& i) {
  if (widen_constant(f, i)) return true;
  const Inst& a = f.def(i.args[0]);
  return a.op == Op::zext && f.become(i, Op::zext, a.args[0]);
}
bool sext(Folder& f, Inst& i) {
  if (widen_constant(f, i)) return true;
  const Inst& a = f.def(i.args[0]);
  return (a.op == Op::zext || a.op == Op::sext) && f.become(i, a.op, a.args[0]);
}
// Does `a` pass the low `width` bits of its first operand through?
bool keeps_low_bits(const Folder& f, const Inst& a, unsigned width) {
  u64 c;
  const bool low_field = (a.op == Op::extract || a.op == Op::sextract) && (a.imm & 0xff) == 0 && a.imm >> 8 >= width;
  return low_field || (a.op == Op::and_ && width <= 64 && f.constant(a.args[1], c) && (~c & ones(width)) == 0);
}
bool trunc(Folder& f, Inst& i) {
  u64 c;
  if (f.constant(i.args[0], c)) return f.become_constant(i, c);
  const Inst& a = f.def(i.args[0]);
  if (a.op == Op::trunc || keeps_low_bits(f, a, i.type.lane_bits())) return f.become(i, Op::trunc, a.args[0]);
  if (a.op != Op::zext && a.op != Op::sext && a.op != Op::pair) return false;
  const Elem inner = f.type(a.args[0]).elem;
  if (inner > i.type.elem) return f.become(i, Op::trunc, a.args[0]);
  return a.op != Op::pair && inner < i.type.elem && f.become(i, a.op, a.args[0]);
}

bool extract(Folder& f, Inst& i) {
  const unsigned lsb = i.imm & 0xff, width = unsigned(i.imm >> 8);
  u64 c;
  if (foldable(i.type) && f.constant(i.args[0], c)) {
    const u64 field = bits(c, lsb, width);
    return f.become_constant(i, i.op == Op::extract ? field : u64(sx(field, width)));
  }
  const Inst& a = f.def(i.args[0]);
  if (a.op == Op::lshr && foldable(i.type) && f.constant(a.args[1], c)) {
    const u64 from = lsb + c % i.type.lane_bits();
    if (from + width <= i.type.lane_bits()) return f.become(i, i.op, a.args[0], kNoValue, from | u64{width} << 8);
  }
  const bool inside = a.op == Op::extract && lsb + width <= a.imm >> 8;
  return inside && f.become(i, i.op, a.args[0], kNoValue, i.imm + (a.imm & 0xff));
}
bool insert(Folder& f, Inst& i) {
  u64 a, b;
  if (!foldable(i.type) || !f.constant(i.args[0], a) || !f.constant(i.args[1], b)) return false;
  const u64 mask = ones(unsigned(i.imm >> 8)) << (i.imm & 0xff);
  return f.become_constant(i, (a & ~mask) | (b << (i.imm & 0xff) & mask));
}
bool bitcast(Folder& f, Inst& i) {
  const Inst& a = f.def(i.args[0]);
  if (a.op == Op::bitcast) return f.become(i, Op::bitcast, a.args[0]);
  u64 c;
  const bool words = !i.type.is_vector() && !a.type.is_vector() && i.type.bits() <= 64;
  return words && f.constant(i.args[0], c) && f.become_constant(i, c);
}

// -- compare and choose --

struct Narrowing {
  Op op;
  Op zero_extended;  // the predicate for operands that were zero-extended
};
constexpr Narrowing kNarrowings[] = {
    {Op::eq, Op::eq}, {Op::ne, Op::ne}, {Op::slt, Op::ult}, {Op::sle, Op::ule}, {Op::ult, Op::ult}, {Op::ule, Op::ule},
};

// Finds `v` as a value of `narrow` widened by `widening`; a constant is made anew.
ValueId unwiden(Folder& f, ValueId v, Op widening, Type narrow) {
  const Inst& inst = f.def(v);
  if (inst.op == widening && f.type(inst.args[0]) == narrow) return inst.args[0];
  u64 c;
  if (!foldable(inst.type) || !f.constant(v, c)) return kNoValue;
  const unsigned w = narrow.lane_bits();
  const u64 low = Values::lane_value(c, narrow);
  const u64 back = widening == Op::zext ? low : Values::lane_value(u64(sx(low, w)), inst.type);
  return back == c ? f.add_constant(narrow, low) : kNoValue;
}
// Both operands widened in the same way: compare before widening.
bool narrow_compare(Folder& f, Inst& i) {
  const Inst& wide = f.def(f.def(i.args[0]).op == Op::constant ? i.args[1] : i.args[0]);
  if (wide.op != Op::zext && wide.op != Op::sext) return false;
  const Type narrow = f.type(wide.args[0]);
  if (narrow.elem == Elem::i1) return false;
  const Op widening = wide.op;
  const ValueId a = unwiden(f, i.args[0], widening, narrow);
  const ValueId b = a == kNoValue ? kNoValue : unwiden(f, i.args[1], widening, narrow);
  if (b == kNoValue) return false;
  for (const Narrowing& row : kNarrowings)
    if (row.op == i.op) return f.become(i, widening == Op::zext ? row.zero_extended : row.op, a, b);
  return false;
}

// (x + c1) == c2, (x - y) == 0, (x ^ y) == 0
bool equal_difference(Folder& f, Inst& i) {
  const Inst& a = f.def(i.args[0]);
  u64 inner, outer;
  if (!f.constant(i.args[1], outer)) return false;
  if (outer == 0 && (a.op == Op::sub || a.op == Op::xor_)) return f.become(i, i.op, a.args[0], a.args[1]);
  if (a.op != Op::add || f.held(i.args[0]) || !foldable(a.type) || !f.constant(a.args[1], inner)) return false;
  const Type type = a.type;
  const ValueId x = a.args[0];
  return f.become(i, i.op, x, f.add_constant(type, outer - inner));
}
template <Op O>
bool equality(Folder& f, Inst& i) {
  if (evaluate<O>(f, i) || commute(f, i)) return true;
  if (same_operands(i)) return f.become_constant(i, O == Op::eq);
  // An i1, or a widened one, against the value that makes it a negation.
  const u64 negating = O == Op::eq ? 0 : 1;
  const Inst& a = f.def(i.args[0]);
  if (f.is(i.args[1], negating)) {
    if (a.type.elem == Elem::i1) return f.become(i, Op::not_, i.args[0]);
    if (a.op == Op::zext && f.type(a.args[0]).elem == Elem::i1) return f.become(i, Op::not_, a.args[0]);
  }
  return equal_difference(f, i) || narrow_compare(f, i);
}
template <Op O>
bool signed_order(Folder& f, Inst& i) {
  if (evaluate<O>(f, i)) return true;
  if (same_operands(i)) return f.become_constant(i, O == Op::sle);
  return narrow_compare(f, i);
}
bool ult(Folder& f, Inst& i) {
  if (evaluate<Op::ult>(f, i)) return true;
  if (same_operands(i) || f.is(i.args[1], 0)) return f.become_constant(i, 0);
  if (f.is(i.args[0], 0)) return f.become(i, Op::ne, i.args[1], i.args[0]);
  if (f.is(i.args[1], 1)) return f.become(i, Op::eq, i.args[0], f.add_constant(f.type(i.args[0]), 0));
  return narrow_compare(f, i);
}
bool ule(Folder& f, Inst& i) {
  if (evaluate<Op::ule>(f, i)) return true;
  if (same_operands(i) || f.is(i.args[0], 0)) return f.become_constant(i, 1);
  if (f.is(i.args[1], 0)) return f.become(i, Op::eq, i.args[0], i.args[1]);
  return narrow_compare(f, i);
}

bool select(Folder& f, Inst& i) {
  const Inst& condition = f.def(i.args[0]);
  if (condition.op == Op::not_) {
    i.args[0] = condition.args[0];
    std::swap(i.args[1], i.args[2]);
    return true;
  }
  const bool truth = i.type.is_int() && i.type.elem != Elem::i1 && condition.type.lanes == i.type.lanes;
  return truth && f.is(i.args[1], 1) && f.is(i.args[2], 0) && f.become(i, Op::zext, i.args[0]);
}

// -- vectors and memory --

bool splat(Folder& f, Inst& i) {
  u64 c;
  return foldable(i.type) && f.constant(i.args[0], c) && f.become_constant(i, c);
}
bool lane_get(Folder& f, Inst& i) {
  u64 c;
  return foldable(i.type) && f.constant(i.args[0], c) && f.become_constant(i, c);
}

// An addition of a constant in the address moves into the displacement, as far as that stays within 32 bits signed.
bool address(Folder& f, Inst& i) {
  const Inst& a = f.def(i.args[0]);
  u64 c;
  if (a.op != Op::add || f.held(i.args[0]) || !f.constant(a.args[1], c)) return false;
  const u64 disp = i.imm + c;
  if (s64(disp) != s32(disp)) return false;
  i.args[0] = a.args[0];
  i.imm = disp;
  return true;
}

constexpr RuleRow<FoldRule> kRows[] = {
    {Op::add, commutative<Op::add>},
    {Op::sub, sub},
    {Op::mul, mul},
    {Op::smulh, commutative_only<Op::smulh>},
    {Op::umulh, commutative_only<Op::umulh>},
    {Op::sumulh, evaluate<Op::sumulh>},
    {Op::sdiv, evaluate<Op::sdiv>},
    {Op::udiv, udiv},
    {Op::srem, evaluate<Op::srem>},
    {Op::urem, urem},
    {Op::neg, neg},
    {Op::adc, adc},
    {Op::add_carry, add_carry},
    {Op::smin, commutative<Op::smin>},
    {Op::smax, commutative<Op::smax>},
    {Op::umin, commutative<Op::umin>},
    {Op::umax, commutative<Op::umax>},
    {Op::and_, commutative<Op::and_>},
    {Op::or_, commutative<Op::or_>},
    {Op::xor_, xor_},
    {Op::andn, andn},
    {Op::not_, not_},
    {Op::shl, shift<Op::shl>},
    {Op::lshr, shift<Op::lshr>},
    {Op::ashr, shift<Op::ashr>},
    {Op::rotl, evaluate<Op::rotl>},
    {Op::rotr, evaluate<Op::rotr>},
    {Op::zext, zext},
    {Op::sext, sext},
    {Op::trunc, trunc},
    {Op::extract, extract},
    {Op::sextract, extract},
    {Op::insert, insert},
    {Op::bitcast, bitcast},
    {Op::eq, equality<Op::eq>},
    {Op::ne, equality<Op::ne>},
    {Op::slt, signed_order<Op::slt>},
    {Op::sle, signed_order<Op::sle>},
    {Op::ult, ult},
    {Op::ule, ule},
    {Op::select, select},
    {Op::splat, splat},
    {Op::lane_get, lane_get},
    {Op::load, address},
    {Op::store, address},
    {Op::load_masked, address},
    {Op::store_masked, address},
    {Op::load_linked, address},
    {Op::store_conditional, address},
    {Op::amo_swap, address},
    {Op::amo_add, address},
    {Op::amo_and, address},
    {Op::amo_or, address},
    {Op::amo_xor, address},
    {Op::amo_smin, address},
    {Op::amo_smax, address},
    {Op::amo_umin, address},
    {Op::amo_umax, address},
    {Op::cas, address},
};

}  // namespace

constinit const RuleTable<FoldRule> kFoldRules = make_rules(kRows);

}  // namespace mimus::passes
