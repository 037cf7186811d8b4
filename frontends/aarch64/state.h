// The state of one processing element. System registers have the names and layouts of the manual (DDI 0487, D23).
#pragma once

#include "core/state/cpu.h"
#include "core/state/layout.h"
#include "core/state/visitor.h"
#include "frontends/aarch64/aarch64.h"

namespace mimus::aarch64 {

// Data regimes (Frontend::regimes): what a TLB table is good for. EL2 and EL3 have address spaces of their own
// (address_context) and use the second one.
enum Regime : u32 {
  kRegimeEl0 = 0,
  kRegimeEl1 = 1,
  kRegimeEl1Pan = 2,  // PSTATE.PAN: pages that EL0 may access are none of EL1's business
  kRegimeCount = 3,
};

// The comparators of the generic timer, by the number of their CpuPort timer.
enum TimerId : unsigned { kTimerPhysical, kTimerVirtual, kTimerHypervisor, kTimerSecure, kTimerCount };

struct GenericTimer {
  u64 ctl = 0;   // ENABLE, IMASK; ISTATUS is worked out
  u64 cval = 0;  // CompareValue
};

inline constexpr unsigned kLevels = 4;  // EL0 to EL3
inline constexpr unsigned kBreakpoints = 6, kWatchpoints = 4;

inline constexpr u64 kDaif = 0x3c0, kDaifD = 0x200, kDaifA = 0x100, kDaifI = 0x80, kDaifF = 0x40;

struct PauthKey {
  u64 lo = 0, hi = 0;
};

struct Aarch64State : CpuState {
  u64 x[31] = {};
  u64 sp = 0;                       // of the current stack pointer selection
  u8 n = 0, z = 0, c = 0, v = 0;    // PSTATE.NZCV
  alignas(16) u64 q[32][2] = {};    // V0 to V31, low half first
  alignas(16) u64 fpsr_qc[2] = {};  // any bit set: FPSR.QC

  u64 current_el = 1;
  u64 fpcr = 0;
  alignas(16) u64 fpsr_idc[2] = {};  // any bit set: FPSR.IDC, as far as MXCSR.DE does not tell it: see fpsr.cc
  u64 pstate_ssbs = 0, pstate_dit = 0, pstate_pan = 0, pstate_uao = 0, pstate_il = 0, pstate_ss = 0;
  u64 pstate_btype = 0;     // kept only where branch targets are checked
  u64 sp_select = 1;        // PSTATE.SP
  u64 daif = kDaif;         // PSTATE.DAIF, where SPSR_ELx has it
  u64 sp_el[kLevels] = {};  // SP_EL0 to SP_EL3: those that are not in use

#define REGISTER(member) u64 member = 0;
#define BANKED(member) u64 member[kLevels] = {};
#include "frontends/aarch64/registers.def"
#undef REGISTER
#undef BANKED
  GenericTimer timers[kTimerCount];
  struct DebugPair {
    u64 value = 0, control = 0;
  };
  DebugPair breakpoints[kBreakpoints], watchpoints[kWatchpoints];

