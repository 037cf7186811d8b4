#include "frontends/aarch64/state.h"

#include <algorithm>

#include "core/engine/port.h"
#include "frontends/aarch64/debug.h"
#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/timer.h"

namespace mimus::aarch64 {
namespace {

// The types that slots.def names.
constexpr ir::Type i64 = ir::i64, i32 = ir::i32, i1 = ir::i1, v2i64 = ir::vec(ir::Elem::i64, 2);

constexpr SlotDesc kSlots[] = {
#define SLOT(id, member, name, type, role, pin) {name, type, offsetof(Aarch64State, member), SlotRole::role, pin},
#include "frontends/aarch64/slots.def"
#undef SLOT
};

void update_derived(Aarch64State& s) {
  s.pac_source = 0;
  update_pac_masks(s);
  s.regime = data_regime(s);
  s.mode_key = current_mode(s).pack();
}

// Bits of SCTLR_ELx that are RES1 or that the PE resets to 1: LSMAOE, nTLSMD, SPAN, EIS, nTWE, nTWI, EOS.
constexpr u64 kSctlrReset = 0x30d0'0800;

}  // namespace

const StateLayout& state_layout() {
  static constexpr StateLayout layout{"aarch64", kSlots, sizeof(Aarch64State)};
  return layout;
}

// D1.2.2 PE state on reset to AArch64 state: at the highest level that there is. What is UNKNOWN then is zero.
void reset_state(Aarch64State& s) {
  std::ranges::fill(s.x, 0);
  std::memset(s.q, 0, sizeof s.q);
  s.sp = 0;
  std::ranges::fill(s.sp_el, 0);
  s.pc = s.model->reset_pc;
  s.n = s.z = s.c = s.v = 0;
  s.current_el = s.model->el3() ? 3 : s.model->el2() ? 2 : 1;
  s.sp_select = 1;
  s.daif = kDaif;
  std::ranges::fill(s.fpsr_qc, 0);
  std::ranges::fill(s.fpsr_idc, 0);
  s.fpcr = s.pstate_ssbs = s.pstate_dit = s.pstate_pan = s.pstate_uao = s.pstate_il = s.pstate_ss = s.stepping = 0;
  s.guest_mxcsr = 0x1f80;
#define REGISTER(member) s.member = 0;
#define BANKED(member) std::ranges::fill(s.member, 0);
#include "frontends/aarch64/registers.def"
#undef REGISTER
#undef BANKED
  for (unsigned el = 1; el < kLevels; ++el) s.sctlr[el] = kSctlrReset;
  s.cntfrq_el0 = kCounterFrequency;
  s.oslsr_el1 = 0xa;  // OSLM: implemented; OSLK: locked
  s.vpidr_el2 = s.model->midr_el1;
  s.vmpidr_el2 = mpidr_of(s);
  std::ranges::fill(s.timers, GenericTimer{});
  std::ranges::fill(s.breakpoints, Aarch64State::DebugPair{});
  std::ranges::fill(s.watchpoints, Aarch64State::DebugPair{});
  s.resync = 0;
  s.reservation_size = 0;
  s.user_process = false;
  std::ranges::fill(s.pauth_keys, PauthKey{});
  s.pauth_enabled = s.pstate_btype = 0;
  s.checks_branches = false;
  update_derived(s);
  s.clear_return_stack();
  if (s.interrupt_port) update_timers(s);
}

// As Linux starts programs: EL0, no interrupts masked, what may be switched on for EL0 switched on.
void reset_user_state(Aarch64State& s) {
  reset_state(s);
  s.current_el = 0;
  s.sp_select = 0;
  s.daif = 0;
  s.sctlr[1] |= kSctlrUci | kSctlrUct | kSctlrDze | kSctlrNtwe | kSctlrNtwi;
  s.cpacr_el1 = u64{3} << kFpenShift;
  s.cntkctl_el1 = 3;  // EL0PCTEN, EL0VCTEN
  s.user_process = true;
  s.pauth_enabled = s.model->has(Feat::PAuth) ? 0xf : 0;
  update_derived(s);
}

// Left out: what is derived (regime, mode_key), what belongs to the run loop (TLB, caches, leave) and the model, which
// the loading side must have equal.
void visit_state(Aarch64State& s, StateVisitor& v) {
  v.begin("aarch64-pe", 2);
  v.field("x", s.x);
  v.field("sp", s.sp);
  v.field("pc", s.pc);
  u64 nzcv = read_nzcv(s);
  v.field("nzcv", nzcv);
  for (auto& q : s.q) v.field("v", q);
  v.index("current_el", s.current_el, kLevels);
  v.index("sp_select", s.sp_select, 2);
  v.field("daif", s.daif);
  v.field("sp_el", s.sp_el);
  v.field("fpcr", s.fpcr);
  v.field("fpsr_qc", s.fpsr_qc);
  v.field("fpsr_idc", s.fpsr_idc);
  v.field("mxcsr", s.guest_mxcsr);
  v.field("ssbs", s.pstate_ssbs);
  v.field("dit", s.pstate_dit);
  v.index("pan", s.pstate_pan, 2);
  v.index("uao", s.pstate_uao, 2);
  v.index("il", s.pstate_il, 2);
  v.index("ss", s.pstate_ss, 2);
  v.index("stepping", s.stepping, 2);
#define REGISTER(member) v.field(#member, s.member);
#define BANKED(member) v.field(#member, s.member);
#include "frontends/aarch64/registers.def"
#undef REGISTER
#undef BANKED
  for (GenericTimer& timer : s.timers) {
    v.field("timer.ctl", timer.ctl);
    v.field("timer.cval", timer.cval);
  }
  for (auto* pairs : {s.breakpoints, s.watchpoints}) {
    for (unsigned i = 0; i < (pairs == s.breakpoints ? kBreakpoints : kWatchpoints); ++i) {
      v.field("debug.value", pairs[i].value);
      v.field("debug.control", pairs[i].control);
    }
  }
  for (PauthKey& key : s.pauth_keys) v.field("pauth_key_lo", key.lo), v.field("pauth_key_hi", key.hi);
  v.field("btype", s.pstate_btype);
  v.field("insn_count", s.insn_count);
  v.index("reservation_size", s.reservation_size, 17);
  v.field("reservation_address", s.reservation_address);
  v.field("reservation_value", s.reservation_value);
  v.field("irq_lines", s.irq_lines);
  if (v.loading()) {
    write_nzcv(s, nzcv);
    s.guest_mxcsr = (s.guest_mxcsr & 0xe07f) | 0x1f80;  // every exception masked: anything else would trap the host
    update_derived(s);
    if (s.port) update_timers(s);
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
  return read_nzcv(s) | (s.pstate_ssbs ? kPstateSsbs : 0) | (s.pstate_dit ? kPstateDit : 0) |
         (s.pstate_pan ? kPstatePan : 0) | (s.pstate_uao ? kPstateUao : 0) | (s.pstate_il ? kPstateIl : 0) |
         (s.pstate_ss ? kPstateSs : 0) | s.pstate_btype << kPstateBtypeShift | s.daif | s.current_el << 2 | s.sp_select;
}
void write_pstate(Aarch64State& s, u64 value) {
  write_nzcv(s, value);
  s.pstate_ssbs = s.model->has(Feat::SSBS) && (value & kPstateSsbs);
  s.pstate_dit = s.model->has(Feat::DIT) && (value & kPstateDit);
  s.pstate_btype = bits(value, kPstateBtypeShift, 2);
  if (s.user_process) return;
  s.pstate_pan = s.model->has(Feat::PAN) && (value & kPstatePan);
  s.pstate_uao = s.model->has(Feat::UAO) && (value & kPstateUao);
  s.pstate_il = (value & kPstateIl) != 0;
  s.daif = value & kDaif;
}

// The stack pointers that are not in use are in sp_el; at EL0 SP_EL0 is always the one.
void set_level(Aarch64State& s, u64 el, u64 select) {
  const u64 old = s.sp_select ? s.current_el : 0, now = select ? el : 0;
  s.current_el = el;
  s.sp_select = select;
  if (old == now) return;
  s.sp_el[old] = s.sp;
  s.sp = s.sp_el[now];
}

namespace {

// Whether FP and SIMD instructions are trapped, by whatever level (D1.3.6, CheckFPAdvSIMDEnabled64).
bool fp_trapped(const Aarch64State& s) { return fp_trap_target(s) != 0; }

constexpr u64 top_byte_ignored(const Aarch64State& s, unsigned el, bool high) {
  return bit(s.tcr[el], el == 1 ? (high ? 38 : 37) : 20);
}

}  // namespace

namespace {

// SCTLR_ELx.EnIA, EnIB, EnDA, EnDB.
constexpr u64 enabled_keys(u64 sctlr) {
  return u64(bit(sctlr, 31)) | u64(bit(sctlr, 30)) << 1 | u64(bit(sctlr, 27)) << 2 | u64(bit(sctlr, 13)) << 3;
}

// CalculateBottomPACBit and EffectiveTBI: the extension bits that hold codes, without bit 55.
u64 code_bits(const Aarch64State& s, unsigned el, bool upper, bool data) {
  const u64 tcr = s.tcr[el];
  const bool high = el == 1 && upper;
  const u64 size = std::clamp<u64>(bits(tcr, high ? 16 : 0, 6), 16, 39);
  const bool data_only = el == 1 ? bit(tcr, high ? 52 : 51) : bit(tcr, 29);  // TBID
  const bool tagged = top_byte_ignored(s, el, high) && (data || !data_only);
  const u64 all = ~u64{0} << (64 - size) & ~(u64{1} << 55);
  return tagged ? all & ~(u64{0xff} << 56) : all;
}

}  // namespace

void update_pac_masks(Aarch64State& s) {
  const unsigned el = regime_level(s.current_el);
  const u64 source = s.tcr[el] << 2 | el;
  if (source == s.pac_source) return;
  s.pac_source = source;
  for (unsigned k = 0; k < 4; ++k) s.pac_masks[k] = code_bits(s, el, k & 1, k & 2);
}

Mode current_mode(const Aarch64State& s) {
  const unsigned level = regime_level(s.current_el);
  const u64 sctlr = s.sctlr[level], hcr = effective_hcr(s);
  Mode m;
  m.el = s.current_el;
  m.rmode = bits(s.fpcr, kFpcrRmodeShift, 2);
  m.fz = s.fpcr & kFpcrFz;
  m.dn = s.fpcr & kFpcrDn;
  m.ahp = s.fpcr & kFpcrAhp;
  m.fz16 = s.fpcr & kFpcrFz16;
  if (s.user_process) {
    m.sp_select = false;
    m.user = true;
    m.pauth = s.pauth_enabled;
    m.bti = s.checks_branches;
    return m;
  }
  m.pauth = s.model->has(Feat::PAuth) ? enabled_keys(sctlr) : 0;
  m.fp_trapped = fp_trapped(s);
  m.sp_select = s.sp_select;
  m.uao = s.pstate_uao;
  m.il = s.pstate_il;
  m.sp_checked = sctlr & (s.current_el == 0 ? kSctlrSa0 : kSctlrSa);
  m.strict = sctlr & kSctlrA;
  m.vm_trapped = s.current_el == 1 && (hcr & (kHcrTvm | kHcrTrvm));
  m.zva_trapped = s.current_el < 2 && ((s.current_el == 0 && !(sctlr & kSctlrDze)) || (hcr & kHcrTdz));
  if (s.mdscr_el1 & (kMdscrSs | kMdscrMde)) {
    m.step = u64(step_state(s));
    m.breakpoints = breakpoints_active(s);
    m.kernel_debug = s.mdscr_el1 & kMdscrKde;
  }
  m.tbi0 = top_byte_ignored(s, level, false);
  m.tbi1 = level == 1 && top_byte_ignored(s, level, true);
  return m;
}

u32 data_regime(const Aarch64State& s) {
  if (s.current_el == 0) return kRegimeEl0;
  return s.current_el == 1 && s.pstate_pan ? kRegimeEl1Pan : kRegimeEl1;
}

u64 mpidr_of(const Aarch64State& s) { return u64{1} << 31 | s.cpu_index; }

u64 asid_of(const Aarch64State& s, u64 asid) { return asid & (s.tcr[1] & kTcrAs ? 0xffff : 0xff); }

// 15:0 ASID, 31:16 VMID, 33:32 the level of the regime, 34 Secure, 35 stage 2, 36 stage 1.
namespace {

constexpr u64 kContextStage1 = u64{1} << 36;

u64 context_of_level(const Aarch64State& s, unsigned level) {
  const bool secure = s.model->el3() && (level == 3 || !(s.scr_el3 & kScrNs));
  const u64 context = u64{level} << 32 | u64{secure} << 34;
  const bool stage2 = level == 1 && (effective_hcr(s) & (kHcrVm | kHcrDc));
  return stage2 ? context | u64{1} << 35 | bits(s.vttbr_el2, 48, 16) << 16 : context;
}

}  // namespace

u64 el1_context(const Aarch64State& s, u64 asid) { return context_of_level(s, 1) | kContextStage1 | asid_of(s, asid); }

u64 address_context(const Aarch64State& s) {
  const unsigned level = regime_level(s.current_el);
  if (!(s.sctlr[level] & kSctlrM)) return context_of_level(s, level);
  if (level != 1) return context_of_level(s, level) | kContextStage1;
  const u64 ttbr = s.tcr[1] & kTcrA1 ? s.ttbr1_el1 : s.ttbr0[1];
  return el1_context(s, ttbr >> 48);
}

void Watch::tell_changes(Aarch64State& s) const {
  update_pac_masks(s);
  const u32 leave = s.leave, regime = data_regime(s);
  const u64 mode = current_mode(s).pack(), context = address_context(s);
  s.regime = regime;
  if (s.port) {
    if (context != context_) s.port->context_changed();
    if (mode != mode_) s.port->mode_changed();
    if (regime != regime_) s.port->regime_changed();
  }
  s.resync |= context != context_ || mode != mode_;
  s.leave = leave;
}

}  // namespace mimus::aarch64
