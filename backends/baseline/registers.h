// Where values are while a block is being emitted: general registers, SSE registers, pinned registers, the state, the
// stack. Allocation is local and greedy: the value whose next use is farthest away gives up its register.
//
// A value may be in several places at once. One that also is in the state or the stack loses its register for nothing;
// one that has been read from a pinned register is an alias of it until the register is about to change.
#pragma once

#include <bitset>

#include "backends/baseline/analysis.h"
#include "backends/emit/assembler.h"
#include "backends/emit/thunks.h"

namespace mimus::baseline {

inline constexpr int kNone = -1;

// A register or a place in memory, as an instruction operand.
struct Place {
  int reg = kNone;        // hardware number, or
  Xbyak::RegExp address;  // memory
  bool is_reg() const { return reg != kNone; }
};

// An xbyak register of the given width.
inline Xbyak::Reg gpr_of(int number, unsigned bits) {
  return Xbyak::Reg(number, Xbyak::Operand::REG, int(bits), bits == 8 && number >= 4 && number < 8);
}

inline Xbyak::Reg32e wide_of(int number, unsigned bits) { return Xbyak::Reg32e(number, int(bits)); }

class Registers {
 public:
  Registers(emit::Assembler& assembler, const Analysis& facts, const emit::HostRuntime& host);

  void start(const ir::Block& block);
  const char* failure() const { return failure_; }  // why the block cannot be compiled, or null

  // Around each instruction. Between them, registers that have been asked for stay put.
  void begin(u32 index);
  void end(u32 index);
  // Is `value` not needed after the current instruction?
  bool dies(ir::ValueId value) const { return values_[facts_[value].root].next == kNever; }

  // -- operands: fetch all of them before asking for a result register --
  bool is_constant(ir::ValueId value) const { return facts_[facts_[value].root].shape == Shape::constant; }
  u64 constant(ir::ValueId value) const;  // zero-extended from the value's own width
  // The value fits a sign-extended 32-bit immediate of an operation on `bits` bits.
  bool fits_imm32(ir::ValueId value, unsigned bits) const;
  int gpr(ir::ValueId value);
  int xmm(ir::ValueId value);
  // A register, or memory if the value is there alone, this is its last use and it is `bits` wide there.
  Place gpr_or_memory(ir::ValueId value, unsigned bits);
  Place xmm_or_memory(ir::ValueId value, unsigned bits);
  bool in_gpr(ir::ValueId value) const;  // without emitting anything
  bool in_gpr_or_imm(ir::ValueId value, unsigned bits) const { return in_gpr(value) || fits_imm32(value, bits); }
  // Only there, and this is its last use.
  bool lives_in_slot(ir::ValueId value, ir::SlotId slot) const;
  // Where it is right now: a general register or memory; kept there during this instruction.
  Place peek(ir::ValueId value);
  bool in_xmm(ir::ValueId value) const { return values_[facts_[value].root].xmm != kNone; }

  // -- results --
  // A register for the value defined by `value`: the pin it will be written to if that is safe, else that of a dying
  // operand among `reuse` (registers), else a free one.
  int def_gpr(ir::ValueId value, int reuse = kNone, int reuse2 = kNone);
  int def_xmm(ir::ValueId value, int reuse = kNone, int reuse2 = kNone);
  bool defines_pin(ir::ValueId value) const { return facts_[value].pin != 0; }
  int pin_target(ir::ValueId value) const {  // the pinned register that def_gpr will choose, or kNone
    return facts_[value].pin ? emit::kPinnedRegisters[facts_[value].pin - 1] : kNone;
  }
  // Makes `number` (fixed by the instruction, claimed before) the home of `value`.
  void define_in(ir::ValueId value, int number);

  // A value of more than 16 bytes has no register: makes it a place on the stack.
  Xbyak::RegExp def_memory(ir::ValueId value);
  // Where such a value is.
  Xbyak::RegExp memory_of(ir::ValueId value);
  static bool in_memory_class(ir::Type type) { return type.bytes() > 16; }
  static bool in_xmm_class(ir::Type type) { return type == ir::f32 || type == ir::f64 || type.bytes() == 16; }
  void copy(const Xbyak::RegExp& to, const Xbyak::RegExp& from, unsigned bytes);  // by an SSE temporary

  // -- temporaries, until end() --
  int temp();
  int temp_xmm();
  void free_temp(int number);  // before end()
  // The instruction has no use for the operand's register any more.
  void unlock(ir::ValueId value);
  // Empties a scratch register and keeps it for this instruction: what was there moves, even a locked operand, whose
  // new number the caller gets by asking again.
  void claim(int number);
  bool is_scratch(int number) const { return number != kNone && (kScratchMask >> number & 1); }

