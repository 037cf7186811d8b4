#include "backends/llvm/stubs.h"

#include <cstddef>

namespace mimus::jit {

using namespace Xbyak::util;
using emit::Cond;

namespace {

constexpr size_t kMaxExitBytes = 128, kMaxColdBytes = 128, kMaxStoreBytes = 24;

size_t upper_bound(const CompiledRegion& compiled) {
  size_t bytes = (compiled.stubs.size() + 1) * kMaxExitBytes;
  for (const ColdSite& site : compiled.cold_sites)
    bytes += kMaxColdBytes + kMaxStoreBytes * (site.pieces.size() + site.words.size());
  return bytes;
}

// Whether a stub is a linkable edge.
bool is_edge(const ir::Block& block, const ir::Exit& exit, ExitStub::Kind kind, bool flat) {
  return kind == ExitStub::Kind::edge ? is_linkable(block, exit, flat) : is_linkable_return(block, exit, flat);
}

}  // namespace

StubWriter::StubWriter(const emit::HostRuntime& host, const Thunks& thunks, const ir::Region& region,
                       const PrepareOptions& options, const CompiledRegion& compiled)
    : host_(host),
      thunks_(thunks),
      region_(region),
      options_(options),
      compiled_(compiled),
      buffer_(upper_bound(compiled)) {
  a_.open(buffer_.data(), buffer_.size());
}

// ---- jumps to other code ----

void StubWriter::jump(u64 address) {
  a_.jmp_near();
  fix(Base::absolute, address);
}
void StubWriter::jump_if(Cond condition, u64 address) {
  a_.jcc_near(condition);
  fix(Base::absolute, address);
}
void StubWriter::call(u64 address) {
  a_.db(0xe8);  // CALL rel32
  a_.dd(0);
  fix(Base::absolute, address);
}
void StubWriter::jump_through_cell(u32 index) {
  a_.db(0xff);  // JMP [rip + disp32]
  a_.db(0x25);
  a_.dd(0);
  fix(Base::cells, u64{index} * 8);
}
void StubWriter::jump_to_function(u64 offset) {
  a_.jmp_near();
  fix(Base::function, offset);
}

void StubWriter::place(u8* write, u64 exec, u64 function, u64 cells) const {
  for (const Fixup& f : fixups_) {
    const u64 base = f.base == Base::function ? function : f.base == Base::cells ? cells : 0;
    const s32 displacement = s32(base + f.value - (exec + f.end));
    std::memcpy(write + f.end - 4, &displacement, sizeof displacement);
  }
}

// ---- ways out ----

StubWriter::Written StubWriter::write_exit(u32 index, u32 edge) {
  const ExitStub& stub = compiled_.stubs[index];
  const ir::Block& block = *region_.blocks[stub.block];
  const ir::Exit& exit = block.exits[stub.exit];
  const u32 start = a_.offset();
  const bool links = is_edge(block, exit, stub.kind, compiled_.memory != MemoryModel::soft_tlb);
  if (stub.kind == ExitStub::Kind::landing) {
    if (links) jump_through_cell(index);
    const u32 unlinked = a_.offset();
    links ? leave_by_edge(exit.return_pc, edge) : known_target(exit.return_pc);
    return {start, unlinked, links};
  }
  if (links) {
    leave_by_edge(exit.target, edge);
  } else if (exit.kind == ir::Exit::Kind::yield) {
    load_pc(exit.target);
    jump(host_.leave_dispatch());
  } else if (is_direct(exit)) {
    known_target(exit.target);
  } else {
    computed_target(exit.kind == ir::Exit::Kind::ret);
  }
  return {start, start, links};
}

u32 StubWriter::write_go_back(GuestPc pc) {
  const u32 start = a_.offset();
  load_pc(pc);
  jump(host_.leave_dispatch());
  return start;
}

void StubWriter::leave_by_edge(GuestPc pc, u32 edge) {
  load_pc(pc);
  a_.mov(ecx, options_.code_id);
  a_.mov(edx, edge);
  jump(host_.leave_edge());
}

// Through the jump cache, whose entry for this PC is known.
void StubWriter::known_target(GuestPc pc) {
  const size_t entry = jump_cache_index(pc) * sizeof(JumpEntry);
  a_.mov(rcx, state(offsetof(CpuState, jump_cache)));
  load_pc(pc);
  a_.cmp(qword[rcx + entry + offsetof(JumpEntry, pc)], rax);
  jump_if(Cond::ne, host_.leave_dispatch());
  a_.jmp(qword[rcx + entry + offsetof(JumpEntry, code)]);
}

// To the guest PC in rdx: a return looks at the top of the return stack first, then everybody at the jump cache.
void StubWriter::computed_target(bool returns) {
  a_.mov(rax, rdx);
  a_.cmp(state(offsetof(CpuState, exit_request), 32), 0);
  jump_if(Cond::ne, host_.leave_poll());
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
  jump_if(Cond::ne, host_.leave_dispatch());
  a_.jmp(qword[rcx + offsetof(JumpEntry, code)]);
}

}  // namespace mimus::jit
