// Cold sites: places in a region's function where it leaves LLVM's world on a rare path (a TLB miss, a trap, a stop
// request). LLVM sees one patchpoint there, whose operands are the site's arguments and all dirty slots; it may keep
// them wherever it likes, clobbers nothing, and reports where they are in the stack map. The code that stores them to
// the state and calls the runtime is written afterwards (stubs.h). So a rare path costs LLVM next to nothing, and the
// registers of the usual path are not disturbed.
#pragma once

#include <optional>
#include <vector>

#include "backends/llvm/symbols.h"
#include "core/ir/block.h"
#include "core/state/layout.h"

namespace mimus::jit {

// CpuState::scratch words by which arguments travel to the thunks (thunks.h).
struct SlowArguments {
  static constexpr u32 kFirst = 4;   // va; also the result
  static constexpr u32 kSecond = 5;  // value, tval
  static constexpr u32 kDesc = 6;    // low half: access descriptor or exception cause; high half: op or bytes
  static constexpr u32 kSpill = 7;   // the stub's own
};

// A load or store of flat memory: one instruction of ours in the place of a patchpoint, whose arguments are the address
// without `disp` and the value to store, and whose result is the value loaded. What its fault does has a block of its
// own: the patchpoint is an invoke, whose landing pad is where the handler of the fault goes on.
struct FlatAccess {
  ir::Type type;
  bool store = false;
  bool sign = false;  // loads of integers are extended to 64 bits: with their sign, or with zeros
  s32 disp = 0;
  u8 room = 0;  // bytes of the patchpoint
};

struct ColdSite {
  struct Piece {
    u32 offset, bytes;  // in the state; 1, 2, 4 or 8
  };
  enum class Kind : u8 {
    call,   // calls `function`; goes on if that does not leave
    leave,  // calls `function`, then leaves
    poll,   // leaves by Leave::poll, to go on at `pc`
  };
  Kind kind = Kind::call;
  Slow function = Slow::load;
  bool result = false;                    // the patchpoint has one
  std::optional<FlatAccess> access = {};  // then this is no rare path, and there are no pieces
  u32 desc = 0, extra = 0;                // for SlowArguments::kDesc
  GuestPc pc = 0;                         // of the instruction
  std::vector<u8> words = {};             // scratch word of each argument after the state
  std::vector<Piece> pieces = {};         // of dirty slots, in the order of the operands
  u32 insns_before = 0;                   // for counting, see Lowering::count_early
  u32 insn_length = 0;
};

}  // namespace mimus::jit
