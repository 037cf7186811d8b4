// What the compiler knows about a block before it emits anything: which instructions make code of their own, and when
// each value is used next. One look forward for use counts and shapes, one backward for the uses.
#pragma once

#include <array>
#include <vector>

#include "core/engine/helper.h"
#include "core/ir/block.h"
#include "core/state/layout.h"

namespace mimus::baseline {

inline constexpr u32 kNever = ~u32{0};

// How the register bits above a value's width relate to it.
enum class Ext : u8 { any, zero, sign };

enum class Shape : u8 {
  code,      // instructions of its own
  constant,  // an immediate; in a register only on demand
  view,      // other bits of what `root` holds: no code
  fused,     // becomes part of its only user
  dead,      // nobody uses it
};

struct Facts {
  ir::ValueId root = 0;  // view: the value whose register holds this one too; else itself
  Shape shape = Shape::code;
  Ext ext = Ext::any;
  u8 pin = 0;              // 1 + index of the pinned register that it may be computed into at once
  u32 first_use = kNever;  // of a root: the instruction that uses it first
  u32 next[4] = {kNever, kNever, kNever, kNever};  // per operand: the next use of its root after this instruction
  // Memory accesses with the same base: the next one, and the range of all from here on. A group spans at most
  // kGroupSpan bytes, and nothing inside it can change the TLB but slow paths of accesses.
  u32 group_next = kNever;
  s32 group_low = 0, group_high = 0;  // displacements: first byte, one past the last
  bool group_writes = false;
};

// A vector that fills an SSE register.
constexpr bool is_block(ir::Type type) { return type.is_vector() && type.bits() == 128 && type.elem != ir::Elem::i1; }

// Number of operands, from a table smaller than the op table (which the compiler would keep missing in the cache).
inline unsigned operand_count(const ir::Inst& inst) {
  static constexpr auto kArity = [] {
    std::array<u8, ir::kOpCount> table{};
    for (unsigned op = 0; op < ir::kOpCount; ++op) table[op] = ir::kOps[op].arity;
    return table;
  }();
  return inst.op == ir::Op::helper ? inst.attr & 7u : kArity[unsigned(inst.op)];
}

// Calls f(index, value) for each operand of an instruction; the value of an exit comes last.
template <class F>
inline void for_each_operand(const ir::Block& block, const ir::Inst& inst, F&& f) {
  const unsigned count = operand_count(inst);
  for (unsigned i = 0; i < count; ++i) f(i, inst.args[i]);
  if (inst.op != ir::Op::exit_if && inst.op != ir::Op::end) return;
  const ir::ValueId value = block.exits[inst.imm].value;
  if (value != ir::kNoValue) f(count, value);
}

// Rounding modes that MXCSR has.
constexpr bool host_has(ir::Rounding rounding) {
  return rounding <= ir::Rounding::rup || rounding == ir::Rounding::current;
}
static_assert(ir::Rounding::rup < ir::Rounding::rmm && ir::Rounding::rtz < ir::Rounding::rup);

class Analysis {
 public:
  // What becomes host instructions that take the work of their operands with them: multiply-adds negations, extensions
  // of lane masks comparisons, AES rounds their first half.
  struct Fusions {
    bool fma, vectors, aes;
  };
  Analysis(const StateLayout& layout, std::span<const HelperDesc> helpers, Fusions host)
      : layout_(layout), helpers_(helpers), host_(host) {}

  void run(const ir::Block& block);
  const Facts& operator[](ir::ValueId id) const { return facts_[id]; }

 private:
  void count_uses();
  void find_shapes();
  void find_uses();

  void shape_of(u32 index);
  void make_view(u32 index, ir::ValueId of, Ext ext);
  bool fusable(ir::ValueId value) const;
  void fuse_flag(const ir::Inst& write);
  void note_use(u32 user, Facts& by, unsigned operand, ir::ValueId value);
  void note_operands(u32 user, u32 index);
  void note_pin(u32 index);
  void note_access(u32 index);

  const StateLayout& layout_;
  std::span<const HelperDesc> helpers_;
  Fusions host_;
  const ir::Block* block_ = nullptr;
  std::vector<Facts> facts_;
  struct Sweep {               // about each instruction's value, while the sweeps run
    u16 uses = 0;              // by operand
    u16 sign_uses = 0;         // those by sext
    u16 zero_uses = 0;         // and by zext
    u32 next_use = kNever;     // backward: of a root
    u32 next_access = kNever;  // backward: of a root as a base
  };
  std::vector<Sweep> sweep_;
  // Backward sweep, per pinned register: the next write and read; and the next instruction that can show the state.
  u32 pin_write_[8], pin_read_[8];
  u32 observer_ = kNever;
  u32 group_limit_ = kNever;  // accesses from here on are behind something that may change the TLB
};

}  // namespace mimus::baseline
