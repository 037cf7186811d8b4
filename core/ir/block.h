// Block and Region: what a frontend produces, passes rewrite and engines compile.
#pragma once

#include <span>
#include <vector>

#include "core/ir/op.h"

namespace mimus::ir {

using ValueId = u32;  // index of the defining instruction in Block::insts
using SlotId = u16;   // index into the ISA's StateLayout
inline constexpr ValueId kNoValue = ~ValueId{0};

struct Inst {
  Op op = Op::end;
  u16 attr = 0;  // see AttrKind of the op
  Type type;     // of the result; void when there is none
  ValueId args[4] = {kNoValue, kNoValue, kNoValue, kNoValue};
  u64 imm = 0;  // see ImmKind of the op
};
static_assert(sizeof(Inst) == 32);

// Number of operands in use: fixed by the table, except for helper.
inline unsigned arity(const Inst& inst) { return inst.op == Op::helper ? inst.attr & 7u : info(inst.op).arity; }

// One way of leaving a block. Engines may treat jump, call and ret kinds as `indirect` (store the PC, go to the run
// loop).
struct Exit {
  enum class Kind : u8 {
    jump,           // to `target`, known
    indirect,       // to `value`
    call,           // to `target`; a later `ret` is predicted to come back to `return_pc`
    call_indirect,  // to `value`, likewise
    ret,            // to `value`, predicted from the return stack
    trap,   // guest exception `cause` with detail `tval`, raised at the instruction begun last (Frontend::raise)
    yield,  // to `target` through the run loop (state that the run loop looks at has changed)
  };
  Kind kind = Kind::jump;
  ValueId value = kNoValue;  // i64; never ~0, which marks empty entries of the jump cache and the return stack
  GuestPc target = 0;
  GuestPc return_pc = 0;
  u32 cause = 0;
  u64 tval = 0;
  u32 insns = 0;  // guest instructions that have retired when the block is left here
};

// Identifies a translation: where the code is and everything outside it that the translator looked at.
struct BlockKey {
  GuestPa physical = 0;  // of the first instruction byte
  GuestPc pc = 0;        // virtual
  u64 mode = 0;          // Frontend::mode_key
  bool operator==(const BlockKey&) const = default;
};

struct Block {
  BlockKey key;
  u32 guest_bytes = 0;  // bytes of code looked at, from key.pc
  u32 guest_insns = 0;
  std::vector<Inst> insts;
  std::vector<Exit> exits;
  std::vector<u8> pool;  // constants and shuffle tables, referred to by offset

  void clear() {
    guest_bytes = guest_insns = 0;
    insts.clear();
    exits.clear();
    pool.clear();
  }
};

// A graph of blocks that an engine compiles as one piece; entry is blocks[0]. Edges are jump/call exits whose
// target is the pc of another block of the region (same mode).
struct Region {
  std::vector<const Block*> blocks;
};

}  // namespace mimus::ir
