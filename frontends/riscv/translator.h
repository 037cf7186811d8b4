// Translator: what the translation functions (one per instruction) work with. It turns one stretch of guest code into
// one IR block.
#pragma once

#include "core/engine/frontend.h"
#include "core/ir/builder.h"
#include "frontends/riscv/helpers.h"
#include "frontends/riscv/state.h"
#include "frontends/riscv/table.h"

namespace mimus::riscv {

class Translator {
 public:
  Translator(const CpuModel& model, ir::Block& block)
      : model(model), mode(Mode::unpack(block.key.mode)), b(block, state_layout()), block_(block) {}

  void run(const CodeBytes& code, const TranslateLimits& limits);

  const CpuModel& model;
  const Mode mode;
  ir::Builder b;
  GuestPc pc = 0;  // of the current instruction
  GuestPc next_pc(const Insn& insn) const { return pc + insn.length; }

  // -- registers --
  ir::I64 x(unsigned n) { return n == 0 ? b.constant(0) : b.read(x_slot(n)); }
  ir::I32 w(unsigned n) { return b.trunc<ir::I32>(x(n)); }
  void set_x(unsigned n, ir::I64 value);
  void set_w(unsigned n, ir::I32 value) { set_x(n, b.sext<ir::I64>(value)); }

  // -- shapes that many instructions share --
  Next binary(const Insn& i, ir::Op op);      // rd = rs1 op rs2
  Next binary_imm(const Insn& i, ir::Op op);  // rd = rs1 op imm
  Next binary_w(const Insn& i, ir::Op op);    // the same on the low 32 bits, result sign-extended
  Next binary_imm_w(const Insn& i, ir::Op op);
  Next unary(const Insn& i, ir::Op op);
  Next unary_w(const Insn& i, ir::Op op);

  // -- ways out --
  Next jump(GuestPc target);
  Next yield(GuestPc target);
  Next trap(u32 cause, u64 tval);
  Next illegal(const Insn& i) { return trap(kCauseIllegal, i.raw); }
  void trap_if(ir::I1 condition, u32 cause, u64 tval);
  // Leaves to the run loop after this instruction when the last helper asked for it (RiscvState::resync).
  void yield_if_resync(const Insn& i);
  Next branch(const Insn& i, ir::I1 taken);

  // Calls a helper that may leave: `pc` is written before.
  ir::Any call_leaving(unsigned row, ir::Type result, std::initializer_list<ir::Any> args);
  ir::Any call(unsigned row, ir::Type result, std::initializer_list<ir::Any> args) {
    return b.helper(row, result, args);
  }

  // Must be called before an FP instruction touches anything: traps when mstatus.FS is Off, and makes it Dirty when
  // `writes`. False: the instruction has been taken care of, the block ends.
  bool enter_fp(const Insn& i, bool writes);

  // Must be called after mstatus may have been written: enter_fp checks again.
  void forget_fp() { fp_checked_ = fp_dirtied_ = false; }

  // -- what is known while translating --
  // Absolute value of register n when set by auipc in this block.
  const GuestPc* known_address(unsigned n) const { return known_reg_ == n && n != 0 ? &known_value_ : nullptr; }
  void remember_address(unsigned n, GuestPc value) {
    known_reg_ = n;
    known_value_ = value;
  }

 private:
  bool translate_one(const CodeBytes& code, u32 offset);

  ir::Block& block_;
  unsigned side_exits_ = 0;
  bool fp_checked_ = false, fp_dirtied_ = false;
  unsigned known_reg_ = 0;
  GuestPc known_value_ = 0;
};

}  // namespace mimus::riscv
