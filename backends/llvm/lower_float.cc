// Floating-point arithmetic and comparison.
//
// Arithmetic in the host's formats and the current rounding mode is constrained intrinsics: they become the SSE, AVX or
// FMA instruction, read MXCSR's rounding mode and leave their exceptions in its sticky flags. Static modes and narrow
// formats call soft float (backends/emit/fp_assist.h).
#include "backends/llvm/float.h"

#include <cstddef>

namespace mimus::jit {

using ir::Inst;
using ir::Op;
using llvm::Value;

bool is_host_format(ir::Type t) { return t.elem == ir::Elem::f32 || t.elem == ir::Elem::f64; }

Value* call_assist(Lowering& l, const Inst& i, llvm::ArrayRef<Value*> operands, ir::Type from, ir::Type to) {
  const emit::FpAssist what{i.op, from.elem, to.elem, ir::FpAttr::unpack(i.attr)};
  if (from.is_vector() || to.is_vector() || !emit::can_assist(what)) return l.refuse("no soft float for this type");
  auto& b = l.b;
  llvm::SmallVector<Value*, 3> args;
  for (Value* v : operands) args.push_back(b.CreateZExt(l.bits_of(v, from), b.getInt64Ty()));
  Value* result = l.call_function(Function::fp_assist, args, b.getInt32(what.pack()), false);
  return b.CreateBitCast(b.CreateTrunc(result, b.getIntNTy(to.lane_bits())), l.type(to));
}

Value* constrained(Lowering& l, llvm::Intrinsic::ID id, llvm::ArrayRef<llvm::Type*> types,
                   llvm::ArrayRef<Value*> operands, bool rounds) {
  llvm::SmallVector<Value*, 5> args(operands.begin(), operands.end());
  const auto text = [&](const char* s) {
    return llvm::MetadataAsValue::get(l.context, llvm::MDString::get(l.context, s));
  };
  if (rounds) args.push_back(text("round.dynamic"));
  args.push_back(text("fpexcept.strict"));
  return l.intrinsic(id, types, args);
}

Value* compare_floats(Lowering& l, const char* predicate, Value* a, Value* b, bool signaling, bool observable) {
  const auto text = [&](const char* s) {
    return llvm::MetadataAsValue::get(l.context, llvm::MDString::get(l.context, s));
  };
  const auto id =
      signaling ? llvm::Intrinsic::experimental_constrained_fcmps : llvm::Intrinsic::experimental_constrained_fcmp;
  return l.intrinsic(id, {a->getType()},
                     {a, b, text(predicate), text(observable ? "fpexcept.strict" : "fpexcept.ignore")});
}

Value* repair_arm(Lowering& l, const Inst& i, Value* result, llvm::ArrayRef<Value*> operands, ir::Type from,
                  bool tiny) {
  if (i.type.is_vector()) return l.refuse("vectors by Arm's rules");
  auto& b = l.b;
  Value* wrong = compare_floats(l, "uno", result, result, false, false);
  if (tiny) {
    const FloatShape f(i.type);
    Value* exponent = b.CreateAnd(l.bits_of(result, i.type), f.infinity(l));
    wrong = b.CreateOr(wrong, b.CreateICmpEQ(exponent, f.constant(l, f.smallest_normal())));
  }
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock *repair = l.new_block(), *after = l.new_block();
  l.branch_unlikely(wrong, repair, after);
  b.SetInsertPoint(repair);
  Value* by_assist = call_assist(l, i, operands, from, i.type);
  if (!by_assist) return nullptr;
  llvm::BasicBlock* repaired = b.GetInsertBlock();
  b.CreateBr(after);
  b.SetInsertPoint(after);
  llvm::PHINode* phi = b.CreatePHI(result->getType(), 2);
  phi->addIncoming(result, before);
  phi->addIncoming(by_assist, repaired);
  return phi;
}

namespace {

bool by_host(const Lowering& l, const Inst& i) {
  const ir::FpAttr attr = ir::FpAttr::unpack(i.attr);
  return is_host_format(i.type) && attr.rounding == ir::Rounding::current && !attr.flush &&
         (i.op != Op::fma || l.features.fma);
}

template <llvm::Intrinsic::ID kId, unsigned kOperands>
Value* arithmetic(Lowering& l, const Inst& i) {
  llvm::SmallVector<Value*, 3> operands;
  for (unsigned n = 0; n < kOperands; ++n) operands.push_back(l.arg(i, n));
  if (!by_host(l, i)) return call_assist(l, i, operands, i.type, i.type);
  Value* result = constrained(l, kId, {l.type(i.type)}, operands, true);
  if (ir::FpAttr::unpack(i.attr).rule != ir::IntRule::arm) return result;
  // Tiny sums and roots are exact.
  return repair_arm(l, i, result, operands, i.type, i.op == Op::fmul || i.op == Op::fdiv || i.op == Op::fma);
}

// ---- multiply-add ----

// For RISC-V, infinity times zero plus a quiet NaN is invalid; for the host it is not. To be emitted where the
// result is a NaN: multiplies once more, by operands that raise nothing else.
void raise_invalid_product(Lowering& l, const Inst& fma) {
  auto& b = l.b;
  const FloatShape f(fma.type);
  Value* factors[] = {l.arg(fma, 0), l.arg(fma, 1)};
  Value *infinite[2], *zero[2];
  for (unsigned n = 0; n < 2; ++n) {
    Value* magnitude = f.magnitude(l, l.bits_of(factors[n], fma.type));
    infinite[n] = b.CreateICmpEQ(magnitude, f.infinity(l));
    zero[n] = b.CreateICmpEQ(magnitude, f.constant(l, 0));
  }
  Value* invalid = b.CreateOr(b.CreateAnd(infinite[0], zero[1]), b.CreateAnd(zero[0], infinite[1]));
  llvm::Type* type = l.type(fma.type);
  for (Value*& factor : factors) factor = b.CreateSelect(invalid, factor, llvm::Constant::getNullValue(type));
  constrained(l, llvm::Intrinsic::experimental_constrained_fmul, {type}, factors, true);
}

bool needs_repair(const Lowering& l, const Inst& fma) {
  return by_host(l, fma) && ir::FpAttr::unpack(fma.attr).rule == ir::IntRule::riscv;
}

// Whether a nan_fix comes right behind, whose branch for NaNs serves both repairs.
bool is_fixed_next(const Lowering& l, ir::ValueId fma) {
  const ir::Block& block = l.block();
  if (block.insts[fma].op != Op::fma || fma + 1 >= block.insts.size() || !needs_repair(l, block.insts[fma]))
    return false;
  const Inst& next = block.insts[fma + 1];
  return next.op == Op::nan_fix && next.args[0] == fma && !next.type.is_vector();
}

Value* multiply_add(Lowering& l, const Inst& i) {
  Value* v = arithmetic<llvm::Intrinsic::experimental_constrained_fma, 3>(l, i);
  if (!v || !needs_repair(l, i) || is_fixed_next(l, l.id_of(i))) return v;
  auto& b = l.b;
  Value* nan = compare_floats(l, "uno", v, v, false, false);
  if (i.type.is_vector()) nan = b.CreateOrReduce(nan);
  llvm::BasicBlock *repair = l.new_block(), *after = l.new_block();
  l.branch_unlikely(nan, repair, after);
  b.SetInsertPoint(repair);
  raise_invalid_product(l, i);
  b.CreateBr(after);
  b.SetInsertPoint(after);
  return v;
}

Value* negate(Lowering& l, const Inst& i) { return l.b.CreateFNeg(l.arg(i, 0)); }
Value* absolute(Lowering& l, const Inst& i) {
  return l.intrinsic(llvm::Intrinsic::fabs, {l.type(i.type)}, {l.arg(i, 0)});
}
Value* copy_sign(Lowering& l, const Inst& i) {
  return l.intrinsic(llvm::Intrinsic::copysign, {l.type(i.type)}, {l.arg(i, 0), l.arg(i, 1)});
}

struct Predicate {
  const char* name;
  bool signaling;
};
bool is_half(ir::Type t) { return t.elem == ir::Elem::f16 && !t.is_vector(); }

// Between f16 and f32, by soft float. Every f16 is an f32, and a signaling NaN raises what comparing it would.
Value* convert_half(Lowering& l, Value* v, ir::Type from, ir::Type to) {
  const Inst conversion{.op = Op::fcvt, .attr = ir::FpAttr{}.pack(), .type = to, .args = {}, .imm = 0};
  return call_assist(l, conversion, {v}, from, to);
}

Value* compare(Lowering& l, const Inst& i) {
  const ir::Type t = l.arg_type(i, 0);
  if (!is_host_format(t) && !is_half(t)) return l.refuse("only f16, f32 and f64");
  Value *a = l.arg(i, 0), *b = l.arg(i, 1);
  if (is_half(t)) {
    a = convert_half(l, a, t, ir::f32);
    b = convert_half(l, b, t, ir::f32);
  }
  static constexpr Predicate kPredicates[] = {{"oeq", false}, {"olt", true},  {"ole", true},
                                              {"olt", false}, {"ole", false}, {"uno", false}};
  const Predicate& p = kPredicates[unsigned(i.op) - unsigned(Op::feq)];
  return compare_floats(l, p.name, a, b, p.signaling, true);
}

// ---- minimum and maximum ----

Value* is_nan(Lowering& l, Value* bits, const FloatShape& f) {
  return l.b.CreateICmpUGT(f.magnitude(l, bits), f.infinity(l));
}
Value* is_signaling(Lowering& l, Value* bits, const FloatShape& f) {
  return l.b.CreateAnd(is_nan(l, bits, f), l.b.CreateICmpEQ(l.b.CreateAnd(bits, f.quiet_bit(l)), f.constant(l, 0)));
}

// The result when an operand is a NaN. Invalid has been raised for a signaling one by the comparison.
Value* nan_result(Lowering& l, ir::FpMinRule rule, Value* a, Value* b, const FloatShape& f) {
  auto& ir = l.b;
  Value *a_nan = is_nan(l, a, f), *b_nan = is_nan(l, b, f);
  if (rule == ir::FpMinRule::number_2019) return ir.CreateSelect(a_nan, ir.CreateSelect(b_nan, f.default_nan(l), b), a);
  // Arm: the first signaling NaN, else the first quiet one, quieted; with num_2008 a number before a quiet one.
  Value *a_signals = is_signaling(l, a, f), *b_signals = is_signaling(l, b, f);
  const auto quieted = [&](Value* v) { return ir.CreateOr(v, f.quiet_bit(l)); };
  Value* quiet = ir.CreateSelect(a_nan, quieted(a), quieted(b));
  if (rule == ir::FpMinRule::num_2008) quiet = ir.CreateSelect(a_nan, ir.CreateSelect(b_nan, quieted(a), b), a);
  return ir.CreateSelect(a_signals, quieted(a), ir.CreateSelect(b_signals, quieted(b), quiet));
}

template <bool kMax>
Value* min_max_of(Lowering& l, ir::FpMinRule rule, ir::Type t, Value* a, Value* b) {
  auto& ir = l.b;
  const char* before = kMax ? "ogt" : "olt";
  if (rule == ir::FpMinRule::x86) return ir.CreateSelect(compare_floats(l, before, a, b, true, true), a, b);
  const FloatShape f(t);
  Value *a_bits = l.bits_of(a, t), *b_bits = l.bits_of(b, t);
  Value* unordered = compare_floats(l, "uno", a, b, false, true);
  Value* first = compare_floats(l, before, a, b, false, false);
  Value* equal = compare_floats(l, "oeq", a, b, false, false);
  // Equal operands differ in nothing but the sign of zeros.
  Value* same = kMax ? ir.CreateAnd(a_bits, b_bits) : ir.CreateOr(a_bits, b_bits);
  Value* ordered = ir.CreateSelect(first, a_bits, ir.CreateSelect(equal, same, b_bits));
  Value* bits = ir.CreateSelect(unordered, nan_result(l, rule, a_bits, b_bits, f), ordered);
  return ir.CreateBitCast(bits, l.type(t));
}

template <bool kMax>
Value* min_max(Lowering& l, const Inst& i) {
  const auto rule = ir::FpMinRule(i.attr);
  Value *a = l.arg(i, 0), *b = l.arg(i, 1);
  if (is_host_format(i.type)) return min_max_of<kMax>(l, rule, i.type, a, b);
  // The other rules tell signaling NaNs from quiet ones, which a conversion makes of them.
  if (!is_half(i.type) || (rule != ir::FpMinRule::number_2019 && rule != ir::FpMinRule::minmax_2019))
    return l.refuse("only f32 and f64");
  a = convert_half(l, a, i.type, ir::f32);
  b = convert_half(l, b, i.type, ir::f32);
  return convert_half(l, min_max_of<kMax>(l, rule, ir::f32, a, b), ir::f32, i.type);
}

// ---- repairs ----

// True if the operand cannot be a signaling NaN, so that a quiet comparison raises nothing.
bool is_arithmetic_result(Lowering& l, const Inst& i) {
  const Op op = l.block().insts[i.args[0]].op;
  return op == Op::fadd || op == Op::fsub || op == Op::fmul || op == Op::fdiv || op == Op::fsqrt || op == Op::fma ||
         op == Op::fcvt || op == Op::fround;
}

Value* nan_fix(Lowering& l, const Inst& i) {
  if (i.type.elem == ir::Elem::f80) return l.refuse("80-bit floats");
  auto& b = l.b;
  const FloatShape f(i.type);
  Value* v = l.arg(i, 0);
  Value* nan = is_host_format(i.type) && is_arithmetic_result(l, i) ? compare_floats(l, "uno", v, v, false, false)
                                                                    : is_nan(l, l.bits_of(v, i.type), f);
  Value* fixed = b.CreateBitCast(f.default_nan(l, ir::NanRule(i.attr) == ir::NanRule::x86_default), l.type(i.type));
  if (i.type.is_vector()) return b.CreateSelect(nan, fixed, v);
  // A branch that is never taken keeps the repair out of the chain of dependent operations.
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock *repair = l.new_block(), *after = l.new_block();
  l.branch_unlikely(nan, repair, after);
  b.SetInsertPoint(repair);
  if (is_fixed_next(l, i.args[0]) && l.id_of(i) == i.args[0] + 1) raise_invalid_product(l, l.block().insts[i.args[0]]);
  b.CreateBr(after);
  b.SetInsertPoint(after);
  llvm::PHINode* result = b.CreatePHI(v->getType(), 2);
  result->addIncoming(v, before);
  result->addIncoming(fixed, repair);
  return result;
}

Value* tiny_fix(Lowering& l, const Inst& i) {
  if (i.type.is_vector()) return l.refuse("vectors");
  auto& b = l.b;
  const FloatShape f(i.type);
  Value* v = l.arg(i, 0);
  Value* magnitude = f.magnitude(l, l.bits_of(v, i.type));
  // 0 < magnitude < smallest normal, as one unsigned comparison.
  Value* tiny = b.CreateICmpULT(b.CreateSub(magnitude, f.constant(l, 1)), f.constant(l, f.smallest_normal() - 1));
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock *repair = l.new_block(), *after = l.new_block();
  l.branch_unlikely(tiny, repair, after);
  b.SetInsertPoint(repair);
  Value* fixed = call_assist(l, i, {v}, i.type, i.type);
  if (!fixed) return nullptr;
  b.CreateBr(after);
  b.SetInsertPoint(after);
  llvm::PHINode* result = b.CreatePHI(v->getType(), 2);
  result->addIncoming(v, before);
  result->addIncoming(fixed, repair);
  return result;
}

// ---- class and flags ----

// One bit of ten: -inf -normal -subnormal -0 +0 +subnormal +normal +inf sNaN qNaN (bits 0 to 9).
Value* classify(Lowering& l, const Inst& i) {
  const ir::Type t = l.arg_type(i, 0);
  if (t.is_vector() || t.elem == ir::Elem::f80) return l.refuse("only scalars up to 64 bits");
  auto& b = l.b;
  const FloatShape f(t);
  Value* bits = l.bits_of(l.arg(i, 0), t);
  Value* magnitude = f.magnitude(l, bits);
  Value* negative = b.CreateICmpSLT(bits, f.constant(l, 0));
  const auto choose = [&](Value* condition, u64 minus, u64 plus, Value* otherwise) {
    return b.CreateSelect(condition, b.CreateSelect(negative, b.getInt64(minus), b.getInt64(plus)), otherwise);
  };
  Value* nan = b.CreateSelect(b.CreateICmpEQ(b.CreateAnd(bits, f.quiet_bit(l)), f.constant(l, 0)), b.getInt64(1 << 8),
                              b.getInt64(1 << 9));
  Value* r = choose(b.CreateICmpEQ(magnitude, f.infinity(l)), 1 << 0, 1 << 7, nan);
  r = choose(b.CreateICmpULT(magnitude, f.infinity(l)), 1 << 1, 1 << 6, r);
  r = choose(b.CreateICmpULT(magnitude, f.constant(l, f.smallest_normal())), 1 << 2, 1 << 5, r);
  return choose(b.CreateICmpEQ(magnitude, f.constant(l, 0)), 1 << 3, 1 << 4, r);
}

// The bits of MXCSR's sticky flags and of fflags that mean the same (Intel SDM volume 1, 10.2.3).
struct FlagPair {
  u32 mxcsr, flag;
};
constexpr FlagPair kFlags[] = {{1 << 5, 1}, {1 << 4, 2}, {1 << 3, 4}, {1 << 2, 8}, {1 << 0, 16}};
constexpr u32 kMxcsrFlags = 0x3f;

u32 shift_of(u32 mask) { return u32(std::countr_zero(mask)); }

// Moves each bit `from` of v to its place `to`.
Value* permute(Lowering& l, Value* v, bool to_mxcsr) {
  Value* result = l.b.getInt32(0);
  for (const FlagPair& pair : kFlags) {
    const u32 from = to_mxcsr ? pair.flag : pair.mxcsr, to = to_mxcsr ? pair.mxcsr : pair.flag;
    Value* one = l.b.CreateAnd(v, l.b.getInt32(from));
    one = shift_of(to) >= shift_of(from) ? l.b.CreateShl(one, shift_of(to) - shift_of(from))
                                         : l.b.CreateLShr(one, shift_of(from) - shift_of(to));
    result = l.b.CreateOr(result, one);
  }
  return result;
}

Value* store_mxcsr(Lowering& l) {
  l.intrinsic(llvm::Intrinsic::x86_sse_stmxcsr, {}, {l.state_pointer(offsetof(CpuState, guest_mxcsr))});
  return l.state_field(offsetof(CpuState, guest_mxcsr), l.b.getInt32Ty());
}

Value* read_flags(Lowering& l, const Inst&) {
  return l.b.CreateZExt(permute(l, store_mxcsr(l), false), l.b.getInt64Ty());
}

Value* write_flags(Lowering& l, const Inst& i) {
  Value* flags = permute(l, l.b.CreateTrunc(l.arg(i, 0), l.b.getInt32Ty()), true);
  Value* now = store_mxcsr(l);
  Value* wanted = l.b.CreateOr(l.b.CreateAnd(now, l.b.getInt32(~kMxcsrFlags)), flags);
  // Mostly they are restored after comparisons that have raised none, and LDMXCSR is slow.
  llvm::BasicBlock *change = l.new_block(), *after = l.new_block();
  l.branch_unlikely(l.b.CreateICmpNE(now, wanted), change, after);
  l.b.SetInsertPoint(change);
  l.set_state_field(offsetof(CpuState, guest_mxcsr), wanted);
  l.intrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {l.state_pointer(offsetof(CpuState, guest_mxcsr))});
  l.b.CreateBr(after);
  l.b.SetInsertPoint(after);
  return l.nothing();
}

namespace id = llvm::Intrinsic;
constexpr LowerRow kRows[] = {
    {Op::fadd, arithmetic<id::experimental_constrained_fadd, 2>},
    {Op::fsub, arithmetic<id::experimental_constrained_fsub, 2>},
    {Op::fmul, arithmetic<id::experimental_constrained_fmul, 2>},
    {Op::fdiv, arithmetic<id::experimental_constrained_fdiv, 2>},
    {Op::fsqrt, arithmetic<id::experimental_constrained_sqrt, 1>},
    {Op::fma, multiply_add},
    {Op::fneg, negate},
    {Op::fabs, absolute},
    {Op::fcopysign, copy_sign},
    {Op::fmin, min_max<false>},
    {Op::fmax, min_max<true>},
    {Op::feq, compare},
    {Op::flt, compare},
    {Op::fle, compare},
    {Op::flt_quiet, compare},
    {Op::fle_quiet, compare},
    {Op::funordered, compare},
    {Op::fclass, classify},
    {Op::nan_fix, nan_fix},
    {Op::tiny_fix, tiny_fix},
    {Op::fp_flags_read, read_flags},
    {Op::fp_flags_write, write_flags},
};

}  // namespace

std::span<const LowerRow> float_rows() { return kRows; }

}  // namespace mimus::jit
