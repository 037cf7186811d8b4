// Conversions between float formats, to and from integers, rounding to integral values, NaN boxing.
#include "backends/llvm/float.h"

namespace mimus::jit {
namespace {

using ir::Inst;
using ir::Op;
using ir::Rounding;
using llvm::Value;
namespace id = llvm::Intrinsic;

bool is_current(const Inst& i) { return ir::FpAttr::unpack(i.attr).rounding == Rounding::current; }

Value* convert(Lowering& l, const Inst& i) {
  const ir::Type from = l.arg_type(i, 0), to = i.type;
  Value* v = l.arg(i, 0);
  if (is_host_format(from) && is_host_format(to)) {
    if (from.elem == to.elem) return v;
    const ir::FpAttr attr = ir::FpAttr::unpack(i.attr);
    if (attr.flush) return call_assist(l, i, {v}, from, to);
    if (from.elem == ir::Elem::f32)
      return constrained(l, id::experimental_constrained_fpext, {l.type(to), v->getType()}, {v}, false);
    if (is_current(i)) {
      Value* result = constrained(l, id::experimental_constrained_fptrunc, {l.type(to), v->getType()}, {v}, true);
      return attr.rule == ir::IntRule::arm ? repair_arm(l, i, result, {v}, from, true) : result;
    }
  }
  return call_assist(l, i, {v}, from, to);
}

// ROUNDSS and ROUNDSD take the mode and whether to raise inexact as an immediate; LLVM knows the combinations below.
Value* round(Lowering& l, const Inst& i) {
  const ir::FpAttr attr = ir::FpAttr::unpack(i.attr);
  Value* v = l.arg(i, 0);
  if (is_host_format(i.type) && l.features.sse41 && !attr.flush) {
    if (attr.rounding == Rounding::current)
      return constrained(l, attr.exact ? id::experimental_constrained_rint : id::experimental_constrained_nearbyint,
                         {v->getType()}, {v}, true);
    static constexpr id::ID kStatic[] = {id::experimental_constrained_roundeven, id::experimental_constrained_trunc,
                                         id::experimental_constrained_floor, id::experimental_constrained_ceil};
    if (!attr.exact && attr.rounding < Rounding::rmm)
      return constrained(l, kStatic[unsigned(attr.rounding)], {v->getType()}, {v}, false);
  }
  return call_assist(l, i, {v}, i.type, i.type);
}

// ---- to integers ----

// The least bit pattern of a magnitude that may not fit the integer `to`, whatever the rounding: 2^(n-1) or 2^n; for
// the current mode (`margin`) one less where the format has fractions up there.
u64 limit_bits(ir::Type from, ir::Type to, bool is_signed, bool margin) {
  const unsigned bits = to.lane_bits() - (is_signed ? 1 : 0);
  const u64 power = from.elem == ir::Elem::f32 ? u64(127 + bits) << 23 : u64(1023 + bits) << 52;
  if (!margin || (from.elem == ir::Elem::f32 ? bits >= 24 : bits >= 53)) return power;
  return from.elem == ir::Elem::f32 ? std::bit_cast<u32>(float((u64{1} << bits) - 1))
                                    : std::bit_cast<u64>(double((u64{1} << bits) - 1));
}

Value* to_integer_by_host(Lowering& l, const Inst& i, Value* v) {
  // The integer that CVTTSD2SI gives: 32 or 64 bits, signed; unsigned ones come out of the next wider or, below 2^63,
  // out of the same.
  const unsigned width = i.op == Op::fto_u ? 64 : i.type.lane_bits();
  llvm::Type* wide = l.b.getIntNTy(width);
  if (is_current(i)) v = constrained(l, id::experimental_constrained_rint, {v->getType()}, {v}, true);
  Value* r = constrained(l, id::experimental_constrained_fptosi, {wide, v->getType()}, {v}, false);
  return l.b.CreateTrunc(r, l.type(i.type));
}

// Inline for operands that surely fit; all others (NaN, out of range, negative to unsigned) by soft float.
template <bool kSigned>
Value* to_integer(Lowering& l, const Inst& i) {
  auto& b = l.b;
  const ir::FpAttr attr = ir::FpAttr::unpack(i.attr);
  const ir::Type from = l.arg_type(i, 0);
  Value* v = l.arg(i, 0);
  const bool mode = attr.rounding == Rounding::rtz || (attr.rounding == Rounding::current && l.features.sse41);
  if (!is_host_format(from) || from.is_vector() || i.type.lane_bits() < 32 || i.type.lane_bits() > 64 || !mode ||
      !attr.exact || attr.flush)
    return call_assist(l, i, {v}, from, i.type);
  const FloatShape f(from);
  // Unsigned integers of 64 bits take the signed conversion as well, so their limit is 2^63.
  const bool narrow = kSigned || i.type.lane_bits() == 64;
  Value* bits = l.bits_of(v, from);
  Value* magnitude = kSigned ? f.magnitude(l, bits) : bits;
  Value* fits = b.CreateICmpULT(magnitude, f.constant(l, limit_bits(from, i.type, narrow, is_current(i))));
  llvm::BasicBlock *fast = l.new_block(), *slow = l.new_block(), *after = l.new_block();
  l.branch_unlikely(b.CreateNot(fits), slow, fast);
  b.SetInsertPoint(slow);
  Value* by_assist = call_assist(l, i, {v}, from, i.type);
  if (!by_assist) return nullptr;
  b.CreateBr(after);
  b.SetInsertPoint(fast);
  Value* by_host = to_integer_by_host(l, i, v);
  b.CreateBr(after);
  b.SetInsertPoint(after);
  llvm::PHINode* result = b.CreatePHI(by_host->getType(), 2);
  result->addIncoming(by_host, fast);
  result->addIncoming(by_assist, slow);
  return result;
}

// ---- from integers ----

// Whether every integer of the type is exact in the float format: then the rounding mode does not matter.
bool is_exact(ir::Type from, ir::Type to) { return from.lane_bits() <= (to.elem == ir::Elem::f64 ? 53u : 24u); }

Value* convert_signed(Lowering& l, ir::Type to, Value* v) {
  return constrained(l, id::experimental_constrained_sitofp, {l.type(to), v->getType()}, {v}, true);
}

template <bool kSigned>
Value* from_integer(Lowering& l, const Inst& i) {
  auto& b = l.b;
  const ir::Type from = l.arg_type(i, 0);
  Value* v = l.arg(i, 0);
  if (!is_host_format(i.type) || from.is_vector() || from.lane_bits() > 64 ||
      !(is_current(i) || is_exact(from, i.type)))
    return call_assist(l, i, {v}, from, i.type);
  if (kSigned) return convert_signed(l, i.type, b.CreateSExt(v, b.getIntNTy(std::max(32u, from.lane_bits()))));
  if (from.lane_bits() < 64) return convert_signed(l, i.type, b.CreateZExt(v, b.getInt64Ty()));
  llvm::BasicBlock *fast = l.new_block(), *slow = l.new_block(), *after = l.new_block();
  l.branch_unlikely(b.CreateICmpSLT(v, b.getInt64(0)), slow, fast);
  b.SetInsertPoint(slow);
  Value* by_assist = call_assist(l, i, {v}, from, i.type);
  b.CreateBr(after);
  b.SetInsertPoint(fast);
  Value* by_host = convert_signed(l, i.type, v);
  b.CreateBr(after);
  b.SetInsertPoint(after);
  llvm::PHINode* result = b.CreatePHI(by_host->getType(), 2);
  result->addIncoming(by_host, fast);
  result->addIncoming(by_assist, slow);
  return result;
}

// ---- boxes ----

u64 box_mask(ir::Type narrow) { return ~u64{0} << narrow.lane_bits(); }

Value* unbox(Lowering& l, const Inst& i) {
  auto& b = l.b;
  const FloatShape f(i.type);
  if (i.type == ir::f32) return l.unboxed(l.arg(i, 0), b.CreateBitCast(f.default_nan(l), b.getFloatTy()));
  Value* boxed = b.CreateICmpUGE(l.arg(i, 0), b.getInt64(box_mask(i.type)));
  Value* narrow = b.CreateTrunc(l.arg(i, 0), l.type(f.bits));
  return b.CreateBitCast(b.CreateSelect(boxed, narrow, f.default_nan(l)), l.type(i.type));
}

Value* box(Lowering& l, const Inst& i) {
  const ir::Type narrow = l.arg_type(i, 0);
  if (narrow == ir::f32) return l.join(l.arg(i, 0), l.b.getInt32(~u32{0}));
  Value* bits = l.b.CreateZExt(l.bits_of(l.arg(i, 0), narrow), l.b.getInt64Ty());
  return l.b.CreateOr(bits, l.b.getInt64(box_mask(narrow)));
}

constexpr LowerRow kRows[] = {
    {Op::fcvt, convert},
    {Op::fround, round},
    {Op::fto_s, to_integer<true>},
    {Op::fto_u, to_integer<false>},
    {Op::ffrom_s, from_integer<true>},
    {Op::ffrom_u, from_integer<false>},
    {Op::unbox, unbox},
    {Op::box, box},
};

}  // namespace

std::span<const LowerRow> convert_rows() { return kRows; }

}  // namespace mimus::jit
