// Copy rules: instructions whose result is an earlier value.
#include "core/passes/sweep.h"

namespace mimus::passes {

namespace {

using namespace ir;

bool same_operands(const Inst& i) { return i.args[0] == i.args[1]; }

ValueId right_zero(const Values& v, const Inst& i) { return v.is(i.args[1], 0) ? i.args[0] : kNoValue; }
ValueId right_one(const Values& v, const Inst& i) { return v.is(i.args[1], 1) ? i.args[0] : kNoValue; }
ValueId idempotent(const Values&, const Inst& i) { return same_operands(i) ? i.args[0] : kNoValue; }

ValueId mul(const Values& v, const Inst& i) { return v.is(i.args[1], 0) ? i.args[1] : right_one(v, i); }
ValueId and_(const Values& v, const Inst& i) {
  if (same_operands(i) || v.is_ones(i.args[1])) return i.args[0];
  return v.is(i.args[1], 0) ? i.args[1] : kNoValue;
}
ValueId or_(const Values& v, const Inst& i) {
  if (same_operands(i) || v.is(i.args[1], 0)) return i.args[0];
  return v.is_ones(i.args[1]) ? i.args[1] : kNoValue;
}
ValueId shift(const Values& v, const Inst& i) {
  u64 amount;
  return v.constant(i.args[1], amount) && amount % i.type.lane_bits() == 0 ? i.args[0] : kNoValue;
}

// op(op(x)) = x
ValueId involution(const Values& v, const Inst& i) {
  const Inst& inner = v.def(i.args[0]);
  return inner.op == i.op ? inner.args[0] : kNoValue;
}
// op(op(x)) = op(x)
ValueId projection(const Values& v, const Inst& i) {
  const Inst& inner = v.def(i.args[0]);
  return inner.op == i.op && inner.attr == i.attr ? i.args[0] : kNoValue;
}

// ne(zext c, 0) and eq(zext c, 1) are c; so are the comparisons of an i1 itself.
ValueId truth(const Values& v, const Inst& i, u64 neutral) {
  const Inst& a = v.def(i.args[0]);
  if (!v.is(i.args[1], neutral)) return kNoValue;
  if (a.type.elem == Elem::i1) return i.args[0];
  return a.op == Op::zext && v.type(a.args[0]).elem == Elem::i1 ? a.args[0] : kNoValue;
}
ValueId eq(const Values& v, const Inst& i) { return truth(v, i, 1); }
ValueId ne(const Values& v, const Inst& i) { return truth(v, i, 0); }

ValueId select(const Values& v, const Inst& i) {
  u64 condition;
  if (i.args[1] == i.args[2]) return i.args[1];
  if (v.constant(i.args[0], condition)) return condition ? i.args[1] : i.args[2];
  if (i.type == v.type(i.args[0]) && v.is_ones(i.args[1]) && v.is(i.args[2], 0)) return i.args[0];
  return kNoValue;
}

ValueId trunc(const Values& v, const Inst& i) {
  const Inst& a = v.def(i.args[0]);
  const bool wider = a.op == Op::zext || a.op == Op::sext || a.op == Op::pair;
  return wider && v.type(a.args[0]) == i.type ? a.args[0] : kNoValue;
}

bool whole(const Inst& i) { return i.imm == u64{i.type.lane_bits()} << 8; }
// A field from bit 0 that holds all that a value widened by `widening` has.
ValueId low_field(const Values& v, const Inst& i, Op widening) {
  if (whole(i)) return i.args[0];
  const Inst& a = v.def(i.args[0]);
  const bool covered = a.op == widening && (i.imm & 0xff) == 0 && v.type(a.args[0]).lane_bits() <= i.imm >> 8;
  return covered ? i.args[0] : kNoValue;
}
ValueId extract(const Values& v, const Inst& i) { return low_field(v, i, Op::zext); }
ValueId sextract(const Values& v, const Inst& i) { return low_field(v, i, Op::sext); }
ValueId insert(const Values&, const Inst& i) { return whole(i) ? i.args[1] : kNoValue; }

ValueId bitcast(const Values& v, const Inst& i) {
  const Inst& a = v.def(i.args[0]);
  if (a.type == i.type) return i.args[0];
  return a.op == Op::bitcast && v.type(a.args[0]) == i.type ? a.args[0] : kNoValue;
}
ValueId unbox(const Values& v, const Inst& i) {
  const Inst& a = v.def(i.args[0]);
  return a.op == Op::box && v.type(a.args[0]) == i.type ? a.args[0] : kNoValue;
}

ValueId lane_get(const Values& v, const Inst& i) {
  const Inst& a = v.def(i.args[0]);
  if (a.op == Op::splat) return a.args[0];
  return a.op == Op::lane_set && a.imm == i.imm ? a.args[1] : kNoValue;
}
ValueId lane_set(const Values& v, const Inst& i) {
  const Inst& b = v.def(i.args[1]);
  return b.op == Op::lane_get && b.args[0] == i.args[0] && b.imm == i.imm ? i.args[0] : kNoValue;
}

constexpr RuleRow<CopyRule> kRows[] = {
    {Op::add, right_zero},
    {Op::sub, right_zero},
    {Op::mul, mul},
    {Op::sdiv, right_one},
    {Op::udiv, right_one},
    {Op::neg, involution},
    {Op::smin, idempotent},
    {Op::smax, idempotent},
    {Op::umin, idempotent},
    {Op::umax, idempotent},
    {Op::sat_sadd, right_zero},
    {Op::sat_uadd, right_zero},
    {Op::sat_ssub, right_zero},
    {Op::sat_usub, right_zero},
    {Op::and_, and_},
    {Op::or_, or_},
    {Op::xor_, right_zero},
    {Op::andn, right_zero},
    {Op::not_, involution},
    {Op::shl, shift},
    {Op::lshr, shift},
    {Op::ashr, shift},
    {Op::rotl, shift},
    {Op::rotr, shift},
    {Op::bswap, involution},
    {Op::bitreverse, involution},
    {Op::bitreverse8, involution},
    {Op::orc8, projection},
    {Op::trunc, trunc},
    {Op::bitcast, bitcast},
    {Op::extract, extract},
    {Op::sextract, sextract},
    {Op::insert, insert},
    {Op::eq, eq},
    {Op::ne, ne},
    {Op::select, select},
    {Op::fneg, involution},
    {Op::fabs, projection},
    {Op::fcopysign, idempotent},
    {Op::nan_fix, projection},
    {Op::unbox, unbox},
    {Op::lane_get, lane_get},
    {Op::lane_set, lane_set},
};

}  // namespace

constinit const RuleTable<CopyRule> kCopyRules = make_rules(kRows);

}  // namespace mimus::passes
