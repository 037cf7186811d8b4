// Values and the guest slots that they came from or go to.
#include "backends/baseline/registers.h"

namespace mimus::baseline {

using ir::SlotId;
using ir::Type;
using ir::ValueId;
using namespace Xbyak::util;

// ---- slots ----

void Registers::read(ValueId value, SlotId slot) {
  Value& v = values_[value];
  v.next = facts_[value].first_use;
  if (const u8 pin = layout_.slots[slot].pin) {
    const int number = emit::kPinnedRegisters[pin - 1];
    v.pin = s8(number);
    v.pin_link = pin_values_[number];
    pin_values_[number] = value;
    return;
  }
  if (slot_values_[slot] == kFree) slots_touched_.push_back(slot);
  v.slot = slot;
  v.slot_link = slot_values_[slot];
  slot_values_[slot] = value;
}

// Gives a value that is about to lose its last place another one: a register if one is free, else the stack.
void Registers::rescue(u32 root) {
  Value& v = values_[root];
  if (v.next == kNever || v.gpr != kNone || v.xmm != kNone || v.spill_words || facts_[root].shape == Shape::constant)
    return;
  const Type type = block_->insts[root].type;
  if (in_memory_class(type)) {
    const Xbyak::RegExp from = slot_address(v.slot);
    if (take_stack(v, (type.bytes() + 7) / 8)) copy(spill_address(v), from, type.bytes());
  } else if (in_xmm_class(type)) {
    const int r = alloc_xmm();
    load_xmm(r, root);
    own_xmm(r, root);
  } else if (gpr_free_) {
    const int r = alloc_gpr();
    load_gpr(r, root);
    own_gpr(r, root);
  } else if (v.pin != kNone) {
    if (take_stack(v, 1)) a_.mov(qword[spill_address(v)], Xbyak::Reg64(v.pin));
  } else if (type.bytes() == 8) {
    if (!take_stack(v, 1)) return;
    a_.push(qword[slot_address(v.slot)]);
    a_.pop(qword[spill_address(v)]);
  } else {
    const int r = alloc_gpr();
    load_gpr(r, root);
    own_gpr(r, root);
  }
}

void Registers::before_pin_changes(int number, ValueId except) {
  for (u32 root = pin_values_[number]; root != kFree; root = values_[root].pin_link) {
    Value& v = values_[root];
    if (v.pin != number || root == except) continue;
    if (v.slot == kNoSlot) rescue(root);
    v.pin = kNone;
  }
  pin_values_[number] = kFree;
  if (except != ir::kNoValue && values_[except].pin == number) {
    values_[except].pin_link = kFree;
    pin_values_[number] = except;
  }
}

void Registers::before_slot_changes(SlotId slot, ValueId except) {
  for (u32 root = slot_values_[slot]; root != kFree; root = values_[root].slot_link) {
    Value& v = values_[root];
    if (v.slot != slot || root == except) continue;
    if (v.pin == kNone) rescue(root);
    v.slot = kNoSlot;
  }
  slot_values_[slot] = kFree;
  if (except != ir::kNoValue && values_[except].slot == slot) {
    values_[except].slot_link = kFree;
    slot_values_[slot] = except;
  }
}

void Registers::wrote(SlotId slot, ValueId value) {
  const u32 root = facts_[value].root;
  Value& v = values_[root];
  if (facts_[root].shape == Shape::constant || v.next == kNever || v.slot != kNoSlot ||
      bytes_of_root(root) != layout_.slots[slot].type.bytes())
    return;
  if (slot_values_[slot] == kFree) slots_touched_.push_back(slot);
  v.slot = slot;
  v.slot_link = slot_values_[slot];
  slot_values_[slot] = root;
}

void Registers::write(SlotId slot, ValueId value) {
  const SlotDesc& desc = layout_.slots[slot];
  const u32 root = facts_[value].root;
  if (desc.pin) {
    const int number = emit::kPinnedRegisters[desc.pin - 1];
    Value& v = values_[root];
    if (v.pin == number) return;  // computed there
    before_pin_changes(number, ir::kNoValue);
    if (is_constant(value)) {
      const u64 imm = constant(value);
      if (imm == 0)
        a_.xor_(Xbyak::Reg32(number), Xbyak::Reg32(number));
      else
        a_.mov(Xbyak::Reg64(number), imm);
      return;
    }
    if (v.gpr != kNone)
      a_.mov(Xbyak::Reg64(number), Xbyak::Reg64(v.gpr));
    else
      load_gpr(number, root);
    if (v.pin != kNone || v.next == kNever) return;
    v.pin = s8(number);
    v.pin_link = pin_values_[number];
    pin_values_[number] = root;
    if (v.gpr != kNone) {  // the pin keeps it from now on
      gpr_owner_[v.gpr] = kFree;
      gpr_free_ |= 1u << v.gpr;
      v.gpr = kNone;
    }
    return;
  }
  if (values_[root].slot == slot) return;
  before_slot_changes(slot, ir::kNoValue);
  const unsigned bits = desc.type.bytes() * 8;
  const Xbyak::RegExp where = slot_address(slot);
  if (in_memory_class(desc.type)) {
    copy(where, memory_of(value), desc.type.bytes());
    return wrote(slot, value);
  }
  if (bits <= 64 && fits_imm32(value, bits)) {
    a_.mov(Xbyak::AddressFrame(bits)[where], u64(sign_extend(constant(value), bits)));
    return;
  }
  const bool through_xmm = bits > 64 || (bits >= 32 && values_[root].gpr == kNone && values_[root].pin == kNone &&
                                         (values_[root].xmm != kNone || desc.type.is_float()));
  if (!through_xmm) {
    a_.mov(Xbyak::AddressFrame(bits)[where], gpr_of(gpr(value), bits));
  } else {
    const Xbyak::Xmm from(xmm(value));
    if (bits == 128)
      a_.movups(xword[where], from);
    else if (bits == 64)
      a_.movsd(qword[where], from);
    else if (bits == 32)
      a_.movss(dword[where], from);
    else
      failure_ = "a slot of odd size";
  }
  wrote(slot, value);
}

}  // namespace mimus::baseline
