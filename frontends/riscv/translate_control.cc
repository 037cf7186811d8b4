// Jumps, branches and system instructions.
#include "frontends/riscv/csr.h"
#include "frontends/riscv/translator.h"

namespace mimus::riscv::translate {

using ir::Exit;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

constexpr bool is_link(unsigned reg) { return reg == 1 || reg == 5; }

Next compare_and_branch(T& t, const Insn& i, Op op, unsigned left, unsigned right) {
  return t.branch(i, t.b.cmp(op, t.x(left), t.x(right)));
}

// Volume I, 2.5.1, Table 3: what JALR's registers tell about the return stack. Where the table wants a pop and a push
// (rd and rs1 are different link registers, a coroutine switch), only the push is predicted.
Exit::Kind jalr_kind(const Insn& i) {
  if (is_link(i.rd)) return Exit::Kind::call_indirect;
  return is_link(i.rs1) ? Exit::Kind::ret : Exit::Kind::indirect;
}

// -- CSR instructions --

enum class CsrOp : u8 { write, set, clear };

I64 combine(T& t, CsrOp op, I64 old, I64 operand) {
  switch (op) {
    case CsrOp::write: return operand;
    case CsrOp::set: return t.b.or_(old, operand);
    case CsrOp::clear: return t.b.bin(Op::andn, old, operand);
  }
  return operand;
}

Next csr_slot(T& t, const Insn& i, const CsrDesc& row, CsrOp op, I64 operand, bool writes) {
  I64 old = t.b.read(row.slot);
  if (writes) {
    I64 value = combine(t, op, old, operand);
    if (row.writable != ~u64{0}) value = t.b.and_(value, t.b.constant(row.writable));
    t.b.write(row.slot, value);
  }
  t.set_x(i.rd, old);
  return Next::go_on;
}

// fflags, frm and fcsr. frm is known while translating: it is part of the mode.
Next csr_fp(T& t, const Insn& i, CsrOp op, I64 operand, bool writes) {
  if (!t.enter_fp(i, writes)) return Next::stop;
  bool has_flags = i.csr() != 2, has_frm = i.csr() != 1;
  unsigned frm_shift = has_flags ? 5 : 0;
  const bool reads = i.rd != 0 || op != CsrOp::write;
  I64 old = t.b.constant(has_frm ? t.mode.frm << frm_shift : 0);
  if (has_flags && reads) {
    const I64 flags = I64::from(t.b.emit(Op::fp_flags_read, ir::i64, {}));
    old = has_frm ? t.b.or_(old, flags) : flags;
  }
  if (writes) {
    I64 value = combine(t, op, old, operand);
    if (has_flags) t.b.emit(Op::fp_flags_write, ir::kVoid, {t.b.and_(value, t.b.constant(31))});
    if (has_frm) {
      I64 frm = t.b.and_(t.b.lshr(value, t.b.constant(frm_shift)), t.b.constant(7));
      t.call(kHelper_set_frm, ir::kVoid, {frm});
    }
  }
  t.set_x(i.rd, old);
  if (writes && has_frm) t.yield_if_resync(i);
  return Next::go_on;
}

// sstatus and mstatus are read and their interrupt enables are cleared all the time; neither needs a helper: with fewer
// interrupts enabled there is nothing to look at. False if the instruction is another one.
bool csr_status(T& t, const Insn& i, CsrOp op, bool writes) {
  constexpr u32 kSstatus = 0x100, kMstatus = 0x300;
  constexpr u64 kEnables = kStatusSie | kStatusMie;
  bool clears = op == CsrOp::clear && i.desc->format == Format::Csr && (u64(i.imm) & ~kEnables) == 0;
  bool supervisor = i.csr() == kSstatus;
  if ((!supervisor && i.csr() != kMstatus) || (writes && !clears)) return false;
  I64 status = t.b.read(kSlot_mstatus);
  if (writes) {
    u64 cleared = u64(i.imm) & (supervisor ? kStatusSie : kEnables);
    t.b.write(kSlot_mstatus, t.b.and_(status, t.b.constant(~cleared)));
  }
  if (i.rd == 0) return true;
  I64 fs = t.b.and_(status, t.b.constant(kStatusFs));
  I64 dirty = t.b.zext<I64>(t.b.cmp(Op::eq, fs, t.b.constant(kStatusFs)));
  I64 visible = supervisor ? t.b.and_(status, t.b.constant(kSstatusVisible)) : status;
  t.set_x(i.rd, t.b.or_(visible, t.b.shl(dirty, t.b.constant(63))));
  return true;
}

Next csr_helper(T& t, const Insn& i, CsrOp op, I64 operand, bool writes) {
  if (csr_status(t, i, op, writes)) return Next::go_on;
  I64 raw = t.b.constant(i.raw), begun = t.b.constant(t.b.block().guest_insns);
  if (!writes) {
    t.set_x(i.rd, I64::from(t.call_leaving(kHelper_csr_read, ir::i64, {raw, begun})));
    return Next::go_on;
  }
  t.set_x(i.rd, I64::from(t.call_leaving(kHelper_csr_write, ir::i64, {raw, operand, begun})));
  t.forget_fp();
  t.yield_if_resync(i);
  return Next::go_on;
}

Next csr(T& t, const Insn& i, CsrOp op, I64 operand, bool writes) {
  const CsrDesc* row = find_csr(i.csr());
  bool ok = row && t.model.has(row->extension) && t.mode.privilege >= CsrDesc::min_privilege(i.csr()) &&
            !(writes ? CsrDesc::read_only(i.csr()) : CsrDesc::write_needed(i.csr()));
  if (!ok) return t.illegal(i);
  switch (row->kind) {
    case CsrDesc::Kind::slot: return csr_slot(t, i, *row, op, operand, writes);
    case CsrDesc::Kind::fp: return csr_fp(t, i, op, operand, writes);
    case CsrDesc::Kind::helper: return csr_helper(t, i, op, operand, writes);
  }
  return t.illegal(i);
}

}  // namespace

