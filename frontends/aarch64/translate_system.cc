// Hints, barriers, PSTATE and system registers (insns/system.def, sysop.def).
#include "frontends/aarch64/sysreg.h"
#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

using ir::I1;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

void emit_fence(T& t, ir::FenceKind kind) { t.b.emit(Op::fence, ir::kVoid, {}, 0, u16(kind)); }

// CRm of DMB and DSB: the accesses that are ordered; the shareability domain is always the whole system.
Next barrier(T& t, const Insn& i) {
  constexpr ir::FenceKind kKinds[4] = {ir::FenceKind::full, ir::FenceKind::acquire, ir::FenceKind::store_store,
                                       ir::FenceKind::full};
  emit_fence(t, kKinds[u64(i.imm) & 3]);
  return Next::go_on;
}

// -- SYS instructions --
Next zero_va(T& t, const Insn& i) {
  t.b.emit(Op::zero_block, ir::kVoid, {t.x(i.rt())}, kZeroBlock);
  return Next::go_on;
}
Next invalidate_code(T& t, const Insn&) {
  t.call(kHelper_fence_code, ir::kVoid, {});
  return t.yield(t.next_pc());
}
// Caches are coherent: only the permission to read is checked.
Next clean(T& t, const Insn& i) {
  t.call_leaving(kHelper_check_readable, ir::kVoid, {t.x(i.rt())});
  return Next::go_on;
}

struct SysOp {
  u32 number;  // op1:CRn:CRm:op2
  Feat feature;
  TranslateFn translate;
};
constexpr SysOp kSysOps[] = {
#define SYSOP(op1, crn, crm, op2, name, feature, function) \
  {sysreg_number(1, op1, crn, crm, op2), Feat::feature, function},
#include "frontends/aarch64/sysop.def"
#undef SYSOP
};

// -- system registers --

// Not accessible here: undefined, or, for what Linux emulates for programs, a look at run time.
Next foreign_read(T& t, const Insn& i, u32 number) {
  if (t.mode.el != 0 || !in_id_space(number)) return t.undefined();
  t.set_x(i.rt(), t.call_leaving(kHelper_id_read, ir::i64, {t.b.constant(number)}));
  return Next::go_on;
}

const SysregDesc* accessible(const T& t, u32 number) {
  const SysregDesc* row = find_sysreg(number);
  return row && t.model.has(row->feature) && t.mode.el >= row->el ? row : nullptr;
}

constexpr u32 kNzcv = sysreg_number(3, 3, 4, 2, 0), kRndr = sysreg_number(3, 3, 2, 4, 0),
              kRndrrs = sysreg_number(3, 3, 2, 4, 1), kFpcr = sysreg_number(3, 3, 4, 4, 0);

u64 fpcr_of(const Mode& m) {
  return m.rmode << kFpcrRmodeShift | (m.fz ? kFpcrFz : 0) | (m.dn ? kFpcrDn : 0) | (m.ahp ? kFpcrAhp : 0) |
         (m.fz16 ? kFpcrFz16 : 0);
}

}  // namespace

Next nop(T&, const Insn&) { return Next::go_on; }
Next yield(T& t, const Insn&) {
  t.call(kHelper_yield, ir::kVoid, {});
  return Next::go_on;
}
// The event register may be set at any time: other threads get the host's core, and then it is over.
Next wfe(T& t, const Insn& i) { return yield(t, i); }
Next wfi(T& t, const Insn&) {
  t.call_leaving(kHelper_wait, ir::kVoid, {});
  return t.yield(t.next_pc());
}

Next clrex(T& t, const Insn&) {
  t.call(kHelper_clear_exclusive, ir::kVoid, {});
  return Next::go_on;
}
Next dsb(T& t, const Insn& i) { return barrier(t, i); }
Next dmb(T& t, const Insn& i) { return barrier(t, i); }
// What has to be synchronised ends its block by itself.
Next isb(T&, const Insn&) { return Next::go_on; }
Next sb(T&, const Insn&) { return Next::go_on; }

Next cfinv(T& t, const Insn&) {
  Flags f = t.flags();
  f.c = t.b.not_(f.c);
  t.set_flags(f);
  return Next::go_on;
}
// C6.2.430: from the flags of an alternative comparison of floating-point numbers, and back (C6.2.21).
Next xaflag(T& t, const Insn&) {
  const Flags f = t.flags();
  const I1 not_c = t.b.not_(f.c);
  t.set_flags({I1::from(t.bin(Op::andn, not_c, f.z)), t.b.and_(f.z, f.c), t.b.or_(f.c, f.z), t.b.and_(not_c, f.z)});
  return Next::go_on;
}
Next axflag(T& t, const Insn&) {
  const Flags f = t.flags();
  const I1 clear = t.b.constant<I1>(0);
  t.set_flags({clear, t.b.or_(f.z, f.v), I1::from(t.bin(Op::andn, f.c, f.v)), clear});
  return Next::go_on;
}
Next msr_ssbs(T& t, const Insn& i) {
  t.b.write(kSlot_ssbs, t.b.constant(u64(i.imm) & 1));
  return Next::go_on;
}
Next msr_dit(T& t, const Insn& i) {
  t.b.write(kSlot_dit, t.b.constant(u64(i.imm) & 1));
  return Next::go_on;
}

Next sys(T& t, const Insn& i) {
  for (const SysOp& op : kSysOps)
    if (op.number == (sysreg_number(i.raw) & 0x7fff) && t.model.has(op.feature)) return op.translate(t, i);
  return t.undefined();
}
Next sysl(T& t, const Insn&) { return t.undefined(); }

Next mrs(T& t, const Insn& i) {
  const u32 number = sysreg_number(i.raw);
  const SysregDesc* row = accessible(t, number);
  if (!row) return foreign_read(t, i, number);
  if (row->in_slot) {
    t.set_x(i.rt(), t.b.read(row->slot));
  } else if (number == kNzcv) {
    t.set_x(i.rt(), t.nzcv());
  } else if (number == kFpcr) {
    t.set_x(i.rt(), t.b.constant(fpcr_of(t.mode)));
  } else if (number == kRndr || number == kRndrrs) {
    t.set_x(i.rt(), t.call(kHelper_random, ir::i64, {}));
    t.set_nzcv(t.b.constant(0));
  } else {
    t.set_x(i.rt(), t.call_leaving(kHelper_sysreg_read, ir::i64, {t.b.constant(number)}));
  }
  return Next::go_on;
}

Next msr(T& t, const Insn& i) {
  const u32 number = sysreg_number(i.raw);
  const SysregDesc* row = accessible(t, number);
  if (!row || !row->write) return t.undefined();
  if (row->in_slot) {
    t.b.write(row->slot, t.x(i.rt()));
    return Next::go_on;
  }
  if (number == kNzcv) {
    t.set_nzcv(t.x(i.rt()));
    return Next::go_on;
  }
  t.call_leaving(kHelper_sysreg_write, ir::kVoid, {t.b.constant(number), t.x(i.rt())});
  return t.yield(t.next_pc());
}

}  // namespace mimus::aarch64::translate
