// Writes the code that belongs to a region but that LLVM never sees: what its ways out do (lower.h, ExitStub) and what
// its cold sites do (cold.h). Whoever is reached through the jump cache or the return stack finds the guest PC in rax
// as well.
//
// Position-independent until placed: jumps to other code are fixed up when the address is known.
#pragma once

#include <vector>

#include "backends/emit/assembler.h"
#include "backends/emit/thunks.h"
#include "backends/llvm/compiler.h"
#include "backends/llvm/object.h"
#include "backends/llvm/thunks.h"

namespace mimus::jit {

class StubWriter {
 public:
  StubWriter(const emit::HostRuntime& host, const Thunks& thunks, const ir::Region& region,
             const PrepareOptions& options, const CompiledRegion& compiled);

  struct Written {
    u32 offset = 0;      // in bytes()
    u32 unlinked = 0;    // offset of what the stub's cell holds at first
    bool links = false;  // the stub is a linkable edge: its cell counts
  };
  // `edge` is the index in Code::edges, for stubs that are edges.
  Written write_exit(u32 index, u32 edge);
  // Where the patchpoint of the record jumps to; nowhere, if it is an access.
  u32 write_cold(const StackMap::Record& record);
  // Leaves to the run loop at `pc`.
  u32 write_go_back(GuestPc pc);

  bool failed() const { return a_.failed(); }
  std::span<const u8> bytes() const { return {buffer_.data(), a_.offset()}; }
  // Fixes up a copy of bytes() that runs at `exec`; the function is at `function`, the cells are at `cells`.
  void place(u8* write, u64 exec, u64 function, u64 cells) const;

 private:
  // What a fixed-up displacement refers to.
  enum class Base : u8 { absolute, function, cells };
  struct Fixup {
    u32 end;  // offset behind the 32-bit displacement
    Base base;
    u64 value;
  };
  void fix(Base base, u64 value) { fixups_.push_back({a_.offset(), base, value}); }
  void jump(u64 address);
  void jump_if(emit::Cond condition, u64 address);
  void call(u64 address);
  void jump_through_cell(u32 index);
  void jump_to_function(u64 offset);

  void load_pc(GuestPc pc) { a_.mov(Xbyak::util::rax, pc); }
  void leave_by_edge(GuestPc pc, u32 edge);
  void known_target(GuestPc pc);
  void computed_target(bool returns);

  struct Frame;  // of one cold site
  Xbyak::Address field(u8 base, s64 offset, u32 bits = 64) const {
    return Xbyak::AddressFrame(bits)[Xbyak::Reg64(base) + size_t(offset)];
  }
  Xbyak::Address state(u32 offset, u32 bits = 64) const { return field(emit::kStateRegister, offset, bits); }
  void store_register(const Frame& frame, const Location& from, u32 offset, u32 bytes);
  void store_by_spill(const Frame& frame, const Location& from, u32 offset, u32 bytes);
  void store_all(const Frame& frame, const ColdSite& site, const StackMap::Record& record);
  void leave_cold(const Frame& frame, const ColdSite& site);

  const emit::HostRuntime& host_;
  const Thunks& thunks_;
  const ir::Region& region_;
  const PrepareOptions& options_;
  const CompiledRegion& compiled_;
  std::vector<u8> buffer_;
  emit::Assembler a_;
  std::vector<Fixup> fixups_;
};

}  // namespace mimus::jit