  u64 stepping = 0;              // the instruction that runs is stepped over, and has not completed
  GuestPa fault_ipa = 0;         // of the last abort of stage 2
  PauthKey pauth_keys[5];        // APIA, APIB, APDA, APDB, APGA
  u64 pauth_enabled = 0;         // of a user process: bit per key, without APGA
  bool checks_branches = false;  // a user process with guarded pages
  u64 pac_masks[4] = {};         // extension bits that hold codes: of code in either half, of data in either half
  u64 pac_source = 0;            // what they were worked out from
  bool user_process = false;     // exceptions are CpuPort::user_exception's
  u64 resync = 0;                // set by helpers when the run loop has to look before the guest goes on
  const CpuModel* model = nullptr;
};

inline Aarch64State& pe(CpuState& state) { return static_cast<Aarch64State&>(state); }
inline Aarch64State& pe(CpuState* state) { return static_cast<Aarch64State&>(*state); }
inline const Aarch64State& pe(const CpuState& state) { return static_cast<const Aarch64State&>(state); }

// SlotIds, in the order of slots.def.
enum Slot : u16 {
#define SLOT(id, ...) kSlot_##id,
#include "frontends/aarch64/slots.def"
#undef SLOT
};
constexpr u16 x_slot(unsigned n) { return u16(kSlot_x0 + n); }  // n in 0..30
constexpr u16 v_slot(unsigned n) { return u16(kSlot_v0 + n); }

const StateLayout& state_layout();
void reset_state(Aarch64State& state);
void reset_user_state(Aarch64State& state);  // Frontend::reset_user
void visit_state(Aarch64State& state, StateVisitor& visitor);

// -- PSTATE as SPSR_ELx has it (C5.2.19) --
inline constexpr unsigned kPstateNShift = 31, kPstateZShift = 30, kPstateCShift = 29, kPstateVShift = 28;
inline constexpr unsigned kPstateBtypeShift = 10;
inline constexpr u64 kPstateSsbs = u64{1} << 12, kPstateIl = u64{1} << 20, kPstateSs = u64{1} << 21,
                     kPstatePan = u64{1} << 22, kPstateUao = u64{1} << 23, kPstateDit = u64{1} << 24;
u64 read_pstate(const Aarch64State& state);
void write_pstate(Aarch64State& state,
                  u64 value);  // everything but the exception level and the stack pointer selection
void set_level(Aarch64State& state, u64 el, u64 select);  // PSTATE.EL and PSTATE.SP, and what sp is
u64 read_nzcv(const Aarch64State& state);
void write_nzcv(Aarch64State& state, u64 value);

// -- SCTLR_ELx (D24.2.145) --
inline constexpr u64 kSctlrM = 1, kSctlrA = 1 << 1, kSctlrSa = 1 << 3, kSctlrSa0 = 1 << 4, kSctlrUma = 1 << 9,
                     kSctlrDze = 1 << 14, kSctlrUct = 1 << 15, kSctlrNtwi = 1 << 16, kSctlrNtwe = 1 << 18,
                     kSctlrWxn = 1 << 19, kSctlrSpan = 1 << 23, kSctlrUci = 1 << 26, kSctlrDssbs = u64{1} << 44;
// -- TCR_ELx (D24.2.175) --
inline constexpr u64 kTcrA1 = 1 << 22, kTcrAs = u64{1} << 36;
// -- CPACR_EL1, CPTR_EL2, CPTR_EL3 --
inline constexpr unsigned kFpenShift = 20;
inline constexpr u64 kCptrTfp = 1 << 10, kCptrTcpac = u64{1} << 31;
// -- HCR_EL2 (D24.2.48) --
inline constexpr u64 kHcrVm = 1, kHcrSwio = 1 << 1, kHcrPtw = 1 << 2, kHcrFmo = 1 << 3, kHcrImo = 1 << 4,
                     kHcrAmo = 1 << 5, kHcrVf = 1 << 6, kHcrVi = 1 << 7, kHcrVse = 1 << 8, kHcrFb = 1 << 9,
                     kHcrDc = 1 << 12, kHcrTwi = 1 << 13, kHcrTwe = 1 << 14, kHcrTid1 = 1 << 16, kHcrTid2 = 1 << 17,
                     kHcrTid3 = 1 << 18, kHcrTsc = 1 << 19, kHcrTacr = 1 << 21, kHcrTsw = 1 << 22, kHcrTpc = 1 << 23,
                     kHcrTpu = 1 << 24, kHcrTtlb = 1 << 25, kHcrTvm = 1 << 26, kHcrTge = 1 << 27, kHcrTdz = 1 << 28,
                     kHcrHcd = 1 << 29, kHcrTrvm = 1 << 30, kHcrRw = u64{1} << 31, kHcrCd = u64{1} << 32,
                     kHcrId = u64{1} << 33, kHcrTea = u64{1} << 37;
// -- SCR_EL3 (D24.2.143) --
inline constexpr u64 kScrNs = 1, kScrIrq = 1 << 1, kScrFiq = 1 << 2, kScrEa = 1 << 3, kScrSmd = 1 << 7,
                     kScrHce = 1 << 8, kScrRw = 1 << 10, kScrSt = 1 << 11, kScrTwi = 1 << 12, kScrTwe = 1 << 13;

// -- FPCR and FPSR (C5.2.7, C5.2.9); fpsr.cc --
inline constexpr u64 kFpcrAhp = u64{1} << 26, kFpcrDn = u64{1} << 25, kFpcrFz = u64{1} << 24, kFpcrFz16 = u64{1} << 19;
inline constexpr unsigned kFpcrRmodeShift = 22;
inline constexpr u64 kFpcrWritable = kFpcrAhp | kFpcrDn | kFpcrFz | u64{3} << kFpcrRmodeShift;
inline constexpr u64 kFpsrIoc = 1, kFpsrDzc = 2, kFpsrOfc = 4, kFpsrUfc = 8, kFpsrIxc = 16, kFpsrIdc = 128,
                     kFpsrQc = u64{1} << 27;
u64 read_fpsr(const Aarch64State& state);
void write_fpsr(Aarch64State& state, u64 value);
void write_fpcr(Aarch64State& state, u64 value);  // also the rounding control and flush modes of guest_mxcsr

// The mode key: what translation looks at.
struct Mode {
  u64 el = 1;
  u64 rmode = 0;  // FPCR.RMode: to nearest, toward plus infinity, minus infinity, zero
  bool fz = false, dn = false, ahp = false, fz16 = false;
  bool fp_trapped = false;          // FP and SIMD instructions are for a higher level to see
  bool sp_select = true;            // PSTATE.SP
  bool uao = false;                 // PSTATE.UAO
  bool il = false;                  // PSTATE.IL
  bool sp_checked = false;          // SCTLR_ELx.SA, SA0: the stack pointer's alignment matters
  bool strict = false;              // SCTLR_ELx.A: every access has to be aligned
  bool vm_trapped = false;          // EL1 may not reach the registers of memory management: HCR_EL2.TVM, TRVM
  bool zva_trapped = false;         // DC ZVA is for a higher level to see
  u64 step = 0;                     // StepState
  bool breakpoints = false;         // there are some to look at
  bool kernel_debug = false;        // MDSCR_EL1.KDE: debug exceptions depend on PSTATE.D
  bool tbi0 = false, tbi1 = false;  // the top byte of addresses in either half is ignored
  u64 pauth = 0;                    // keys of pointer authentication that are enabled, a bit each
  bool bti = false;                 // targets of indirect branches are checked (FEAT_BTI)
  bool user = false;                // a Linux process: addresses and authentication codes have fixed places

