#include "backends/baseline/registers.h"

#include <algorithm>

namespace mimus::baseline {

using emit::Frame;
using ir::Elem;
using ir::SlotId;
using ir::Type;
using ir::ValueId;
using namespace Xbyak::util;

Registers::Registers(emit::Assembler& assembler, const Analysis& facts, const emit::HostRuntime& host)
    : a_(assembler), facts_(facts), host_(host), layout_(host.layout()), slot_values_(layout_.slots.size(), kFree) {}

void Registers::start(const ir::Block& block) {
  block_ = &block;
  values_.assign(block.insts.size(), {});
  std::ranges::fill(gpr_owner_, kFree);
  std::ranges::fill(xmm_owner_, kFree);
  std::ranges::fill(pin_values_, kFree);
  for (u16 slot : slots_touched_) slot_values_[slot] = kFree;
  slots_touched_.clear();
  gpr_free_ = kScratchMask;
  xmm_free_ = 0xffff;
  gpr_locked_ = xmm_locked_ = 0;
  stack_used_.reset();
  for (Cached& c : cached_) c = {};
  failure_ = nullptr;
}

// ---- life of values ----

void Registers::collect(u32 index) {
  for_each_operand(*block_, block_->insts[index], [&](unsigned k, ValueId id) {
    if (facts_[id].shape == Shape::fused) return collect(id);
    const u32 root = facts_[id].root;
    Value& v = values_[root];
    bool seen = false;
    for (unsigned i = 0; i < current_count_; ++i) seen |= current_[i] == root;
    if (!seen) {
      current_[current_count_++] = root;
      v.next = 0;
      if (v.gpr != kNone) gpr_locked_ |= 1u << v.gpr;
      if (v.xmm != kNone) xmm_locked_ |= 1u << v.xmm;
    }
    v.next = std::max(v.next, facts_[index].next[k]);  // the other records of this instruction name itself
  });
}

void Registers::begin(u32 index) {
  current_count_ = 0;
  collect(index);
}

void Registers::end(u32 index) {
  for (unsigned i = 0; i < current_count_; ++i) {
    if (values_[current_[i]].next == kNever) kill(current_[i]);
  }
  if (facts_[index].first_use == kNever) kill(index);
  for (u32 left = gpr_locked_; left; left &= left - 1) {  // temporaries are locked
    const int r = std::countr_zero(left);
    if (gpr_owner_[r] == kTemp) gpr_owner_[r] = kFree, gpr_free_ |= 1u << r;
  }
  for (u32 left = xmm_locked_; left; left &= left - 1) {
    const int r = std::countr_zero(left);
    if (xmm_owner_[r] == kTemp) xmm_owner_[r] = kFree, xmm_free_ |= 1u << r;
  }
  gpr_locked_ = xmm_locked_ = 0;
}

void Registers::kill(u32 root) {
  Value& v = values_[root];
  if (v.gpr != kNone) gpr_owner_[v.gpr] = kFree, gpr_free_ |= 1u << v.gpr;
  if (v.xmm != kNone) xmm_owner_[v.xmm] = kFree, xmm_free_ |= 1u << v.xmm;
  for (unsigned i = 0; i < v.spill_words; ++i) stack_used_.reset(v.spill + i);
  v.gpr = v.xmm = v.pin = kNone;
  v.spill_words = 0;
  v.slot = kNoSlot;
}

// ---- allocation ----

bool Registers::elsewhere(const Value& v, u32 root) const {
  return v.pin != kNone || v.slot != kNoSlot || v.spill_words || facts_[root].shape == Shape::constant;
}

u32 Registers::next_of_owner(u32 owner) const {
  if (owner & kCachedOwner) return cached_[owner & ~kCachedOwner].next;
  return values_[owner].next;
}

// The occupied, unlocked register whose owner is needed last.
int Registers::pick(u32 mask, const u32* owner, u32 locked) {
  int best = kNone;
  u32 best_next = 0;
  for (u32 left = mask & ~locked; left; left &= left - 1) {
    const int r = std::countr_zero(left);
    if (owner[r] == kTemp) continue;
    const u32 next = next_of_owner(owner[r]);
    if (best == kNone || next > best_next) best = r, best_next = next;
  }
  if (best == kNone) failure_ = "out of registers";
  return best;
}

int Registers::alloc_gpr() {
  int r;
  if (gpr_free_) {
    r = std::countr_zero(gpr_free_);
  } else {
    r = pick(kScratchMask, gpr_owner_, gpr_locked_);
    if (r == kNone) return 0;
    evict_gpr(r);
  }
  gpr_free_ &= ~(1u << r);
  gpr_locked_ |= 1u << r;
  return r;
}

int Registers::alloc_xmm() {
  int r;
  if (xmm_free_) {
    r = std::countr_zero(xmm_free_);
  } else {
    r = pick(0xffff, xmm_owner_, xmm_locked_);
    if (r == kNone) return 0;
    evict_xmm(r);
  }
  xmm_free_ &= ~(1u << r);
  xmm_locked_ |= 1u << r;
  return r;
}

void Registers::evict_gpr(int r) {
  const u32 owner = gpr_owner_[r];
  gpr_owner_[r] = kFree;
  gpr_free_ |= 1u << r;
  if (owner == kFree || owner == kTemp) return;
  if (owner & kCachedOwner) {
    cached_[owner & ~kCachedOwner].reg = kNone;
    return;
  }
  Value& v = values_[owner];
  if (v.xmm == kNone && !elsewhere(v, owner)) spill(owner);
  v.gpr = kNone;
}

void Registers::evict_xmm(int r) {
  const u32 owner = xmm_owner_[r];
  xmm_owner_[r] = kFree;
  xmm_free_ |= 1u << r;
  if (owner == kFree || owner == kTemp) return;
  Value& v = values_[owner];
  if (v.gpr == kNone && !elsewhere(v, owner)) spill(owner);
  v.xmm = kNone;
}

bool Registers::take_stack(Value& v, unsigned words) {
  for (unsigned first = 0; first + words <= stack_used_.size(); first += words) {
    bool used = false;
    for (unsigned i = 0; i < words; ++i) used |= stack_used_[first + i];
    if (used) continue;
    for (unsigned i = 0; i < words; ++i) stack_used_.set(first + i);
    v.spill = u16(first);
    v.spill_words = u8(words);
    return true;
  }
  failure_ = "out of stack";
  return false;
}

void Registers::spill(u32 root) {
  Value& v = values_[root];
  const unsigned bytes = bytes_of_root(root);
  if (!take_stack(v, bytes > 8 ? 2 : 1)) return;
  const Xbyak::RegExp where = spill_address(v);
  if (v.gpr != kNone)
    a_.mov(qword[where], Xbyak::Reg64(v.gpr));
  else if (bytes > 8)
    a_.movaps(xword[where], Xbyak::Xmm(v.xmm));
  else
    a_.movsd(qword[where], Xbyak::Xmm(v.xmm));
}

Xbyak::RegExp Registers::spill_address(const Value& v) const { return rsp + size_t(Frame::kSpill + 8u * v.spill); }
Xbyak::RegExp Registers::slot_address(SlotId slot) const { return emit::rstate + size_t(layout_.slots[slot].offset); }

void Registers::own_gpr(int r, u32 root) {
  gpr_owner_[r] = root;
  values_[root].gpr = s8(r);
}
void Registers::own_xmm(int r, u32 root) {
  xmm_owner_[r] = root;
  values_[root].xmm = s8(r);
}

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
    else
      failure_ = "a value of odd size";
  } else {
    failure_ = "a value without a place";
  }
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