  // -- guest slots --
  void read(ir::ValueId value, ir::SlotId slot);
  void write(ir::SlotId slot, ir::ValueId value);
  // `write` has stored the value itself.
  void wrote(ir::SlotId slot, ir::ValueId value);
  // Values that live in `slot` alone are moved to registers: the slot is about to change.
  void before_slot_changes(ir::SlotId slot, ir::ValueId except);
  // The same for the host register `number` of a pinned slot.
  void before_pin_changes(int number, ir::ValueId except);

  // -- calls --
  // Nothing live stays in registers that C functions clobber (but pins, which the thunks keep).
  void before_call();
  // Besides, all slots may change.
  void before_state_changes();
  u32 live_xmm() const;  // mask of SSE registers that hold something needed later or now

  // -- pseudo values: a host address kept in a register until evicted --
  void set_cached(unsigned which, int number, u32 next_use);
  int cached(unsigned which) const { return cached_[which].reg; }
  int lock_cached(unsigned which);
  void drop_cached(unsigned which);
  void cached_to_temp(unsigned which);  // its register becomes a temporary of this instruction
  static constexpr unsigned kCached = 6;

  Xbyak::RegExp slot_address(ir::SlotId slot) const { return emit::rstate + size_t(layout_.slots[slot].offset); }

 private:
  static constexpr u32 kScratchMask = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 5 | 1u << 10;
  static constexpr u32 kClobbered = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 10;  // by C functions, among the scratch ones
  static constexpr u32 kFree = ~u32{0}, kTemp = ~u32{1}, kCachedOwner = u32{1} << 31;
  static constexpr u16 kNoSlot = 0xffff;

  struct Value {
    s8 gpr = kNone;
    s8 xmm = kNone;
    s8 pin = kNone;  // hardware number of the pinned register that holds it too
    u8 spill_words = 0;
    u16 spill = 0;                            // first word of its stack slot, if spill_words
    u16 slot = kNoSlot;                       // state slot that holds it too
    u32 next = kNever;                        // next use
    u32 pin_link = kFree, slot_link = kFree;  // other values of the same place
  };
  struct Cached {
    int reg = kNone;
    u32 next = kNever;
  };

  Value& of(ir::ValueId value) { return values_[facts_[value].root]; }
  unsigned bytes_of_root(u32 root) const { return block_->insts[root].type.bytes(); }
  bool elsewhere(const Value& v, u32 root) const;  // has a place that is no scratch register
  void collect(u32 index);
  void kill(u32 root);
  int pick(u32 owners_mask, const u32* owner, u32 locked);
  int alloc_gpr();
  int alloc_xmm();
  void evict_gpr(int number);
  void evict_xmm(int number);
  void spill(u32 root);
  bool take_stack(Value& v, unsigned words);
  void load_gpr(int number, u32 root);
  void load_xmm(int number, u32 root);
  void load_block(const Xbyak::Xmm& to, const ir::Inst& constant);
  void load_narrow_xmm(const Xbyak::Xmm& to, const Xbyak::RegExp& where, unsigned bytes);  // 1 or 2 bytes
  void own_gpr(int number, u32 root) {
    gpr_owner_[number] = root;
    values_[root].gpr = s8(number);
  }
  void own_xmm(int number, u32 root) {
    xmm_owner_[number] = root;
    values_[root].xmm = s8(number);
  }
  void rescue(u32 root);
  Xbyak::RegExp spill_address(const Value& v) const {
    return Xbyak::util::rsp + size_t(emit::Frame::kSpill + 8u * v.spill);
  }
  u32 next_of_owner(u32 owner) const;

  emit::Assembler& a_;
  const Analysis& facts_;
  const emit::HostRuntime& host_;
  const StateLayout& layout_;
  const ir::Block* block_ = nullptr;
  std::vector<Value> values_;
  u32 gpr_owner_[16], xmm_owner_[16];
  u32 gpr_free_ = 0, xmm_free_ = 0;      // masks
  u32 gpr_locked_ = 0, xmm_locked_ = 0;  // not to be evicted during this instruction
  u32 pin_values_[16];                   // heads of lists, by hardware number
  std::vector<u32> slot_values_;         // heads of lists, by slot
  std::vector<u16> slots_touched_;
  std::bitset<emit::Frame::kSpillBytes / 8> stack_used_;  // words
  Cached cached_[kCached];
  u32 current_[12];
  unsigned current_count_ = 0;
  const char* failure_ = nullptr;
};

}  // namespace mimus::baseline
