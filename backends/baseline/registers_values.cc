// Operands, results and temporaries of the instruction in hand.
#include "backends/baseline/registers.h"

#include <algorithm>

namespace mimus::baseline {

using ir::SlotId;
using ir::Type;
using ir::ValueId;
using namespace Xbyak::util;

// ---- operands ----

u64 Registers::constant(ValueId value) const {
  const ir::Inst& root = block_->insts[facts_[value].root];
  return mimus::bits(root.imm, 0, std::min(block_->insts[value].type.bits(), root.type.bits()));
}

bool Registers::fits_imm32(ValueId value, unsigned bits) const {
  if (!is_constant(value)) return false;
  return bits <= 32 || s64(constant(value)) == s32(constant(value));
}

bool Registers::in_gpr(ValueId value) const {
  const Value& v = values_[facts_[value].root];
  return v.gpr != kNone || v.pin != kNone;
}

bool Registers::lives_in_slot(ValueId value, SlotId slot) const {
  const Value& v = values_[facts_[value].root];
  return v.slot == slot && v.next == kNever && v.gpr == kNone && v.xmm == kNone && v.pin == kNone && !v.spill_words;
}

Place Registers::peek(ValueId value) {
  const u32 root = facts_[value].root;
  const Value& v = values_[root];
  if (v.gpr == kNone && v.pin == kNone && facts_[root].shape != Shape::constant && bytes_of_root(root) == 8) {
    if (v.spill_words) return {kNone, spill_address(v)};
    if (v.slot != kNoSlot) return {kNone, slot_address(v.slot)};
  }
  return {gpr(value), {}};
}

// Puts `root` into general register `r`, from wherever it is.
void Registers::load_gpr(int r, u32 root) {
  const Value& v = values_[root];
  const Xbyak::Reg64 to(r);
  const unsigned bytes = bytes_of_root(root);
  if (facts_[root].shape == Shape::constant) {
    const Type type = block_->insts[root].type;
    a_.mov(to, mimus::bits(block_->insts[root].imm, 0, type.bits()));
  } else if (v.pin != kNone) {
    a_.mov(to, Xbyak::Reg64(v.pin));
  } else if (v.xmm != kNone) {
    if (bytes <= 4)
      a_.movd(to.cvt32(), Xbyak::Xmm(v.xmm));
    else
      a_.movq(to, Xbyak::Xmm(v.xmm));
  } else if (v.spill_words) {
    if (bytes == 4 && facts_[root].ext != Ext::sign)
      a_.mov(to.cvt32(), dword[spill_address(v)]);
    else
      a_.mov(to, qword[spill_address(v)]);
  } else if (v.slot != kNoSlot) {
    const Xbyak::RegExp where = slot_address(v.slot);
    if (bytes >= 8)
      a_.mov(to, qword[where]);
    else if (bytes == 4)
      a_.mov(to.cvt32(), dword[where]);
    else if (bytes == 2)
      a_.movzx(to.cvt32(), word[where]);
    else
      a_.movzx(to.cvt32(), byte[where]);
  } else {
    failure_ = "a value without a place";  // used before it was defined
  }
}

void Registers::load_xmm(int r, u32 root) {
  const Value& v = values_[root];
  const Xbyak::Xmm to(r);
  const unsigned bytes = bytes_of_root(root);
  if (facts_[root].shape == Shape::constant && v.gpr == kNone) {
    if (bytes == 16) return load_block(to, block_->insts[root]);
    const u64 imm = mimus::bits(block_->insts[root].imm, 0, block_->insts[root].type.bits());
    if (imm == 0) return a_.xorps(to, to);
    const int t = temp();
    a_.mov(Xbyak::Reg64(t), imm);
    a_.movq(to, Xbyak::Reg64(t));
  } else if (v.gpr != kNone || v.pin != kNone) {
    const Xbyak::Reg64 from(v.gpr != kNone ? v.gpr : v.pin);
    if (bytes <= 4)
      a_.movd(to, from.cvt32());
    else
      a_.movq(to, from);
  } else if (v.spill_words || v.slot != kNoSlot) {
    const Xbyak::RegExp where = v.spill_words ? spill_address(v) : slot_address(v.slot);
    if (bytes == 16)
      a_.movups(to, xword[where]);
    else if (bytes == 8)
      a_.movsd(to, qword[where]);
    else if (bytes == 4)
      a_.movss(to, dword[where]);
    else  // a narrow integer, extended and looked at as a float
      load_narrow_xmm(to, where, bytes);
  } else {
    failure_ = "a value without a place";
  }
}

// A constant of equal lanes.
void Registers::load_block(const Xbyak::Xmm& to, const ir::Inst& constant) {
  u64 imm = mimus::bits(constant.imm, 0, std::min(constant.type.lane_bits(), 64u));
  for (unsigned width = constant.type.lane_bits(); width < 64; width *= 2) imm |= imm << width;
  if (imm == 0) return a_.xorps(to, to);
  if (imm == ~u64{0}) return a_.pcmpeqd(to, to);
  const int t = temp();
  a_.mov(Xbyak::Reg64(t), imm);
  a_.movq(to, Xbyak::Reg64(t));
  a_.punpcklqdq(to, to);
}

void Registers::load_narrow_xmm(const Xbyak::Xmm& to, const Xbyak::RegExp& where, unsigned bytes) {
  const Xbyak::Reg32 t(temp());
  if (bytes == 2)
    a_.movzx(t, word[where]);
  else
    a_.movzx(t, byte[where]);
  a_.movd(to, t);
}

int Registers::gpr(ValueId value) {
  const u32 root = facts_[value].root;
  Value& v = values_[root];
  if (v.gpr != kNone) {
    gpr_locked_ |= 1u << v.gpr;
    return v.gpr;
  }
  if (v.pin != kNone) return v.pin;
  const int r = alloc_gpr();
  load_gpr(r, root);
  own_gpr(r, root);
  return r;
}

int Registers::xmm(ValueId value) {
  const u32 root = facts_[value].root;
  Value& v = values_[root];
  if (v.xmm != kNone) {
    xmm_locked_ |= 1u << v.xmm;
    return v.xmm;
  }
  const int r = alloc_xmm();
  load_xmm(r, root);
  own_xmm(r, root);
  return r;
}

Place Registers::gpr_or_memory(ValueId value, unsigned bits) {
  const u32 root = facts_[value].root;
  const Value& v = values_[root];
  if (v.gpr == kNone && v.pin == kNone && v.xmm == kNone && v.slot != kNoSlot && !v.spill_words && v.next == kNever &&
      bytes_of_root(root) * 8 >= bits)
    return {kNone, slot_address(v.slot)};
  return {gpr(value), {}};
}

Place Registers::xmm_or_memory(ValueId value, unsigned bits) {
  const u32 root = facts_[value].root;
  const Value& v = values_[root];
  if (v.gpr == kNone && v.pin == kNone && v.xmm == kNone && v.slot != kNoSlot && !v.spill_words && v.next == kNever &&
      bytes_of_root(root) * 8 >= bits)
    return {kNone, slot_address(v.slot)};
  return {xmm(value), {}};
}

// ---- results and temporaries ----

int Registers::def_gpr(ValueId value, int reuse, int reuse2) {
  values_[value].next = facts_[value].first_use;
  if (facts_[value].pin) {
    const int pin = emit::kPinnedRegisters[facts_[value].pin - 1];
    before_pin_changes(pin, value);
    Value& v = values_[value];
    v.pin = s8(pin);
    v.pin_link = pin_values_[pin];
    pin_values_[pin] = value;
    return pin;
  }
  for (const int candidate : {reuse, reuse2}) {
    if (!is_scratch(candidate)) continue;
    const u32 owner = gpr_owner_[candidate];
    if (owner == kTemp) {
      own_gpr(candidate, value);
      return candidate;
    }
    if (owner == kFree || owner & kCachedOwner || values_[owner].next != kNever) continue;
    values_[owner].gpr = kNone;
    own_gpr(candidate, value);
    return candidate;
  }
  const int r = alloc_gpr();
  own_gpr(r, value);
  return r;
}

int Registers::def_xmm(ValueId value, int reuse, int reuse2) {
  values_[value].next = facts_[value].first_use;
  for (const int candidate : {reuse, reuse2}) {
    if (candidate == kNone) continue;
    const u32 owner = xmm_owner_[candidate];
    if (owner != kTemp) {
      if (owner == kFree || values_[owner].next != kNever) continue;
      values_[owner].xmm = kNone;
    }
    own_xmm(candidate, value);
    return candidate;
  }
  const int r = alloc_xmm();
  own_xmm(r, value);
  return r;
}

void Registers::define_in(ValueId value, int number) {
  if (facts_[value].pin) {
    const int pin = def_gpr(value);
    a_.mov(Xbyak::Reg64(pin), Xbyak::Reg64(number));
    return;
  }
  values_[value].next = facts_[value].first_use;
  gpr_free_ &= ~(1u << number);
  own_gpr(number, value);
}

Xbyak::RegExp Registers::def_memory(ValueId value) {
  Value& v = values_[value];
  v.next = facts_[value].first_use;
  take_stack(v, (bytes_of_root(value) + 7) / 8);
  return spill_address(v);
}

Xbyak::RegExp Registers::memory_of(ValueId value) {
  const Value& v = of(value);
  if (v.spill_words) return spill_address(v);
  if (v.slot != kNoSlot) return slot_address(v.slot);
  failure_ = "a value without a place";
  return rsp;
}

void Registers::copy(const Xbyak::RegExp& to, const Xbyak::RegExp& from, unsigned bytes) {
  if (bytes % 16) failure_ = "a value of odd size";
  const Xbyak::Xmm t(temp_xmm());
  for (unsigned at = 0; at < bytes; at += 16) {
    a_.movups(t, xword[from + at]);
    a_.movups(xword[to + at], t);
  }
}

int Registers::temp() {
  const int r = alloc_gpr();
  gpr_owner_[r] = kTemp;
  return r;
}
int Registers::temp_xmm() {
  const int r = alloc_xmm();
  xmm_owner_[r] = kTemp;
  return r;
}

void Registers::free_temp(int number) {
  gpr_owner_[number] = kFree;
  gpr_free_ |= 1u << number;
  gpr_locked_ &= ~(1u << number);
}

void Registers::unlock(ValueId value) {
  const Value& v = of(value);
  if (v.gpr != kNone) gpr_locked_ &= ~(1u << v.gpr);
}

void Registers::claim(int number) {
  const u32 owner = gpr_owner_[number];
  if (owner == kTemp) {
    failure_ = "a register taken twice";
    return;
  }
  if (!(gpr_free_ >> number & 1)) {
    const bool locked = gpr_locked_ >> number & 1;
    gpr_locked_ &= ~(1u << number);
    const bool moves = owner != kFree && !(owner & kCachedOwner);
    // Needed by this instruction, or later: into another register if one is free.
    const u32 others = gpr_free_ & ~(1u << number);
    if (moves && others) {
      const int to = std::countr_zero(others);
      a_.mov(Xbyak::Reg64(to), Xbyak::Reg64(number));
      gpr_free_ &= ~(1u << to);
      if (locked) gpr_locked_ |= 1u << to;
      own_gpr(to, owner);
      gpr_owner_[number] = kFree;
    } else {
      evict_gpr(number);
    }
  }
  gpr_free_ &= ~(1u << number);
  gpr_locked_ |= 1u << number;
  gpr_owner_[number] = kTemp;
}

}  // namespace mimus::baseline
