// Lowering: an op's operands get places, and the op picks its handler by type.
#pragma once

#include <optional>

#include "backends/interp/record.h"

namespace mimus::interp {

// Where a handler finds an operand: in the frame, in a guest slot (so that most slot reads need no record of their
// own), or in Record::imm.
enum class Source : u8 { frame, slot, imm };
// Where it leaves its result. In a slot as i64: as it is, or extended.
enum class Target : u8 { frame, slot, slot_sext, slot_zext };

struct Place {
  Source source = Source::frame;
  u32 offset = 0;
};

// One block on its way into records. Given to the lower_* functions, one per row of ops.def.
class Lowering {
 public:
  Lowering(Program& program, const ir::Block& block, const RuntimeLayout& layout, bool fuse);

  void run();       // appends the block's records to the program
  bool run_last();  // only the last instruction's; false if it cannot be lowered (SingleOp)
  void finish();    // after run_last: settles the size of the frame

  // -- for lower_* --
  const ir::Inst& inst() const { return block_.insts[current_]; }
  ir::Type type() const { return inst().type; }
  ir::Type arg_type(unsigned i) const { return block_.insts[inst().args[i]].type; }
  // The operand's value if it is a scalar constant of at most 64 bits, truncated to its type.
  std::optional<u64> constant(unsigned i) const;
  // The value's place in the frame, zero-extended to 8 bytes if it is a word; emits the record that puts it there.
  u32 in_frame(ir::ValueId value);
  // The word's place as it is now; upper bytes may hold anything.
  Place place(ir::ValueId value);
  // Assigns places in the frame to the first `operands` operands and to the result.
  void use(unsigned operands);
  void use_result();
  // Looks whether the next instructions only widen the result to i64 and write it to a slot. Then they are taken over:
  // `slot` is the offset in the state, and the result lives there.
  Target take_write(u32& slot);
  // Looks whether the next instruction is an exit_if on the result, which nothing else uses; then it is taken over and
  // `exit` is its index.
  bool take_exit(u32& exit);
  // To be called before a record that writes slots [offset, offset + bytes): values that are still there move out.
  void before_write(u32 offset, u32 bytes);
  void before_writing_all() { before_write(0, ~u32{0}); }
  // Makes the current instruction's value that of the slot or operand, without a record; false if it needs one.
  bool alias(const SlotDesc& slot);
  bool alias_operand();

  Record& record() { return record_; }
  void emit_record();  // appends record() ahead of the one being made
  const RuntimeLayout& layout() const { return layout_; }
  const ir::Block& block() const { return block_; }
  u32 pool_base() const { return pool_base_; }
  u32 exit_base() const { return exit_base_; }
  Program& program() { return program_; }

 private:
  struct Value {
    u32 frame = 0;             // place in the frame; 0: none yet
    u32 slot = kNoSlot;        // offset in the state where the value is at the moment
    u32 last_use = 0;          // index of the last instruction that uses it
    bool dirty_upper = false;  // the place in the frame was made for a wider value
  };
  static constexpr u32 kNoSlot = ~u32{0};

  void note_uses();
  void lower_inst();
  void begin_insn(const ir::Inst& inst);
  void settle(ir::ValueId value, u32 slot);
  void emit_aside(ir::ValueId value, Handler run, u64 imm, u32 from);
  void fetch(ir::ValueId value);

  Program& program_;
  const ir::Block& block_;
  const RuntimeLayout& layout_;
  const bool fuse_;
  std::vector<Value> values_;
  std::vector<ir::ValueId> in_slots_;  // values that may be in a slot
  Record record_;
  u32 current_ = 0;
  u32 taken_ = 0;  // instructions behind the current one that it has taken over
  u32 next_place_ = kFrameStart;
  u32 pool_base_ = 0, exit_base_ = 0, insn_base_ = 0;
};

// One per op, defined in the ops_*.cc file of its subject: a row without a definition does not link. Returns null for
// an op that needs no record.
#define OP(name, ...) Handler lower_##name(Lowering&);
#include "core/ir/ops.def"
#undef OP

// Handlers that bring a word into its place in the frame: from the slot at imm, from a place made for a wider word at
// a, from imm.
Handler read_handler(ir::Type type);
Handler clean_handler(ir::Type type);
Handler constant_handler();
// Leaves by exit `index`: what a handler returns that has taken over an exit_if.
const Record* take_exit(const Record* r, u32 index, u8* frame, CpuState* state);
// Takes over an exit_if on the current value: record().extra is its exit.
bool take_following_exit(Lowering& l);

// Bytes of a value in the frame.
constexpr u32 frame_bytes(ir::Type type) {
  const u32 bytes = type.is_vector() || type.bits() > 64 ? type.bytes() : 8;
  return bytes <= 8 ? 8 : (bytes + 15) / 16 * 16;
}
inline bool in_word(ir::Type type) { return !type.is_vector() && type.bits() <= 64; }

}  // namespace mimus::interp
