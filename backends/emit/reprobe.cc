#include "backends/emit/reprobe.h"

#include <cstddef>

#include "core/state/cpu.h"

namespace mimus::emit {

namespace {

using namespace Xbyak::util;

// rax = address, ecx = log2 of the size.
void write_load(Assembler& a) {
  const Xbyak::Address sources[] = {byte[rax], word[rax], dword[rax]};
  Jump done[3];
  for (u32 log2 = 0; log2 < 3; ++log2) {
    a.cmp(ecx, log2);
    const Jump other = a.jcc_short(Cond::ne);
    if (log2 < 2)
      a.movzx(eax, sources[log2]);
    else
      a.mov(eax, sources[log2]);
    done[log2] = a.jmp_short();
    a.bind_short(other);
  }
  a.mov(rax, qword[rax]);
  for (const Jump& jump : done) a.bind_short(jump);
}

// rdx = value.
void write_store(Assembler& a) {
  Jump done[3];
  for (u32 log2 = 0; log2 < 3; ++log2) {
    a.cmp(ecx, log2);
    const Jump other = a.jcc_short(Cond::ne);
    if (log2 == 0)
      a.mov(byte[rax], dl);
    else if (log2 == 1)
      a.mov(word[rax], dx);
    else
      a.mov(dword[rax], edx);
    done[log2] = a.jmp_short();
    a.bind_short(other);
  }
  a.mov(qword[rax], rdx);
  for (const Jump& jump : done) a.bind_short(jump);
}

}  // namespace

void write_reprobe(Assembler& a, const Reprobe& access) {
  constexpr u32 kPushed = 32;
  constexpr u8 kUsed[] = {0, 1, 2, 3};  // rax rcx rdx rbx
  const auto state = [&](size_t offset) { return qword[Xbyak::Reg64(access.state) + offset]; };
  for (u8 reg : kUsed) a.push(Xbyak::Reg64(reg));
  a.mov(ecx, access.desc(kPushed));
  a.cmp(ecx, 3);  // up to eight bytes, and nothing special about it
  const Jump special = a.jcc_near(Cond::a);
  a.mov(rbx, state(offsetof(CpuState, tlb)));
  a.test(rbx, rbx);
  const Jump flat = a.jcc_near(Cond::e);
  a.mov(edx, 1);
  a.shl(edx, cl);
  a.mov(rax, access.va(kPushed));
  a.lea(rdx, ptr[rdx + rax - 1]);
  a.and_(rdx, -s32(kPageSize));
  a.push(rax);
  a.shr(rax, kPageBits - kTlbEntryShift);
  a.and_(rax, state(offsetof(CpuState, tlb_mask)));
  a.add(rbx, rax);
  a.pop(rax);
  a.cmp(rdx, qword[rbx + (access.store ? offsetof(TlbEntry, write_tag) : offsetof(TlbEntry, read_tag))]);
  const Jump miss = a.jcc_near(Cond::ne);
  a.add(rax, qword[rbx + offsetof(TlbEntry, addend)]);
  if (access.store) {
    a.mov(rdx, access.value(kPushed));
    write_store(a);
  } else {
    write_load(a);
    a.mov(access.result(kPushed), rax);
  }
  for (size_t i = std::size(kUsed); i-- > 0;) a.pop(Xbyak::Reg64(kUsed[i]));
  access.before_return();
  a.ret();
  for (const Jump& jump : {special, flat, miss}) a.bind_near(jump);
  for (size_t i = std::size(kUsed); i-- > 0;) a.pop(Xbyak::Reg64(kUsed[i]));
}

}  // namespace mimus::emit
