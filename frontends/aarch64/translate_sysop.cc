// SYS instructions: caches, address translation, TLB maintenance (sysop.def).
#include "frontends/aarch64/maintenance.h"
#include "frontends/aarch64/sysreg.h"
#include "frontends/aarch64/translator.h"

namespace mimus::aarch64::translate {

using ir::Op;
using T = Translator;

namespace {

Next zero_va(T& t, const Insn& i) {
  if (t.mode.zva_trapped) {
    t.call_leaving(kHelper_zva_trap, ir::kVoid, {t.b.constant(i.raw)});
    return t.yield(t.next_pc());
  }
  t.b.emit(Op::zero_block, ir::kVoid, {t.x(i.rt())}, kZeroBlock);
  return Next::go_on;
}

// What cannot be translated is an abort with ISS.CM, of a write.
void check_address(T& t, const Insn& i) {
  t.call_leaving(kHelper_check_cache_address, ir::kVoid, {t.x(i.rt()), t.b.constant(i.raw)});
}
Next clean(T& t, const Insn& i) {
  check_address(t, i);
  return Next::go_on;
}
Next invalidate_code(T& t, const Insn& i) {
  check_address(t, i);
  t.call(kHelper_fence_code, ir::kVoid, {});
  return t.yield(t.next_pc());
}
Next invalidate_all_code(T& t, const Insn&) {
  t.call(kHelper_fence_code, ir::kVoid, {});
  return t.yield(t.next_pc());
}
Next nothing(T&, const Insn&) { return Next::go_on; }

template <AtKind Kind>
Next at(T& t, const Insn& i) {
  t.call_leaving(kHelper_translate_address, ir::kVoid, {t.b.constant(u64(Kind)), t.x(i.rt())});
  return Next::go_on;
}

// The code that follows may be mapped elsewhere now.
template <TlbiKind Kind, bool Broadcast>
Next tlbi(T& t, const Insn& i) {
  t.call_leaving(kHelper_invalidate_tlb, ir::kVoid, {t.b.constant(u64(Kind)), t.b.constant(Broadcast), t.x(i.rt())});
  return Next::go_on;
}

struct SysOp {
  u32 number;  // op1:CRn:CRm:op2
  Feat feature;
  u8 el;
  Trap trap;
  TranslateFn translate;
};
constexpr SysOp kSysOps[] = {
#define SYSOP(op1, crn, crm, op2, name, feature, el, trap, function) \
  {sysreg_number(1, op1, crn, crm, op2), Feat::feature, el, Trap::trap, function},
#include "frontends/aarch64/sysop.def"
#undef SYSOP
};

}  // namespace

Next sys(T& t, const Insn& i) {
  for (const SysOp& op : kSysOps) {
    if (op.number != (sysreg_number(i.raw) & 0x7fff) || !t.model.has(op.feature) || t.mode.el < op.el) continue;
    if (t.may_trap(op.trap)) {
      t.call_leaving(kHelper_check_trap, ir::kVoid, {t.b.constant(u64(op.trap)), t.b.constant(i.raw)});
    }
    return op.translate(t, i);
  }
  return t.undefined();
}
Next sysl(T& t, const Insn&) { return t.undefined(); }

}  // namespace mimus::aarch64::translate
