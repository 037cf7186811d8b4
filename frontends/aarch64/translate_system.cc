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

// -- system registers --

constexpr u32 kNzcv = sysreg_number(3, 3, 4, 2, 0), kDaifRegister = sysreg_number(3, 3, 4, 2, 1),
              kRndr = sysreg_number(3, 3, 2, 4, 0), kRndrrs = sysreg_number(3, 3, 2, 4, 1),
              kFpcr = sysreg_number(3, 3, 4, 4, 0), kFpsr = sysreg_number(3, 3, 4, 4, 1),
              kTpidrro = sysreg_number(3, 3, 13, 0, 3), kSpEl0 = sysreg_number(3, 0, 4, 1, 0),
              kCntfrq = sysreg_number(3, 3, 14, 0, 0);

// Not accessible here: undefined, or, for what Linux emulates for programs, a look at run time. What is not allocated
// among the ID registers reads as zero at EL1.
Next foreign_read(T& t, const Insn& i, u32 number) {
  if (!in_id_space(number)) return t.undefined();
  if (t.mode.el != 0) {
    if (find_sysreg(number)) return t.undefined();
    t.set_x(i.rt(), t.b.constant(0));
    return Next::go_on;
  }
  t.set_x(i.rt(), t.call_leaving(kHelper_id_read, ir::i64, {t.b.constant(number)}));
  return Next::go_on;
}

const SysregDesc* accessible(const T& t, u32 number) {
  const SysregDesc* row = find_sysreg(number);
  if (!row || !t.model.has(row->feature) || t.mode.el < row->el) return nullptr;
  return number == kSpEl0 && !t.mode.sp_select ? nullptr : row;  // it is SP then
}

// What only higher levels may write.
bool writable(const T& t, const SysregDesc& row) {
  const u64 highest = t.model.el3() ? 3 : t.model.el2() ? 2 : 1;
  if (row.number == kTpidrro) return t.mode.el > 0;
  return row.write && (row.number != kCntfrq || t.mode.el == highest);
}

bool in_line(const T& t, const SysregDesc& row) { return row.in_slot && !(row.trap == Trap::vm && t.mode.vm_trapped); }

// An interrupt that was masked may be taken now.
void look_for_interrupts(T& t) {
  const I64 lines = t.b.and_(t.b.read(kSlot_irq_lines), t.b.constant(kIrqLine | kFiqLine));
  t.yield_if(t.compare(Op::ne, lines, t.b.constant(0)));
}

Next set_daif(T& t, const Insn& i, I64 value, bool may_unmask) {
  if (t.mode.kernel_debug) return t.write_register(i, *find_sysreg(kDaifRegister), value);
  t.b.write(kSlot_daif, value);
  if (may_unmask) look_for_interrupts(t);
  return Next::go_on;
}

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
Next wfi(T& t, const Insn& i) {
  t.call_leaving(kHelper_wait, ir::kVoid, {t.b.constant(i.raw)});
  return t.yield(t.next_pc());
}

Next clrex(T& t, const Insn&) {
  t.call(kHelper_clear_exclusive, ir::kVoid, {});
  return Next::go_on;
}
// Also waits until all PEs have done the TLB maintenance that this one has broadcast.
Next dsb(T& t, const Insn& i) {
  barrier(t, i);
  if (t.mode.el > 0) {
    const ir::Any request = t.b.read_any(kSlot_exit_request);
    t.yield_if(t.compare(Op::ne, request, t.constant_like(request, 0)));
  }
  return Next::go_on;
}
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

// -- PSTATE, immediate: CRm is the value --

