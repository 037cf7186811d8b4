// Guest slots, instruction boundaries, helper calls.
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using emit::Cond;
using emit::Frame;
using ir::Inst;
using ir::SlotId;
using ir::ValueId;
using namespace Xbyak::util;

void Compiler::op_read(const Inst& inst) { regs_.read(self(), SlotId(inst.imm)); }

void Compiler::op_write(const Inst& inst) {
  if (written_in_place_ == index_) return;
  const SlotId slot = SlotId(inst.imm);
  if (!is_fused(inst.args[0])) return regs_.write(slot, inst.args[0]);
  if (layout_.state.slots[slot].type == ir::i1) return write_flag(inst);
  // an f32 in a NaN box, in two halves
  const SlotDesc& desc = layout_.state.slots[slot];
  const ValueId boxed = def(inst.args[0]).args[0];
  regs_.before_slot_changes(slot, ir::kNoValue);
  if (regs_.in_xmm(boxed) || !regs_.in_gpr(boxed))
    a_.movss(state(desc.offset, 32), Xbyak::Xmm(regs_.xmm(boxed)));
  else
    a_.mov(state(desc.offset, 32), Xbyak::Reg32(regs_.gpr(boxed)));
  a_.mov(state(desc.offset + 4, 32), 0xffffffff);
}

void Compiler::op_begin_insn(const Inst& inst) {
  pc_ = inst.imm;
  insn_length_ = inst.attr;
  ++retired_;
  note_pc(pc_);
}

// Stores an operand, zero-extended, into a word of the frame. Its register is free for others then.
void Compiler::pass_argument(u32 offset, ValueId value) {
  const ir::Type type = type_of(value);
  if (regs_.is_constant(value)) {
    const u64 imm = regs_.constant(value);
    if (regs_.fits_imm32(value, 64)) return a_.mov(frame(offset), imm);
    a_.mov(frame(offset, 32), u64(s64(s32(imm))));
    return a_.mov(frame(offset + 4, 32), u64(s64(s32(imm >> 32))));
  }
  if (regs_.in_xmm(value) && !regs_.in_gpr(value)) {
    const Xbyak::Xmm x(regs_.xmm(value));
    if (type.bytes() == 8) return a_.movsd(frame(offset), x);
    a_.mov(frame(offset + 4, 32), 0);
    return a_.movss(frame(offset, 32), x);
  }
  const int own = regs_.gpr(value);
  const int r = extended(value, Ext::zero, 64);
  a_.mov(frame(offset), Xbyak::Reg64(r));
  if (r != own) regs_.free_temp(r);
  regs_.unlock(value);
}

void Compiler::op_helper(const Inst& inst) {
  const HelperDesc& helper = layout_.helpers[inst.imm];
  for (u32 i = 0; i < operand_count(inst); ++i) pass_argument(Frame::kArg0 + 8 * i, inst.args[i]);
  using enum HelperEffects;
  HelperEffects effects = helper.effects;
  const bool counted_leave = has(effects, may_leave) && options_->count_insns;
  if (has(effects, writes_state | may_leave)) regs_.before_state_changes();
  if (counted_leave) effects = HelperEffects(u8(effects) & ~u8(may_leave)) | reads_state | writes_state;
  regs_.before_call();
  load_address(reinterpret_cast<const void*>(helper.function), Reloc::helper);
  call_thunk(host_.helper(effects));
  if (counted_leave) {
    a_.cmp(state(offsetof(CpuState, leave), 32), 0);
    Cold& left = add_cold(&Compiler::cold_helper_left);
    left.from = a_.jcc_near(Cond::ne);
    left.value = s64(pc_ + insn_length_);
  }
  if (inst.type.is_void() || facts_[self()].first_use == kNever) return;
  a_.mov(Xbyak::Reg64(regs_.def_gpr(self())), frame(Frame::kArg0));
}

// A helper has set state.leave while instructions are being counted: its own has retired if the guest goes on behind
// it.
void Compiler::cold_helper_left(const Cold& cold) {
  a_.mov(rax, u64(cold.value));
  a_.xor_(ecx, ecx);
  a_.cmp(state(offsetof(CpuState, pc)), rax);
  a_.sete(cl);
  a_.add(rcx, cold.retired);
  a_.add(state(offsetof(CpuState, insn_count)), rcx);
  a_.ret();
}

}  // namespace mimus::baseline
