// Writes the code of a region's ways out (lower.h, ExitStub). Whoever is reached through the jump cache or the return
// stack finds the guest PC in rax as well.
#pragma once

#include <vector>

#include "backends/emit/assembler.h"
#include "backends/llvm/code.h"

namespace mimus::jit {

inline constexpr u32 kMaxStubBytes = 112;

class StubWriter {
 public:
  // `cells` is where the region's cells will be, in the writable view.
  StubWriter(const CodePlace& where, emit::Assembler& assembler, const ir::Region& region, u32 code_id, const u8* cells)
      : where_(where), a_(assembler), region_(region), code_id_(code_id), cells_(cells) {}

  struct Written {
    u64 address;   // executable
    u64 unlinked;  // what the stub's cell holds at first, 0 when it has no use for its cell
  };
  // `edge` is the index in Code::edges, for stubs that are edges.
  Written write(const ExitStub& stub, u32 index, u32 edge);
  // Leaves to the run loop at `pc`.
  u64 write_go_back(GuestPc pc);

 private:
  u64 here() const { return where_.slab.to_exec(a_.getCurr()); }
  Xbyak::Address state(u32 offset, u32 bits = 64);
  void jump(u64 executable);
  void jump_if(emit::Cond condition, u64 executable);
  void load_pc(GuestPc pc) { a_.mov(Xbyak::util::rax, pc); }
  void leave_by_edge(GuestPc pc, u32 edge);
  void known_target(GuestPc pc);
  void computed_target(bool returns);

  const CodePlace& where_;
  emit::Assembler& a_;
  const ir::Region& region_;
  const u32 code_id_;
  const u8* cells_;
};

// Whether a stub is a linkable edge; then its cell counts.
bool is_edge(const ir::Region& region, const ExitStub& stub);

}  // namespace mimus::jit
