#include "frontends/aarch64/state.h"

#include <algorithm>

namespace mimus::aarch64 {
namespace {

// The types that slots.def names.
constexpr ir::Type i64 = ir::i64, i1 = ir::i1, v2i64 = ir::vec(ir::Elem::i64, 2);

constexpr SlotDesc kSlots[] = {
#define SLOT(id, member, name, type, role, pin) {name, type, offsetof(Aarch64State, member), SlotRole::role, pin},
#include "frontends/aarch64/slots.def"
#undef SLOT
};

}  // namespace

const StateLayout& state_layout() {
  static constexpr StateLayout layout{"aarch64", kSlots, sizeof(Aarch64State)};
  return layout;
}

// D1.2.2 PE state on reset to AArch64 state, at EL1 (EL2 and EL3 not implemented).
void reset_state(Aarch64State& s) {
  std::ranges::fill(s.x, 0);
  std::memset(s.q, 0, sizeof s.q);
  s.sp = s.sp_el[0] = s.sp_el[1] = 0;
  s.pc = s.model->reset_pc;
  s.n = s.z = s.c = s.v = 0;
  s.current_el = s.sp_select = 1;
  s.daif = 0xf;
  std::ranges::fill(s.fpsr_qc, 0);
  s.fpcr = s.fpsr_idc = s.pstate_ssbs = s.pstate_dit = 0;
  s.guest_mxcsr = 0x1f80;
  s.tpidr_el0 = s.tpidrro_el0 = 0;
  s.elr_el1 = s.spsr_el1 = s.esr_el1 = s.far_el1 = s.vbar_el1 = 0;
  s.resync = 0;
  s.reservation_size = 0;
  s.user_process = false;
  s.regime = data_regime(s);
  s.mode_key = current_mode(s).pack();
  s.clear_return_stack();
}

// As Linux starts programs: EL0, no interrupts masked.
void reset_user_state(Aarch64State& s) {
  reset_state(s);
  s.current_el = 0;
  s.sp_select = 0;
  s.daif = 0;
  s.user_process = true;
  s.regime = data_regime(s);
  s.mode_key = current_mode(s).pack();
}

// Left out: what is derived (regime, mode_key), what belongs to the run loop (TLB, caches, leave) and the model, which
// the loading side must have equal.
void visit_state(Aarch64State& s, StateVisitor& v) {
  v.begin("aarch64-pe", 1);
  v.field("x", s.x);
  v.field("sp", s.sp);
  v.field("pc", s.pc);
  u64 nzcv = read_nzcv(s);
  v.field("nzcv", nzcv);
  for (auto& q : s.q) v.field("v", q);
  v.index("current_el", s.current_el, 2);
  v.field("fpcr", s.fpcr);
  v.field("fpsr_qc", s.fpsr_qc);
  v.field("fpsr_idc", s.fpsr_idc);
  v.field("mxcsr", s.guest_mxcsr);
  v.field("ssbs", s.pstate_ssbs);
  v.field("dit", s.pstate_dit);
  v.field("tpidr_el0", s.tpidr_el0);
  v.field("tpidrro_el0", s.tpidrro_el0);
  v.field("sp_el", s.sp_el);
  v.index("sp_select", s.sp_select, 2);
  v.field("daif", s.daif);
  v.field("elr_el1", s.elr_el1);
  v.field("spsr_el1", s.spsr_el1);
  v.field("esr_el1", s.esr_el1);
  v.field("far_el1", s.far_el1);
  v.field("vbar_el1", s.vbar_el1);
  v.field("insn_count", s.insn_count);
  v.index("reservation_size", s.reservation_size, 17);
  v.field("reservation_address", s.reservation_address);
  v.field("reservation_value", s.reservation_value);
  v.field("irq_lines", s.irq_lines);
  if (v.loading()) {
    write_nzcv(s, nzcv);
    s.guest_mxcsr = (s.guest_mxcsr & 0xe07f) | 0x1f80;  // every exception masked: anything else would trap the host
    s.regime = data_regime(s);
    s.mode_key = current_mode(s).pack();
  }
  v.end();
}

u64 read_nzcv(const Aarch64State& s) {
  return u64(s.n) << kPstateNShift | u64(s.z) << kPstateZShift | u64(s.c) << kPstateCShift | u64(s.v) << kPstateVShift;
}
void write_nzcv(Aarch64State& s, u64 value) {
  s.n = bit(value, kPstateNShift);
  s.z = bit(value, kPstateZShift);
  s.c = bit(value, kPstateCShift);
  s.v = bit(value, kPstateVShift);
}

u64 read_pstate(const Aarch64State& s) {
  return read_nzcv(s) | (s.pstate_ssbs ? kPstateSsbs : 0) | (s.pstate_dit ? kPstateDit : 0) | s.daif << 6 |
         s.current_el << 2 | s.sp_select;
}
void write_pstate(Aarch64State& s, u64 value) {
  write_nzcv(s, value);
  s.pstate_ssbs = s.model->has(Feat::SSBS) && (value & kPstateSsbs);
  s.pstate_dit = s.model->has(Feat::DIT) && (value & kPstateDit);
  if (s.user_process) return;
  s.daif = bits(value, 6, 4);
  const u64 select = value & 1;
  if (select != s.sp_select) {
    s.sp_el[s.sp_select] = s.sp;
    s.sp = s.sp_el[select];
    s.sp_select = select;
  }
}

Mode current_mode(const Aarch64State& s) {
  return {s.current_el,
          bits(s.fpcr, kFpcrRmodeShift, 2),
          (s.fpcr & kFpcrFz) != 0,
          (s.fpcr & kFpcrDn) != 0,
          (s.fpcr & kFpcrAhp) != 0,
          (s.fpcr & kFpcrFz16) != 0};
}

u32 data_regime(const Aarch64State& s) { return s.current_el == 0 ? kRegimeEl0 : kRegimeEl1; }

}  // namespace mimus::aarch64