// ---- calls ----

void Registers::before_call() {
  for (u32 left = kClobbered & ~gpr_free_; left; left &= left - 1) {
    const int r = std::countr_zero(left);
    const u32 owner = gpr_owner_[r];
    if (owner == kTemp || owner == kFree) continue;
    gpr_locked_ &= ~(1u << r);
    const bool live = !(owner & kCachedOwner) && values_[owner].next != kNever && !elsewhere(values_[owner], owner);
    const u32 kept = gpr_free_ & ~kClobbered;
    if (live && kept) {
      const int to = std::countr_zero(kept);
      a_.mov(Xbyak::Reg64(to), Xbyak::Reg64(r));
      gpr_free_ &= ~(1u << to);
      gpr_owner_[r] = kFree;
      gpr_free_ |= 1u << r;
      own_gpr(to, owner);
    } else if (live || owner & kCachedOwner) {
      evict_gpr(r);
    } else {
      values_[owner].gpr = kNone;
      gpr_owner_[r] = kFree;
      gpr_free_ |= 1u << r;
    }
  }
  for (u32 left = 0xffff & ~xmm_free_; left; left &= left - 1) {
    const int r = std::countr_zero(left);
    const u32 owner = xmm_owner_[r];
    if (owner == kTemp || owner == kFree) continue;
    if (values_[owner].next != kNever) {
      evict_xmm(r);
    } else {
      values_[owner].xmm = kNone;
      xmm_owner_[r] = kFree;
      xmm_free_ |= 1u << r;
    }
  }
}

void Registers::before_state_changes() {
  for (unsigned i = 0; i < emit::kPinnedCount; ++i) before_pin_changes(emit::kPinnedRegisters[i], ir::kNoValue);
  for (u16 slot : slots_touched_) before_slot_changes(slot, ir::kNoValue);
}

u32 Registers::live_xmm() const { return 0xffff & ~xmm_free_; }

// ---- cached addresses ----

void Registers::set_cached(unsigned which, int number, u32 next_use) {
  gpr_free_ &= ~(1u << number);
  gpr_owner_[number] = kCachedOwner | which;
  cached_[which] = {number, next_use};
}
int Registers::lock_cached(unsigned which) {
  gpr_locked_ |= 1u << cached_[which].reg;
  return cached_[which].reg;
}
void Registers::cached_to_temp(unsigned which) {
  gpr_owner_[cached_[which].reg] = kTemp;
  gpr_locked_ |= 1u << cached_[which].reg;
  cached_[which] = {};
}
void Registers::drop_cached(unsigned which) {
  const int r = cached_[which].reg;
  if (r == kNone) return;
  gpr_owner_[r] = kFree;
  gpr_free_ |= 1u << r;
  cached_[which] = {};
}

}  // namespace mimus::baseline
