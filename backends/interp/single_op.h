// One op of the table as a function: what other engines call for ops that they have no code of their own for.
#pragma once

#include <memory>

#include "backends/interp/record.h"

namespace mimus::interp {

class SingleOp {
 public:
  // Where the op stands: memory ops report faults there.
  struct Site {
    GuestPc pc = 0;
    u32 length = 0;   // of the guest instruction, bytes
    u32 retired = 0;  // guest instructions of the block before it
    bool counts = false;
  };

  // `inst` with operands of the given types (constants among them are passed like all others). Null for ops that have
  // no result of their own (slots, exits, helpers) and for combinations of types that the interpreter cannot do.
  static std::unique_ptr<SingleOp> make(const ir::Inst& inst, std::span<const ir::Type> operands,
                                        std::span<const u8> pool, const RuntimeLayout& layout, const Site& site);

  // A frame for run(): 16-byte aligned. Operands and result lie at these offsets, in the form that record.h describes.
  u32 frame_bytes() const { return program_.frame_bytes; }
  u32 operand(unsigned index) const { return operands_[index]; }
  u32 result() const { return result_; }

  // Memory ops may set state.leave; the result means nothing then.
  void run(CpuState* state, u8* frame) const;

 private:
  Program program_;
  u32 operands_[4] = {};
  u32 result_ = 0;
};

}  // namespace mimus::interp
