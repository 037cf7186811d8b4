// Atomic read-modify-writes: locked instructions on the page found in the TLB, or on flat memory.
#include "backends/baseline/compiler.h"
#include "core/engine/runtime.h"

namespace mimus::baseline {

using emit::Cond;
using emit::Frame;
using emit::SlowPath;
using ir::Inst;
using ir::MemAttr;
using ir::Op;
using ir::Type;
using namespace Xbyak::util;

namespace {

// Atomics are single accesses on the host only when aligned: anything else goes the slow way.
bool has_fast_path(const Inst& inst, Type type) {
  const MemAttr attr = MemAttr::unpack(inst.attr);
  const s64 disp = s64(inst.imm);
  return !attr.privilege && !attr.big_endian && disp == s32(disp) && type.bytes() >= 4;
}

}  // namespace

// A register that points to the operand, after the checks. Accesses are to be preceded by guard().
int Compiler::atomic_address(const Inst& inst, Type type, int base, SlowPath path, size_t& cold_index) {
  const s32 disp = s32(inst.imm);
  if (flat()) {
    const emit::Jump misaligned = check_alignment(base, disp, type.bytes());
    Cold& cold = add_miss(inst, type, path);
    cold.emit = &Compiler::cold_atomic;
    cold.from = misaligned;
    cold.base.reg = base;
    cold_index = cold_.size() - 1;
    return base;
  }
  const int entry = regs_.temp(), tag = regs_.temp();
  const emit::Jump miss = probe_tlb(base, disp, disp + s32(type.bytes()), true, true, entry, tag);
  Cold& cold = add_miss(inst, type, path);
  cold.emit = &Compiler::cold_atomic;
  cold.from = miss;
  cold.base.reg = base;
  cold_index = cold_.size() - 1;
  a_.mov(Xbyak::Reg64(entry), ptr[Xbyak::Reg64(entry) + offsetof(TlbEntry, addend)]);
  a_.add(Xbyak::Reg64(entry), Xbyak::Reg64(base));
  regs_.free_temp(tag);
  return entry;
}

void Compiler::op_amo(const Inst& inst) {
  const Type type = inst.type;
  if (type.bytes() > 8) return fallback(inst);
  const bool unused = facts_[self()].first_use == kNever;
  if (!has_fast_path(inst, type)) {
    Stored value{.gpr = regs_.gpr(inst.args[1])};
    pass_address(regs_.peek(inst.args[0]), s64(inst.imm));
    pass_value(type, value);
    a_.mov(frame(Frame::kExtra, 32), u32(inst.op));
    call_slow(SlowPath::amo, access_desc(unsigned(std::countr_zero(type.bytes())), inst.attr), regs_.live_xmm() != 0,
              retired_);
    if (!unused) fetch_result(type, Ext::zero, regs_.def_gpr(self()));
    return;
  }
  const bool direct = inst.op == Op::amo_add || inst.op == Op::amo_swap;
  const bool loop = !direct && (!unused || inst.op >= Op::amo_smin);
  if (loop) regs_.claim(0);
  const int base = regs_.gpr(inst.args[0]), value = regs_.gpr(inst.args[1]);
  size_t cold_index;
  const int address = atomic_address(inst, type, base, SlowPath::amo, cold_index);
  const unsigned bits = type.bits();
  const Xbyak::Address memory = Xbyak::AddressFrame(bits)[Xbyak::Reg64(address) + size_t(s64(inst.imm))];
  int result = kNone;
  if (loop) {
    amo_loop(inst, memory, value, bits, cold_index);
    result = 0;
  } else if (direct) {
    result = regs_.temp();
    move(result, value, bits);
    guard(cold_index);
    if (inst.op == Op::amo_swap)
      a_.xchg(memory, gpr_of(result, bits));
    else
      a_.lock(), a_.xadd(memory, gpr_of(result, bits));
  } else {
    guard(cold_index);
    a_.lock();
    if (inst.op == Op::amo_and)
      a_.and_(memory, gpr_of(value, bits));
    else if (inst.op == Op::amo_or)
      a_.or_(memory, gpr_of(value, bits));
    else
      a_.xor_(memory, gpr_of(value, bits));
  }
  cold_[cold_index].result = result;
  cold_[cold_index].stored.gpr = value;
  cold_[cold_index].back = a_.offset();
  if (!unused) regs_.define_in(self(), result);
}

// rax = the old value.
void Compiler::amo_loop(const Inst& inst, const Xbyak::Address& memory, int value, unsigned bits, size_t cold_index) {
  const int t = regs_.temp();
  const Xbyak::Reg next = gpr_of(t, bits), operand = gpr_of(value, bits), old = gpr_of(0, bits);
  guard(cold_index);
  a_.mov(old, memory);
  const u32 again = a_.offset();
  a_.mov(next, old);
  switch (inst.op) {
    case Op::amo_and: a_.and_(next, operand); break;
    case Op::amo_or: a_.or_(next, operand); break;
    case Op::amo_xor: a_.xor_(next, operand); break;
    default: {
      const Cond take = inst.op == Op::amo_smin   ? Cond::g
                        : inst.op == Op::amo_smax ? Cond::l
                        : inst.op == Op::amo_umin ? Cond::a
                                                  : Cond::b;
      a_.cmp(old, operand);
      a_.cmov(take, next, operand);
    }
  }
  guard(cold_index);
  a_.lock();
  a_.cmpxchg(memory, next);
  a_.jcc_to(Cond::ne, a_.window() + again);
}

void Compiler::cold_atomic(const Cold& cold) {
  pass_address(cold.base, cold.value);
  if (cold.path == SlowPath::cas) {
    a_.mov(state(offsetof(CpuState, scratch)), rax);
    a_.mov(state(offsetof(CpuState, scratch) + 16), Xbyak::Reg64(cold.stored.gpr));
  } else {
    pass_value(cold.type, cold.stored);
    a_.mov(frame(Frame::kExtra, 32), u32(cold.inst->op));
  }
  call_slow(cold.path, cold.desc, cold.live_xmm != 0, cold.retired);
  if (cold.path == SlowPath::cas)
    a_.mov(gpr_of(0, cold.type.bits()), state(offsetof(CpuState, scratch), cold.type.bits()));
  else if (cold.result != kNone)
    fetch_result(cold.type, Ext::zero, cold.result);
  go_back(cold);
}

void Compiler::op_cas(const Inst& inst) {
  const Type type = inst.type;
  if (type.bytes() > 8 || !has_fast_path(inst, type)) return fallback(inst);
  regs_.claim(0);
  const int base = regs_.gpr(inst.args[0]), expected = regs_.gpr(inst.args[1]), desired = regs_.gpr(inst.args[2]);
  const unsigned bits = type.bits();
  a_.mov(gpr_of(0, bits), gpr_of(expected, bits));
  if (expected != base && expected != desired) regs_.unlock(inst.args[1]);
  size_t cold_index;
  const int address = atomic_address(inst, type, base, SlowPath::cas, cold_index);
  guard(cold_index);
  a_.lock();
  a_.cmpxchg(Xbyak::AddressFrame(bits)[Xbyak::Reg64(address) + size_t(s64(inst.imm))], gpr_of(desired, bits));
  cold_[cold_index].stored.gpr = desired;
  cold_[cold_index].back = a_.offset();
  if (address != base) regs_.free_temp(address);
  regs_.define_in(self(), 0);
}

}  // namespace mimus::baseline
