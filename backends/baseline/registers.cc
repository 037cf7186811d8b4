#include "backends/baseline/registers.h"

#include <algorithm>

namespace mimus::baseline {

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