  // Calls field(member, bits) for each.
  template <class Self, class Field>
  static void each(Self& m, Field&& field) {
    field(m.el, 2), field(m.rmode, 2), field(m.fz, 1), field(m.dn, 1), field(m.ahp, 1), field(m.fz16, 1);
    field(m.fp_trapped, 1), field(m.sp_select, 1), field(m.uao, 1), field(m.il, 1), field(m.sp_checked, 1);
    field(m.strict, 1), field(m.step, 2), field(m.breakpoints, 1), field(m.kernel_debug, 1), field(m.vm_trapped, 1);
    field(m.zva_trapped, 1), field(m.tbi0, 1), field(m.tbi1, 1), field(m.pauth, 4), field(m.bti, 1), field(m.user, 1);
  }
  u64 pack() const {
    u64 key = 0;
    unsigned at = 0;
    each(*this, [&](u64 value, unsigned width) { key |= value << at, at += width; });
    return key;
  }
  static Mode unpack(u64 key) {
    Mode mode;
    each(mode, [&](auto& value, unsigned width) {
      value = std::remove_reference_t<decltype(value)>(key & ((1u << width) - 1));
      key >>= width;
    });
    return mode;
  }
};
Mode current_mode(const Aarch64State& state);
void update_pac_masks(Aarch64State& state);  // after changes of the level or of TCR_ELx
u32 data_regime(const Aarch64State& state);

// -- exception levels and translation regimes (D1.2, D8.1.2) --
// Whether EL2 exists and is enabled in the current Security state (without FEAT_SEL2: the Non-secure one alone).
inline bool el2_enabled(const Aarch64State& s) { return s.model->el2() && (!s.model->el3() || (s.scr_el3 & kScrNs)); }
// HCR_EL2 as it is in effect.
inline u64 effective_hcr(const Aarch64State& s) { return el2_enabled(s) ? s.hcr_el2 : 0; }
// The level whose SCTLR, TCR and TTBR0 translate what is done at `el`.
constexpr unsigned regime_level(u64 el) { return el == 0 ? 1 : unsigned(el); }
// Frontend::context: regime, ASID, VMID and whether there is translation at all.
u64 address_context(const Aarch64State& state);
u64 el1_context(const Aarch64State& state, u64 asid);  // of the EL1&0 regime with stage 1 on, and this ASID
u64 mpidr_of(const Aarch64State& state);               // MPIDR_EL1 of this PE: affinity 0.0.0.n
u64 asid_of(const Aarch64State& state, u64 asid);      // as many bits as TCR_EL1.AS allows

// Looks at the state before and after a change of system registers or PSTATE, and tells the run loop what it has to
// look at.
class Watch {
 public:
  explicit Watch(const Aarch64State& state)
      : mode_(current_mode(state).pack()), context_(address_context(state)), regime_(data_regime(state)) {}
  void tell_changes(Aarch64State& state) const;

 private:
  u64 mode_, context_;
  u32 regime_;
};

}  // namespace mimus::aarch64
