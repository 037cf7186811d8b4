// Translator: what the translation functions (one per instruction) work with. It turns one stretch of guest code into
// one IR block.
#pragma once

#include "core/engine/frontend.h"
#include "core/ir/builder.h"
#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/helpers.h"
#include "frontends/aarch64/state.h"
#include "frontends/aarch64/sysreg.h"
#include "frontends/aarch64/table.h"

namespace mimus::aarch64 {

// PSTATE.NZCV as values. Conditions on flags that this block has set by a comparison are made of its operands instead,
// which every engine fuses with the branch.
struct Flags {
  ir::I1 n, z, c, v;
};

class Translator {
 public:
  Translator(const CpuModel& model, ir::Block& block)
      : model(model), mode(Mode::unpack(block.key.mode)), b(block, state_layout()), block_(block) {}

  void run(const CodeBytes& code, const TranslateLimits& limits);

  const CpuModel& model;
  const Mode mode;
  ir::Builder b;
  GuestPc pc = 0;  // of the current instruction
  GuestPc next_pc() const { return pc + 4; }

  // -- general registers; 31 is zero, or the stack pointer for the _sp forms --
  ir::I64 x(unsigned n) { return n == 31 ? b.constant(0) : b.read(x_slot(n)); }
  ir::I64 x_sp(unsigned n) { return b.read(n == 31 ? u16(kSlot_sp) : x_slot(n)); }
  ir::I32 w(unsigned n) { return n == 31 ? b.constant<ir::I32>(0) : b.trunc<ir::I32>(x(n)); }
  // i64 for X registers, i32 for W registers.
  ir::Any r(bool is64, unsigned n) { return is64 ? ir::Any(x(n)) : ir::Any(w(n)); }
  ir::Any r_sp(bool is64, unsigned n) { return is64 ? ir::Any(x_sp(n)) : ir::Any(b.trunc<ir::I32>(x_sp(n))); }
  // Values narrower than 64 bits are zero-extended.
  void set_x(unsigned n, ir::Any value) {
    if (n != 31) b.write(x_slot(n), widened(value));
  }
  void set_x_sp(unsigned n, ir::Any value) {
    sp_aligned_ &= n != 31;
    b.write(n == 31 ? u16(kSlot_sp) : x_slot(n), widened(value));
  }
  // By a constant.
  void move_x_sp(unsigned n, ir::I64 from, u64 by) {
    const bool aligned = sp_aligned_ && by % 16 == 0;
    set_x_sp(n, b.add(from, b.constant(by)));
    sp_aligned_ = n == 31 ? aligned : sp_aligned_;
  }

  // -- memory --
  // Of an access whose alignment matters only where SCTLR_ELx.A says so.
  ir::MemAttr access() const { return {.align = mode.strict ? ir::Align::natural : ir::Align::none}; }
  // The base of a load or store. SP has to be aligned to 16 bytes where SCTLR_ELx.SA or SA0 says so (D1.3.9.5).
  ir::I64 base(unsigned n);

  // -- generic arithmetic --
  ir::Any constant(ir::Type type, u64 value) { return b.constant_any(type, value); }
  ir::Any constant_like(ir::Any other, u64 value) { return b.constant_any(other.type, value); }
  ir::Any bin(ir::Op op, ir::Any a, ir::Any c) { return b.binary(op, a, c); }
  ir::Any un(ir::Op op, ir::Any a) { return b.unary(op, a); }
  ir::I1 compare(ir::Op op, ir::Any a, ir::Any c) { return ir::I1::from(b.compare(op, a, c)); }
  ir::Any select(ir::I1 condition, ir::Any yes, ir::Any no) {
    return b.emit(ir::Op::select, yes.type, {condition, yes, no});
  }
  ir::Any convert(ir::Op op, ir::Type type, ir::Any a) { return a.type == type ? a : b.emit(op, type, {a}); }
  ir::Any bitcast(ir::Type type, ir::Any a) { return convert(ir::Op::bitcast, type, a); }

