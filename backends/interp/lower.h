// Lowering: an op's operands get places in the frame, and the op picks its handler by type.
#pragma once

#include <optional>

#include "backends/interp/record.h"

namespace mimus::interp {

// One block on its way into records. Given to the lower_* functions, one per row of ops.def.
class Lowering {
 public:
  Lowering(Program& program, const ir::Block& block, const RuntimeLayout& layout);

  void run();       // appends the block's records to the program
  bool run_last();  // only the last instruction's; false if it cannot be lowered (SingleOp)
  void finish();    // after run_last: settles the size of the frame

  // -- for lower_* --
  const ir::Inst& inst() const { return block_.insts[current_]; }
  ir::Type type() const { return inst().type; }
  ir::Type arg_type(unsigned i) const { return block_.insts[inst().args[i]].type; }
  // The operand's value if it is a scalar constant of at most 64 bits, truncated to its type.
  std::optional<u64> constant(unsigned i) const;
  u32 place(ir::ValueId value);  // in the frame; emits a constant's record at its first use
  // Assigns places to the first `operands` operands and to the result.
  void use(unsigned operands);
  Record& record() { return record_; }
  const RuntimeLayout& layout() const { return layout_; }
  const ir::Block& block() const { return block_; }
  u32 pool_base() const { return pool_base_; }
  u32 exit_base() const { return exit_base_; }
  Program& program() { return program_; }
  void emit_record();  // appends record() ahead of the one being made

 private:
  void lower_inst();
  void begin_insn(const ir::Inst& inst);

  Program& program_;
  const ir::Block& block_;
  const RuntimeLayout& layout_;
  std::vector<u32> places_;  // per value; 0: none yet
  Record record_;
  u32 current_ = 0;
  u32 next_place_ = kFrameStart;
  u32 pool_base_ = 0, exit_base_ = 0, insn_base_ = 0;
};

// One per op, defined in the ops_*.cc file of its subject: a row without a definition does not link. Returns null for
// an op that needs no record.
#define OP(name, ...) Handler lower_##name(Lowering&);
#include "core/ir/ops.def"
#undef OP

// Bytes of a value in the frame.
constexpr u32 frame_bytes(ir::Type type) {
  const u32 bytes = type.is_vector() || type.bits() > 64 ? type.bytes() : 8;
  return bytes <= 8 ? 8 : (bytes + 15) / 16 * 16;
}
inline bool in_word(ir::Type type) { return !type.is_vector() && type.bits() <= 64; }

}  // namespace mimus::interp
