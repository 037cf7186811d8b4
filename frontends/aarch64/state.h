// The state of one processing element. System registers have the names and layouts of the manual (DDI 0487, D23).
#pragma once

#include "core/state/cpu.h"
#include "core/state/layout.h"
#include "core/state/visitor.h"
#include "frontends/aarch64/aarch64.h"

namespace mimus::aarch64 {

// Data regimes (Frontend::regimes): what a TLB table is good for.
enum Regime : u32 { kRegimeEl0 = 0, kRegimeEl1 = 1, kRegimeCount = 2 };

struct Aarch64State : CpuState {
  u64 x[31] = {};
  u64 sp = 0;                       // of the current stack pointer selection
  u8 n = 0, z = 0, c = 0, v = 0;    // PSTATE.NZCV
  alignas(16) u64 q[32][2] = {};    // V0 to V31, low half first
  alignas(16) u64 fpsr_qc[2] = {};  // any bit set: FPSR.QC

  u64 current_el = 1;
  u64 fpcr = 0;
  u64 fpsr_idc = 0;  // FPSR.IDC as far as MXCSR.DE does not tell it: see fpsr.cc
  u64 pstate_ssbs = 0, pstate_dit = 0;
  u64 tpidr_el0 = 0, tpidrro_el0 = 0;

  u64 sp_el[2] = {};  // SP_EL0, SP_EL1: the one that is not in use
  u64 sp_select = 1;  // PSTATE.SP
  u64 daif = 0xf;     // PSTATE.DAIF, D in bit 3
  u64 elr_el1 = 0, spsr_el1 = 0, esr_el1 = 0, far_el1 = 0, vbar_el1 = 0;

  bool user_process = false;  // exceptions are CpuPort::user_exception's
  u64 resync = 0;             // set by helpers when the run loop has to look before the guest goes on
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

// -- PSTATE as SPSR_EL1 has it (C5.2.19) --
inline constexpr unsigned kPstateNShift = 31, kPstateZShift = 30, kPstateCShift = 29, kPstateVShift = 28;
inline constexpr u64 kPstateSsbs = u64{1} << 12, kPstateDit = u64{1} << 24;
u64 read_pstate(const Aarch64State& state);
void write_pstate(Aarch64State& state, u64 value);  // everything but the exception level
u64 read_nzcv(const Aarch64State& state);
void write_nzcv(Aarch64State& state, u64 value);

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

  u64 pack() const { return el | rmode << 2 | u64(fz) << 4 | u64(dn) << 5 | u64(ahp) << 6 | u64(fz16) << 7; }
  static Mode unpack(u64 key) { return {key & 3, key >> 2 & 3, bit(key, 4), bit(key, 5), bit(key, 6), bit(key, 7)}; }
};
Mode current_mode(const Aarch64State& state);
u32 data_regime(const Aarch64State& state);

}  // namespace mimus::aarch64