  // -- flags --
  ir::I1 condition(unsigned cond);
  Flags flags();  // as they are now
  void set_flags(const Flags& flags);
  void set_nzcv(ir::I64 value);  // from bits 31 to 28
  ir::I64 nzcv();                // to bits 31 to 28
  // Set by a + c, a - c, and by a logical result.
  ir::Any add_flags(ir::Any a, ir::Any c);
  ir::Any sub_flags(ir::Any a, ir::Any c);
  void logic_flags(ir::Any result);
  Flags flags_of_add(ir::Any a, ir::Any c, ir::Any result, ir::I1 carry);
  Flags flags_of_sub(ir::Any a, ir::Any c, ir::Any result);

  // -- SIMD and floating-point registers --
  ir::Any v(ir::Type type, unsigned n) { return bitcast(type, b.read_any(v_slot(n))); }
  void set_v(unsigned n, ir::Any value) { b.write(v_slot(n), bitcast(ir::vec(ir::Elem::i64, 2), value)); }
  // The lowest lane as a scalar (i8 to i64, f16 to f64); writing it clears the rest of the register.
  ir::Any v_scalar(ir::Type type, unsigned n);
  void set_v_scalar(unsigned n, ir::Any value);
  // 64-bit vectors: the low half of the register; writing clears the upper half.
  ir::Any v_low(ir::Type type, unsigned n);
  void set_v_low(unsigned n, ir::Any value);
  // Lane k of the result is lane table[k] of a and c together. Both have table.size() lanes.
  ir::Any shuffle(ir::Any a, ir::Any c, std::span<const u8> table);

  // -- ways out --
  Next jump(GuestPc target);
  Next yield(GuestPc target);
  Next trap(u32 syndrome, u64 far = 0);
  // To the next instruction through the run loop, which has something to look at.
  void yield_if(ir::I1 condition);
  Next undefined() { return trap(syndrome(kEcUnknown)); }
  void trap_if(ir::I1 condition, u32 syndrome, u64 far);
  Next branch(ir::I1 taken, GuestPc target);
  // Before an indirect branch by register `reg`: PSTATE.BTYPE.
  void note_branch(unsigned reg, bool is_call);

  // Whether some level may trap what is in this group, as far as that is known here.
  bool may_trap(Trap trap) const {
    return trap != Trap::none && (mode.el == 0 || model.el2() || model.el3() || trap == Trap::gic);
  }
  // MSR of a register that has no slot.
  Next write_register(const Insn& i, const SysregDesc& row, ir::I64 value);

  // Calls a helper that may leave: `pc` is written before.
  ir::Any call_leaving(unsigned row, ir::Type result, std::initializer_list<ir::Any> args);
  ir::Any call(unsigned row, ir::Type result, std::initializer_list<ir::Any> args) {
    return b.helper(row, result, args);
  }

 private:
  // What set the flags last, if it was in this block.
  struct Source {
    enum class Kind : u8 { none, compare, logic, values };
    Kind kind = Kind::none;
    ir::Any a, c;  // compare: operands of the subtraction; logic: a is the result
    Flags flags;   // all but none
  };

  void step(const CodeBytes& code);
  bool translate_one(const CodeBytes& code, u32 offset);
  void check_branch_target(u32 raw);
  ir::Any widened(ir::Any value) { return convert(ir::Op::zext, ir::i64, value); }
  ir::I1 positive_condition(unsigned number);
  bool compare_condition(unsigned number, ir::I1& result);
  void remember(Source::Kind kind, ir::Any a, ir::Any c, const Flags& flags);

  ir::Block& block_;
  unsigned side_exits_ = 0;
  bool guarded_ = false;     // the page of the code
  bool sp_aligned_ = false;  // checked in this block
  Source source_;
};

}  // namespace mimus::aarch64