Next jal(T& t, const Insn& i) {
  GuestPc target = t.pc + u64(i.imm), next = t.next_pc(i);
  t.set_x(i.rd, t.b.constant(next));
  if (!is_link(i.rd)) return t.jump(target);
  t.b.end({.kind = Exit::Kind::call, .target = target, .return_pc = next});
  return Next::stop;
}

Next jalr(T& t, const Insn& i) {
  GuestPc next = t.next_pc(i);
  Exit exit{.kind = jalr_kind(i), .return_pc = next};
  if (const GuestPc* base = t.known_address(i.rs1)) {
    // auipc + jalr: a far jump or call to a known place.
    exit.target = (*base + u64(i.imm)) & ~u64{1};
    exit.kind = is_link(i.rd) ? Exit::Kind::call : Exit::Kind::jump;
  } else {
    I64 target = i.imm ? t.b.add(t.x(i.rs1), t.b.constant(u64(i.imm))) : t.x(i.rs1);
    exit.value = t.b.and_(target, t.b.constant(~u64{1})).id;
  }
  if (i.rd) t.set_x(i.rd, t.b.constant(next));
  t.b.end(exit);
  return Next::stop;
}

Next beq(T& t, const Insn& i) { return compare_and_branch(t, i, Op::eq, i.rs1, i.rs2); }
Next bne(T& t, const Insn& i) { return compare_and_branch(t, i, Op::ne, i.rs1, i.rs2); }
Next blt(T& t, const Insn& i) { return compare_and_branch(t, i, Op::slt, i.rs1, i.rs2); }
Next bge(T& t, const Insn& i) { return compare_and_branch(t, i, Op::sle, i.rs2, i.rs1); }
Next bltu(T& t, const Insn& i) { return compare_and_branch(t, i, Op::ult, i.rs1, i.rs2); }
Next bgeu(T& t, const Insn& i) { return compare_and_branch(t, i, Op::ule, i.rs2, i.rs1); }

Next ecall(T& t, const Insn&) { return t.trap(u32(kCauseUserCall + t.mode.privilege), 0); }
Next ebreak(T& t, const Insn&) { return t.trap(kCauseBreakpoint, t.pc); }

// A write of x0 by csrrs and csrrc, and of 0 by their immediate forms, is none (Volume I, 7.1).
Next csrrw(T& t, const Insn& i) { return csr(t, i, CsrOp::write, t.x(i.rs1), true); }
Next csrrs(T& t, const Insn& i) { return csr(t, i, CsrOp::set, t.x(i.rs1), i.rs1 != 0); }
Next csrrc(T& t, const Insn& i) { return csr(t, i, CsrOp::clear, t.x(i.rs1), i.rs1 != 0); }
Next csrrwi(T& t, const Insn& i) { return csr(t, i, CsrOp::write, t.b.constant(u64(i.imm)), true); }
Next csrrsi(T& t, const Insn& i) { return csr(t, i, CsrOp::set, t.b.constant(u64(i.imm)), i.imm != 0); }
Next csrrci(T& t, const Insn& i) { return csr(t, i, CsrOp::clear, t.b.constant(u64(i.imm)), i.imm != 0); }

Next fence_i(T& t, const Insn& i) {
  t.call(kHelper_fence_i, ir::kVoid, {});
  return t.yield(t.next_pc(i));
}

Next pause(T& t, const Insn&) {
  t.call(kHelper_pause, ir::kVoid, {});
  return Next::go_on;
}

// Waiting may end at any time (Volume I, Zawrs): other threads get the host's core, and then it is over.
Next wrs_nto(T& t, const Insn& i) { return pause(t, i); }
Next wrs_sto(T& t, const Insn& i) { return pause(t, i); }

Next sret(T& t, const Insn& i) {
  if (t.mode.privilege < kSupervisor) return t.illegal(i);
  I64 target = I64::from(t.call_leaving(kHelper_sret, ir::i64, {t.b.constant(i.raw)}));
  t.b.end({.kind = Exit::Kind::indirect, .value = target.id});
  return Next::stop;
}

Next mret(T& t, const Insn& i) {
  if (t.mode.privilege < kMachine) return t.illegal(i);
  I64 target = I64::from(t.call_leaving(kHelper_mret, ir::i64, {t.b.constant(i.raw)}));
  t.b.end({.kind = Exit::Kind::indirect, .value = target.id});
  return Next::stop;
}

// In U mode WFI is illegal, as 3.3.3 has it for harts with S mode on which it may wait for long.
Next wfi(T& t, const Insn& i) {
  if (t.mode.privilege == kUser) return t.illegal(i);
  t.call_leaving(kHelper_wfi, ir::kVoid, {t.b.constant(i.raw)});
  return t.yield(t.next_pc(i));
}

Next sfence_vma(T& t, const Insn& i) {
  if (t.mode.privilege == kUser) return t.illegal(i);
  t.call_leaving(kHelper_sfence_vma, ir::kVoid, {t.b.constant(i.raw), t.x(i.rs1), t.x(i.rs2)});
  return t.yield(t.next_pc(i));
}

// sfence.w.inval and sfence.inval.ir only order: sinval.vma has flushed already.
Next sfence_inval(T& t, const Insn& i) { return t.mode.privilege == kUser ? t.illegal(i) : Next::go_on; }

}  // namespace mimus::riscv::translate
