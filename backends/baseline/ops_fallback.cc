// Ops without code of their own: a call of the interpreter's function on a frame in the stack.
#include "backends/baseline/assists.h"
#include "backends/baseline/compiler.h"

namespace mimus::baseline {

using emit::Frame;
using ir::Inst;
using ir::SlotId;
using ir::Type;
using ir::ValueId;
using namespace Xbyak::util;

const interp::SingleOp* Compiler::single_op(const Inst& inst) {
  Type types[4];
  const unsigned count = operand_count(inst);
  for (unsigned i = 0; i < count; ++i) types[i] = type_of(inst.args[i]);
  if (Assists::is_placed(inst)) out_->movable = false;
  return assists_.get(inst, {types, count}, block_->pool, {pc_, insn_length_, retired_, options_->count_insns});
}

// The whole value at [rsp + offset], scalars zero-extended to 8 bytes.
void Compiler::put_in_frame(u32 offset, ValueId value) {
  const Type type = type_of(value);
  if (Registers::in_memory_class(type)) return regs_.copy(rsp + size_t(offset), regs_.memory_of(value), type.bytes());
  if (type.bytes() == 16) return a_.movups(frame(offset, 128), Xbyak::Xmm(regs_.xmm(value)));
  pass_argument(offset, value);
}

void Compiler::take_from_frame(u32 offset, Type type) {
  if (Registers::in_memory_class(type)) {
    regs_.copy(regs_.def_memory(self()), rsp + size_t(offset), type.bytes());
  } else if (Registers::in_xmm_class(type)) {
    const Xbyak::Xmm to(regs_.def_xmm(self()));
    if (type.bytes() == 16)
      a_.movups(to, frame(offset, 128));
    else
      a_.movsd(to, frame(offset));
  } else {
    a_.mov(Xbyak::Reg64(regs_.def_gpr(self())), frame(offset));
  }
}

void Compiler::fallback(const Inst& inst) {
  const interp::SingleOp* single = single_op(inst);
  if (!single || single->frame_bytes() > Frame::kWideBytes) return refuse(inst);
  for (unsigned i = 0; i < operand_count(inst); ++i) put_in_frame(Frame::kWide + single->operand(i), inst.args[i]);
  regs_.before_call();
  load_address(single, Reloc::single);
  a_.mov(frame(Frame::kArg0), rax);
  a_.lea(rax, frame(Frame::kWide));
  a_.mov(frame(Frame::kArg1), rax);
  using enum HelperEffects;
  const bool may_fault = has(ir::info(inst.op).effects, ir::Effects::may_fault);
  load_address(reinterpret_cast<const void*>(&run_single_op), Reloc::run_single);
  call_thunk(host_.helper(may_fault ? uses_host_fp | reads_state | may_leave : uses_host_fp));
  if (!inst.type.is_void() && facts_[self()].first_use != kNever)
    take_from_frame(Frame::kWide + single->result(), inst.type);
}

// In cold code: the op on one or two scalars (`a`, `b`: stored by `pass`); the result is in kArg0. Keeps all registers.
void Compiler::call_assist(const interp::SingleOp* single) {
  a_.mov(frame(Frame::kArg3), rax);
  load_address(single, Reloc::single);
  a_.mov(frame(Frame::kArg2), rax);
  load_address(reinterpret_cast<const void*>(&run_scalar_op), Reloc::run_scalar);
  call_thunk(host_.assist());
  a_.mov(rax, frame(Frame::kArg3));
}

// The record (kind, a, b, result) in four slots in a row.
void Compiler::op_pending_flags(const Inst& inst) {
  const SlotId first = SlotId(inst.imm);
  for (unsigned i = 0; i < 4; ++i) {
    const SlotDesc& slot = layout_.state.slots[first + i];
    if (slot.type != ir::i64 || slot.pin || (i && type_of(inst.args[i - 1]).bytes() > 8)) return refuse(inst);
  }
  std::array<Stored, 3> values;
  for (unsigned i = 0; i < 3; ++i) {
    const ValueId value = inst.args[i];
    if (regs_.is_constant(value) && regs_.constant(value) <= 0x7fffffff)
      values[i].imm = s64(regs_.constant(value));
    else
      values[i].gpr = extended(value, Ext::zero, 64);
    if (values[i].gpr != kNone && values[i].gpr != regs_.gpr(value)) regs_.unlock(value);
  }
  for (unsigned i = 0; i < 4; ++i) regs_.before_slot_changes(SlotId(first + i), ir::kNoValue);
  const auto where = [&](unsigned i) -> Xbyak::RegExp { return regs_.slot_address(SlotId(first + i)); };
  a_.mov(qword[where(0)], inst.imm >> 16);
  for (unsigned i = 0; i < 3; ++i) store_to(where(i + 1), ir::i64, values[i]);
}

}  // namespace mimus::baseline
