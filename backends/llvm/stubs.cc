#include "backends/llvm/stubs.h"

#include <cstddef>

namespace mimus::jit {

using namespace Xbyak::util;
using emit::Cond;

bool is_edge(const ir::Region& region, const ExitStub& stub) {
  const ir::Block& block = *region.blocks[stub.block];
  const ir::Exit& exit = block.exits[stub.exit];
  if (stub.kind == ExitStub::Kind::edge) return is_linkable(block, exit);
  return stub.kind == ExitStub::Kind::landing && is_linkable_return(block, exit);
}

Xbyak::Address StubWriter::state(u32 offset, u32 bits) {
  return Xbyak::AddressFrame(bits)[emit::rstate + size_t(offset)];
}

void StubWriter::jump(u64 executable) { a_.jump_to(where_.slab.to_write(executable)); }
void StubWriter::jump_if(Cond condition, u64 executable) { a_.jcc_to(condition, where_.slab.to_write(executable)); }

StubWriter::Written StubWriter::write(const ExitStub& stub, u32 index, u32 edge) {
  const ir::Exit& exit = region_.blocks[stub.block]->exits[stub.exit];
  const u64 start = here();
  const bool links = is_edge(region_, stub);
  if (stub.kind == ExitStub::Kind::poll) {
    load_pc(exit.target);
    jump(where_.host.leave_poll());
  } else if (stub.kind == ExitStub::Kind::landing) {
    if (links) a_.jmp(ptr[rip + static_cast<const void*>(cells_ + 8 * index)]);
    const u64 unlinked = here();
    links ? leave_by_edge(exit.return_pc, edge) : known_target(exit.return_pc);
    return {start, links ? unlinked : 0};
  } else if (links) {
    leave_by_edge(exit.target, edge);
    return {start, start};
  } else if (exit.kind == ir::Exit::Kind::yield) {
    load_pc(exit.target);
    jump(where_.host.leave_dispatch());
  } else if (is_direct(exit)) {
    known_target(exit.target);
  } else {
    computed_target(exit.kind == ir::Exit::Kind::ret);
  }
  return {start, 0};
}

u64 StubWriter::write_go_back(GuestPc pc) {
  const u64 start = here();
  load_pc(pc);
  jump(where_.host.leave_dispatch());
  return start;
}

void StubWriter::leave_by_edge(GuestPc pc, u32 edge) {
  load_pc(pc);
  a_.mov(ecx, code_id_);
  a_.mov(edx, edge);
  jump(where_.host.leave_edge());
}

// Through the jump cache, whose entry for this PC is known.
void StubWriter::known_target(GuestPc pc) {
  const size_t entry = jump_cache_index(pc) * sizeof(JumpEntry);
  a_.mov(rcx, state(offsetof(CpuState, jump_cache)));
  load_pc(pc);
  a_.cmp(qword[rcx + entry + offsetof(JumpEntry, pc)], rax);
  jump_if(Cond::ne, where_.host.leave_dispatch());
  a_.jmp(qword[rcx + entry + offsetof(JumpEntry, code)]);
}

// To the guest PC in rdx: a return looks at the top of the return stack first, then everybody at the jump cache.
void StubWriter::computed_target(bool returns) {
  a_.mov(rax, rdx);
  a_.cmp(state(offsetof(CpuState, exit_request), 32), 0);
  jump_if(Cond::ne, where_.host.leave_poll());
  if (returns) {
    constexpr u32 mask = kReturnStackEntries * sizeof(ReturnEntry) - 1;
    constexpr size_t stack = offsetof(CpuState, return_stack);
    a_.mov(ecx, state(offsetof(CpuState, return_top), 32));
    a_.sub(ecx, u32(sizeof(ReturnEntry)));
    a_.and_(ecx, mask);
    a_.mov(state(offsetof(CpuState, return_top), 32), ecx);
    a_.cmp(qword[emit::rstate + rcx + stack + offsetof(ReturnEntry, pc)], rdx);
    const emit::Jump other = a_.jcc_short(Cond::ne);
    a_.jmp(qword[emit::rstate + rcx + stack + offsetof(ReturnEntry, code)]);
    a_.bind_short(other);
  }
  a_.mov(rcx, rdx);
  a_.shr(rcx, 12);
  a_.xor_(rcx, rdx);
  a_.and_(ecx, 0x1ffe);
  a_.shl(ecx, 3);
  a_.add(rcx, state(offsetof(CpuState, jump_cache)));
  a_.cmp(qword[rcx + offsetof(JumpEntry, pc)], rdx);
  jump_if(Cond::ne, where_.host.leave_dispatch());
  a_.jmp(qword[rcx + offsetof(JumpEntry, code)]);
}

}  // namespace mimus::jit
