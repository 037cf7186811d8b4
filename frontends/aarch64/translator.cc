#include "frontends/aarch64/translator.h"

#include "core/engine/guarded_mode.h"
#include "frontends/aarch64/debug.h"

namespace mimus::aarch64 {

using ir::Any;
using ir::I1;
using ir::I64;
using ir::Op;

namespace {

constexpr unsigned kMaxSideExits = 4;

// D1.2.3, BranchAddr: branches drop the tag of an address.
GuestPc without_tag(const Mode& mode, GuestPc pc) {
  const bool high = bit(pc, 55);
  return (high ? mode.tbi1 : mode.tbi0) ? u64(sign_extend(pc, 56)) : pc;
}

// FP and SIMD instructions: data processing, loads and stores of V registers (C4.1).
bool uses_fp(u32 raw) { return (raw >> 25 & 7) == 7 || ((raw >> 25 & 5) == 4 && (raw >> 26 & 1)); }

}  // namespace

void Translator::run(const CodeBytes& code, const TranslateLimits& limits) {
  if (const GuestPc clean = without_tag(mode, code.pc); clean != code.pc) {
    b.begin_insn(code.pc, 4);
    block_.guest_bytes = 4;
    jump(clean);
    --block_.exits.back().insns;
    return;
  }
  guarded_ = (block_.key.mode & kGuardedMode) != 0;
  if (mode.step == u64(StepState::active_pending)) {
    b.begin_insn(code.pc, 4);
    block_.guest_bytes = 4;
    pc = code.pc;
    trap(syndrome(kEcStepLower, kFscDebug));
    return;
  }
  if (mode.step == u64(StepState::active_not_pending)) return step(code);
  u32 offset = 0;
  while (true) {
    pc = code.pc + offset;
    if (!translate_one(code, offset)) return;
    offset = block_.guest_bytes;
    pc = code.pc + offset;
    const u32 left = code.first_page_bytes > offset ? code.first_page_bytes - offset : 0;
    if (block_.guest_insns >= limits.max_insns || side_exits_ >= kMaxSideExits || left < 4) {
      jump(pc);
      return;
    }
  }
}

// One instruction, behind which the run loop finds the step pending: no way out leads directly to other code.
void Translator::step(const CodeBytes& code) {
  pc = code.pc;
  if (translate_one(code, 0)) yield(pc + 4);
  for (ir::Exit& exit : block_.exits) {
    if (exit.kind == ir::Exit::Kind::jump || exit.kind == ir::Exit::Kind::call) exit.kind = ir::Exit::Kind::yield;
  }
}

// Translates the instruction at `offset`; false when the block has ended.
bool Translator::translate_one(const CodeBytes& code, u32 offset) {
  std::span<const u8> bytes = code.bytes.subspan(offset);
  b.begin_insn(pc, 4);
  block_.guest_bytes = u32(offset + std::min<size_t>(bytes.size(), 4));
  if (mode.step) call_leaving(kHelper_begin_step, ir::kVoid, {});
  if (mode.breakpoints) call_leaving(kHelper_check_breakpoints, ir::kVoid, {});
  if (mode.il) {
    trap(syndrome(kEcIllegalState));
    return false;
  }
  if (pc & 3) {  // D1.3.5: PC alignment fault
    trap(syndrome(kEcPcAlignment), pc);
    return false;
  }
  if (bytes.size() < 4) {
    const Fault fault = code.next_fault ? *code.next_fault : abort_fault(pc, Access::execute, kFscExternal);
    trap(fault.cause, fault.tval);
    return false;
  }
  u32 raw = 0;
  std::memcpy(&raw, bytes.data(), 4);
  if (mode.bti && offset == 0) check_branch_target(raw);
  Insn insn;
  if (!decode(raw, model, insn)) {
    undefined();
    return false;
  }
  if (mode.fp_trapped && uses_fp(raw)) {
    trap(syndrome(kEcFpAccess, kIssFpAccess));
    return false;
  }
  return insn.desc->translate(*this, insn) == Next::go_on;
}

// D8.4.5.2: what may stand where an indirect branch leads in a guarded page. Only the first instruction of a block can
// be such a place, and behind it PSTATE.BTYPE is 0.
void Translator::check_branch_target(u32 raw) {
  constexpr u64 kPad = 1, kJump = 2;  // bits of BTI's operand: for calls, for jumps
  const auto wrong = [&](Op op, u64 btype) {
    trap_if(compare(op, b.read(kSlot_btype), b.constant(btype)), syndrome(kEcBranchTarget, 2), 0);
  };
  const bool is_break = (raw & 0xffe0'001f) == 0xd420'0000 || (raw & 0xffe0'001f) == 0xd440'0000;  // BRK, HLT
  const bool is_bti = (raw & 0xffff'ff3f) == 0xd503'241f;
  const bool is_pac = (raw & 0xffff'ffbf) == 0xd503'233f;  // PACIASP, PACIBSP: as BTI c
  const u64 takes = is_bti ? raw >> 6 & 3 : is_pac ? kPad : is_break ? kPad | kJump : 0;
  if (guarded_ && takes == 0) return wrong(Op::ne, 0);  // then it is 0 already
  if (guarded_ && takes == kPad) wrong(Op::eq, 3);
  if (guarded_ && takes == kJump) wrong(Op::eq, 2);
  b.write(kSlot_btype, b.constant(0));
}

void Translator::note_branch(unsigned reg, bool is_call) {
  if (!mode.bti) return;
  const bool any_pad = reg == 16 || reg == 17 || !guarded_;
  b.write(kSlot_btype, b.constant(is_call ? 2 : any_pad ? 1 : 3));
}

// -- flags --

void Translator::remember(Source::Kind kind, Any a, Any c, const Flags& flags) {
  source_ = {kind, a, c, flags};
  b.write(kSlot_N, flags.n);
  b.write(kSlot_Z, flags.z);
  b.write(kSlot_C, flags.c);
  b.write(kSlot_V, flags.v);
}

Flags Translator::flags() {
  if (source_.kind != Source::Kind::none) return source_.flags;
  return {b.read<I1>(kSlot_N), b.read<I1>(kSlot_Z), b.read<I1>(kSlot_C), b.read<I1>(kSlot_V)};
}

void Translator::set_flags(const Flags& flags) { remember(Source::Kind::values, {}, {}, flags); }

Flags Translator::flags_of_add(Any a, Any c, Any result, I1 carry) {
  const Any zero = constant_like(result, 0);
  return {compare(Op::slt, result, zero), compare(Op::eq, result, zero),
          I1::from(b.emit(Op::add_carry, ir::i1, {a, c, carry})),
          I1::from(b.emit(Op::add_overflow, ir::i1, {a, c, carry}))};
}

Flags Translator::flags_of_sub(Any a, Any c, Any result) {
  const I1 one = b.constant<I1>(1);
  return {compare(Op::slt, result, constant_like(result, 0)), compare(Op::eq, a, c), compare(Op::ule, c, a),
          I1::from(b.emit(Op::add_overflow, ir::i1, {a, un(Op::not_, c), one}))};
}

Any Translator::add_flags(Any a, Any c) {
  const Any result = bin(Op::add, a, c);
  set_flags(flags_of_add(a, c, result, b.constant<I1>(0)));
  return result;
}

Any Translator::sub_flags(Any a, Any c) {
  const Any result = bin(Op::sub, a, c);
  remember(Source::Kind::compare, a, c, flags_of_sub(a, c, result));
  return result;
}

void Translator::logic_flags(Any result) {
  const Any zero = constant_like(result, 0);
  const I1 clear = b.constant<I1>(0);
  remember(Source::Kind::logic, result, zero,
           {compare(Op::slt, result, zero), compare(Op::eq, result, zero), clear, clear});
}

void Translator::set_nzcv(I64 value) {
  auto flag = [&](unsigned position) {
    return compare(Op::ne, b.and_(value, b.constant(u64{1} << position)), b.constant(0));
  };
  set_flags({flag(kPstateNShift), flag(kPstateZShift), flag(kPstateCShift), flag(kPstateVShift)});
}

I64 Translator::nzcv() {
  const Flags f = flags();
  auto placed = [&](I1 flag, unsigned position) { return b.shl(b.zext<I64>(flag), b.constant(position)); };
  return b.or_(b.or_(placed(f.n, kPstateNShift), placed(f.z, kPstateZShift)),
               b.or_(placed(f.c, kPstateCShift), placed(f.v, kPstateVShift)));
}

// Comparisons of their own rather than the values of the flags, which go to their slots right out of the host's flags.
// ConditionHolds of the manual, for flags set by a comparison in this block: `number` is cond<3:1>.
bool Translator::compare_condition(unsigned number, I1& result) {
  const Any a = source_.a, c = source_.c;
  if (source_.kind == Source::Kind::logic) {  // C and V are clear; c is zero
    switch (number) {
      case 0: result = compare(Op::eq, a, c); return true;   // EQ
      case 2: result = compare(Op::slt, a, c); return true;  // MI
      case 1:
      case 3: result = b.constant<I1>(0); return true;       // CS, VS
      case 4: result = b.constant<I1>(0); return true;       // HI
      case 5: result = compare(Op::sle, c, a); return true;  // GE
      case 6: result = compare(Op::slt, c, a); return true;  // GT
      default: return false;
    }
  }
  if (source_.kind != Source::Kind::compare) return false;
  switch (number) {
    case 0: result = compare(Op::eq, a, c); return true;   // EQ
    case 1: result = compare(Op::ule, c, a); return true;  // CS
    case 4: result = compare(Op::ult, c, a); return true;  // HI
    case 5: result = compare(Op::sle, c, a); return true;  // GE
    case 6: result = compare(Op::slt, c, a); return true;  // GT
    default: return false;
  }
}

I1 Translator::positive_condition(unsigned number) {
  I1 result;
  if (compare_condition(number, result)) return result;
  const Flags f = flags();
  auto same = [&] { return compare(Op::eq, f.n, f.v); };
  switch (number) {
    case 0: return f.z;                                        // EQ
    case 1: return f.c;                                        // CS
    case 2: return f.n;                                        // MI
    case 3: return f.v;                                        // VS
    case 4: return I1::from(b.binary(Op::andn, f.c, f.z));     // HI
    case 5: return same();                                     // GE
    case 6: return I1::from(b.binary(Op::andn, same(), f.z));  // GT
    default: return b.constant<I1>(1);                         // AL
  }
}

I1 Translator::condition(unsigned cond) {
  if (cond >= 14) return b.constant<I1>(1);  // AL, NV
  if (!(cond & 1)) return positive_condition(cond >> 1);
  // The negated comparison, where there is one, fuses better than a negation.
  const bool known = source_.kind == Source::Kind::compare || source_.kind == Source::Kind::logic;
  const Any a = source_.a, c = source_.c;
  if (known) {
    switch (cond) {
      case 1: return compare(Op::ne, a, c);    // NE
      case 11: return compare(Op::slt, a, c);  // LT
      case 13: return compare(Op::sle, a, c);  // LE
      default: break;
    }
    if (source_.kind == Source::Kind::compare && cond == 3) return compare(Op::ult, a, c);  // CC
    if (source_.kind == Source::Kind::compare && cond == 9) return compare(Op::ule, a, c);  // LS
  }
  if (cond == 11) return compare(Op::ne, flags().n, flags().v);
  return b.not_(positive_condition(cond >> 1));
}

// -- SIMD and floating-point registers --

Any Translator::v_scalar(ir::Type type, unsigned n) {
  const ir::Type vector = ir::vec(type.elem, u16(128 / type.bits()));
  return b.emit(Op::lane_get, type, {v(vector, n)}, 0);
}

void Translator::set_v_scalar(unsigned n, Any value) {
  const ir::Type vector = ir::vec(value.type.elem, u16(128 / value.type.bits()));
  const Any zero = bitcast(vector, constant(ir::vec(ir::Elem::i64, 2), 0));
  set_v(n, b.emit(Op::lane_set, vector, {zero, value}, 0));
}

Any Translator::v_low(ir::Type type, unsigned n) { return bitcast(type, v_scalar(ir::i64, n)); }
void Translator::set_v_low(unsigned n, Any value) { set_v_scalar(n, bitcast(ir::i64, value)); }

Any Translator::shuffle(Any a, Any c, std::span<const u8> table) {
  const u64 at = block_.pool.size();
  block_.pool.insert(block_.pool.end(), table.begin(), table.end());
  return b.emit(Op::shuffle, a.type, {a, c}, at);
}

I64 Translator::base(unsigned n) {
  const I64 value = x_sp(n);
  if (n == 31 && mode.sp_checked && !sp_aligned_) {
    trap_if(compare(Op::ne, b.and_(value, b.constant(15)), b.constant(0)), syndrome(kEcSpAlignment), 0);
    sp_aligned_ = true;
  }
  return value;
}

// -- ways out --

Next Translator::jump(GuestPc target) {
  b.end({.kind = ir::Exit::Kind::jump, .target = target});
  return Next::stop;
}

Next Translator::yield(GuestPc target) {
  b.end({.kind = ir::Exit::Kind::yield, .target = target});
  return Next::stop;
}

void Translator::yield_if(I1 condition) { b.exit_if(condition, {.kind = ir::Exit::Kind::yield, .target = next_pc()}); }

Next Translator::write_register(const Insn& i, const SysregDesc& row, I64 value) {
  const I64 index = b.constant(sysreg_row(row)), raw = b.constant(i.raw);
  if (may_trap(row.trap)) {
    call_leaving(kHelper_sysreg_write_checked, ir::kVoid, {index, value, raw});
  } else {
    call_leaving(kHelper_sysreg_write, ir::kVoid, {index, value});
  }
  if (!row.plain) yield_if(compare(Op::ne, b.read(kSlot_resync), b.constant(0)));
  return Next::go_on;
}

// An instruction that takes an exception does not retire.
Next Translator::trap(u32 syndrome, u64 far) {
  b.end({.kind = ir::Exit::Kind::trap, .cause = syndrome, .tval = far});
  --block_.exits.back().insns;
  return Next::stop;
}

void Translator::trap_if(I1 condition, u32 syndrome, u64 far) {
  b.exit_if(condition, {.kind = ir::Exit::Kind::trap, .cause = syndrome, .tval = far});
  --block_.exits.back().insns;
}

// Forward branches continue on the path that is not taken; the path after a backward one (a loop's end) is cold.
Next Translator::branch(I1 taken, GuestPc target) {
  b.exit_if(taken, {.kind = ir::Exit::Kind::jump, .target = target});
  ++side_exits_;
  return target <= pc ? jump(next_pc()) : Next::go_on;
}

Any Translator::call_leaving(unsigned row, ir::Type result, std::initializer_list<Any> args) {
  b.write(kSlot_pc, b.constant(pc));
  return b.helper(row, result, args);
}

}  // namespace mimus::aarch64
