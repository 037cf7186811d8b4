#include "backends/emit/assembler.h"

#include <cstring>

namespace mimus::emit {

namespace {

using Gen = Xbyak::CodeGenerator;
using Branch = void (Gen::*)(const void*);  // always with a 32-bit displacement
using SetCond = void (Gen::*)(const Xbyak::Operand&);
using CondMove = void (Gen::*)(const Xbyak::Reg&, const Xbyak::Operand&);

constexpr Branch kBranches[16] = {&Gen::jo, &Gen::jno, &Gen::jb, &Gen::jae, &Gen::je, &Gen::jne, &Gen::jbe, &Gen::ja,
                                  &Gen::js, &Gen::jns, &Gen::jp, &Gen::jnp, &Gen::jl, &Gen::jge, &Gen::jle, &Gen::jg};
constexpr SetCond kSetConds[16] = {&Gen::seto,  &Gen::setno, &Gen::setb,  &Gen::setae, &Gen::sete, &Gen::setne,
                                   &Gen::setbe, &Gen::seta,  &Gen::sets,  &Gen::setns, &Gen::setp, &Gen::setnp,
                                   &Gen::setl,  &Gen::setge, &Gen::setle, &Gen::setg};
constexpr CondMove kCondMoves[16] = {&Gen::cmovo,  &Gen::cmovno, &Gen::cmovb,  &Gen::cmovae, &Gen::cmove, &Gen::cmovne,
                                     &Gen::cmovbe, &Gen::cmova,  &Gen::cmovs,  &Gen::cmovns, &Gen::cmovp, &Gen::cmovnp,
                                     &Gen::cmovl,  &Gen::cmovge, &Gen::cmovle, &Gen::cmovg};

constexpr u32 kFetchBytes = 16;  // what a CPU fetches at once, at least: code in it is seen whole or not at all

}  // namespace

Cond swap_operands(Cond c) {
  switch (c) {
    case Cond::b: return Cond::a;
    case Cond::a: return Cond::b;
    case Cond::ae: return Cond::be;
    case Cond::be: return Cond::ae;
    case Cond::l: return Cond::g;
    case Cond::g: return Cond::l;
    case Cond::ge: return Cond::le;
    case Cond::le: return Cond::ge;
    default: return c;  // symmetric
  }
}

Assembler::Assembler() : CodeGenerator(0, this) {}

void Assembler::open(u8* write, size_t bytes) {
  Xbyak::ClearError();
  top_ = write;
  maxSize_ = bytes;
  size_ = 0;
}

void Assembler::jcc_to(Cond c, const u8* target) { (this->*kBranches[u8(c)])(target); }
void Assembler::set_cond(Cond c, const Xbyak::Operand& byte) { (this->*kSetConds[u8(c)])(byte); }
void Assembler::cmov(Cond c, const Xbyak::Reg& reg, const Xbyak::Operand& op) { (this->*kCondMoves[u8(c)])(reg, op); }

Jump Assembler::jcc_near(Cond c) {
  (this->*kBranches[u8(c)])(getCurr());
  return {offset()};
}
Jump Assembler::jmp_near() {
  jmp(static_cast<const void*>(getCurr()), T_NEAR);
  return {offset()};
}
Jump Assembler::jcc_short(Cond c) {
  dw(0x70 | u32(c));  // Jcc rel8 (Intel SDM volume 2A): xbyak has it for labels alone
  return {offset()};
}
Jump Assembler::jmp_short() {
  jmp(static_cast<const void*>(getCurr()), T_SHORT);
  return {offset()};
}

void Assembler::bind_near(Jump jump, u32 target) {
  if (failed()) return;
  const s32 displacement = s32(target - jump.end);
  std::memcpy(top_ + jump.end - 4, &displacement, 4);
}

void Assembler::bind_short(Jump jump) {
  if (failed()) return;
  const s64 displacement = s64(offset()) - s64(jump.end);
  if (displacement > 127) XBYAK_THROW(Xbyak::ERR_LABEL_IS_TOO_FAR)
  top_[jump.end - 1] = u8(displacement);
}

void Assembler::align_displacement(unsigned opcode_bytes) {
  const u32 start = u32((reinterpret_cast<u64>(top_) + size_ + opcode_bytes) % kFetchBytes);
  if (start > kFetchBytes - 4) nop(kFetchBytes - start);
}

void Assembler::align_to(u32 alignment) {
  const u32 over = u32((reinterpret_cast<u64>(top_) + size_) % alignment);
  if (over) nop(alignment - over);
}

}  // namespace mimus::emit