Next msr_spsel(T& t, const Insn& i) {
  if (t.mode.el == 0) return t.undefined();
  return t.write_register(i, *find_sysreg(sysreg_number(3, 0, 4, 2, 0)), t.b.constant(u64(i.imm) & 1));
}
Next msr_pan(T& t, const Insn& i) {
  if (t.mode.el == 0) return t.undefined();
  return t.write_register(i, *find_sysreg(sysreg_number(3, 0, 4, 2, 3)),
                          t.b.constant((u64(i.imm) & 1) ? kPstatePan : 0));
}
Next msr_uao(T& t, const Insn& i) {
  if (t.mode.el == 0) return t.undefined();
  return t.write_register(i, *find_sysreg(sysreg_number(3, 0, 4, 2, 4)),
                          t.b.constant((u64(i.imm) & 1) ? kPstateUao : 0));
}
Next msr_daifset(T& t, const Insn& i) {
  if (t.mode.el == 0)
    t.call_leaving(kHelper_check_trap, ir::kVoid, {t.b.constant(u64(Trap::daif)), t.b.constant(i.raw)});
  return set_daif(t, i, t.b.or_(t.b.read(kSlot_daif), t.b.constant(u64(i.imm) << 6)), false);
}
Next msr_daifclr(T& t, const Insn& i) {
  if (t.mode.el == 0)
    t.call_leaving(kHelper_check_trap, ir::kVoid, {t.b.constant(u64(Trap::daif)), t.b.constant(i.raw)});
  return set_daif(t, i, t.b.and_(t.b.read(kSlot_daif), t.b.constant(kDaif & ~(u64(i.imm) << 6))), true);
}

// -- MRS and MSR --

Next mrs(T& t, const Insn& i) {
  const u32 number = sysreg_number(i.raw);
  const SysregDesc* row = accessible(t, number);
  if (!row || !row->read) return foreign_read(t, i, number);
  const bool fp = number == kFpcr || number == kFpsr;
  if (fp && t.mode.fp_trapped) return t.trap(syndrome(kEcFpAccess, kIssFpAccess));
  if (in_line(t, *row)) {
    t.set_x(i.rt(), t.b.read(row->slot));
  } else if (number == kDaifRegister && t.mode.el > 0) {
    t.set_x(i.rt(), t.b.read(kSlot_daif));
  } else if (number == kNzcv) {
    t.set_x(i.rt(), t.nzcv());
  } else if (number == kFpcr) {
    t.set_x(i.rt(), t.b.constant(fpcr_of(t.mode)));
  } else if (number == kRndr || number == kRndrrs) {
    t.set_x(i.rt(), t.call(kHelper_random, ir::i64, {}));
    t.set_nzcv(t.b.constant(0));
  } else {
    const I64 index = t.b.constant(sysreg_row(*row)), raw = t.b.constant(i.raw);
    t.set_x(i.rt(), fp                      ? t.call(kHelper_fp_read, ir::i64, {index})
                    : t.may_trap(row->trap) ? t.call_leaving(kHelper_sysreg_read_checked, ir::i64, {index, raw})
                                            : t.call(kHelper_sysreg_read, ir::i64, {index}));
  }
  return Next::go_on;
}

Next msr(T& t, const Insn& i) {
  const u32 number = sysreg_number(i.raw);
  const SysregDesc* row = accessible(t, number);
  if (!row || !writable(t, *row)) return t.undefined();
  const bool fp = number == kFpcr || number == kFpsr;
  if (fp && t.mode.fp_trapped) return t.trap(syndrome(kEcFpAccess, kIssFpAccess));
  if (in_line(t, *row)) {
    t.b.write(row->slot, t.x(i.rt()));
    return Next::go_on;
  }
  if (number == kNzcv) {
    t.set_nzcv(t.x(i.rt()));
    return Next::go_on;
  }
  if (number == kDaifRegister && t.mode.el > 0) {
    return set_daif(t, i, t.b.and_(t.x(i.rt()), t.b.constant(kDaif)), true);
  }
  if (fp) {
    t.call_leaving(kHelper_fp_write, ir::kVoid, {t.b.constant(sysreg_row(*row)), t.x(i.rt())});
    return number == kFpcr ? t.yield(t.next_pc()) : Next::go_on;
  }
  return t.write_register(i, *row, t.x(i.rt()));
}

}  // namespace mimus::aarch64::translate
