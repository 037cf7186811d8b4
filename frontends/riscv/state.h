// The state of one hart. Control and status registers have the names and layouts of the privileged manual.
#pragma once

#include <array>

#include "core/state/cpu.h"
#include "core/state/layout.h"
#include "core/state/visitor.h"
#include "frontends/riscv/riscv.h"

namespace mimus::riscv {

enum Privilege : u64 { kUser = 0, kSupervisor = 1, kMachine = 3 };

// Data regimes (Frontend::regimes): what a TLB table is good for.
enum Regime : u32 {
  kRegimeMachine = 0,        // no translation, PMP as M mode
  kRegimeSupervisor = 1,     // user pages fault
  kRegimeSupervisorSum = 2,  // mstatus.SUM: user pages allowed for data
  kRegimeUser = 3,
  kRegimeCount = 4,
};

inline constexpr unsigned kPmpEntries = 16;
inline constexpr unsigned kFirstHpm = 3, kHpmCounters = 16;  // mhpmcounter3 to 18

// A PMP entry in effect, as an address range. Derived from pmpcfg and pmpaddr.
struct PmpRange {
  GuestPa first = 0, last = 0;  // inclusive
  u8 config = 0;                // pmpcfg byte
};

// A hardware performance counter (counters.h). Its value is `value`, and what was counted since `base` while it runs.
struct HpmCounter {
  u64 event = 0;  // mhpmevent
  u64 value = 0;
  u64 base = 0;
  bool running = false;
};

struct RiscvState : CpuState {
  u64 x[32] = {};  // x[0] stays 0
  u64 f[32] = {};

  u64 privilege = kMachine;
  u64 frm = 0;      // fflags are in guest_mxcsr
  u64 mstatus = 0;  // without SD, which is computed
  u64 mscratch = 0, mepc = 0, mcause = 0, mtval = 0, mtvec = 0;
  u64 medeleg = 0, mideleg = 0, mie = 0;
  u64 mip = 0;  // the software-writable bits; the interrupt inputs are in irq_lines
  u64 mcounteren = 0, mcountinhibit = 0, menvcfg = 0;
  u64 sscratch = 0, sepc = 0, scause = 0, stval = 0, stvec = 0;
  u64 scounteren = 0, senvcfg = 0, satp = 0;
  u64 stimecmp = ~u64{0};
  bool stip = false;  // level of the Sstc comparator

  // Counter value = running base + offset; while inhibited, the offset alone.
  u64 mcycle_offset = 0, minstret_offset = 0;
  std::array<HpmCounter, kHpmCounters> hpm{};
  std::array<u64, 3> walks{};  // of page tables, by Access
  bool hpm_active = false;     // derived: some counter has an event
  bool counter_timer = false;  // derived: the overflow timer is set

  std::array<u64, 4> mstateen{};
  u64 mseccfg = 0;
  u64 miselect = 0, siselect = 0;
  u32 claimed = 0;  // identity that the running CSR instruction has read from mtopei or stopei

  std::array<u8, kPmpEntries> pmpcfg{};
  std::array<u64, kPmpEntries> pmpaddr{};
  std::array<PmpRange, kPmpEntries> pmp{};  // derived: entries in effect, in order of priority
  u32 pmp_count = 0;

  bool user_process = false;  // exceptions are CpuPort::user_exception's
  u64 resync = 0;             // set by the CSR helpers when the run loop has to look before the guest goes on
  const CpuModel* model = nullptr;
};

inline RiscvState& hart(CpuState& state) { return static_cast<RiscvState&>(state); }
inline RiscvState& hart(CpuState* state) { return static_cast<RiscvState&>(*state); }
inline const RiscvState& hart(const CpuState& state) { return static_cast<const RiscvState&>(state); }

// SlotIds, in the order of slots.def.
enum Slot : u16 {
#define SLOT(id, ...) kSlot_##id,
#include "frontends/riscv/slots.def"
#undef SLOT
};
constexpr u16 x_slot(unsigned n) { return u16(kSlot_x1 + n - 1); }  // n in 1..31
constexpr u16 f_slot(unsigned n) { return u16(kSlot_f0 + n); }

const StateLayout& state_layout();
void reset_state(RiscvState& state);
void reset_user_state(RiscvState& state);  // Frontend::reset_user
void visit_state(RiscvState& state, StateVisitor& visitor);

// -- mstatus fields (Volume II, 3.1.6) --
inline constexpr u64 kStatusSie = u64{1} << 1, kStatusMie = u64{1} << 3, kStatusSpie = u64{1} << 5,
                     kStatusMpie = u64{1} << 7, kStatusSpp = u64{1} << 8, kStatusMpp = u64{3} << 11,
                     kStatusFs = u64{3} << 13, kStatusMprv = u64{1} << 17, kStatusSum = u64{1} << 18,
                     kStatusMxr = u64{1} << 19, kStatusTvm = u64{1} << 20, kStatusTw = u64{1} << 21,
                     kStatusTsr = u64{1} << 22, kStatusUxl = u64{2} << 32, kStatusSxl = u64{2} << 34,
                     kStatusSd = u64{1} << 63;
// What of mstatus shows in sstatus, SD apart.
inline constexpr u64 kSstatusVisible =
    kStatusSie | kStatusSpie | kStatusSpp | kStatusFs | kStatusSum | kStatusMxr | kStatusUxl;
inline constexpr unsigned kStatusMppShift = 11, kStatusFsShift = 13;

// -- menvcfg and senvcfg fields (3.1.18) --
inline constexpr u64 kEnvFiom = 1, kEnvCbie = u64{3} << 4, kEnvCbcfe = u64{1} << 6, kEnvCbze = u64{1} << 7,
                     kEnvAdue = u64{1} << 61, kEnvPbmte = u64{1} << 62, kEnvStce = u64{1} << 63;

// -- interrupts (3.1.9) --
inline constexpr u64 kIrqSsi = 1 << 1, kIrqMsi = 1 << 3, kIrqSti = 1 << 5, kIrqMti = 1 << 7, kIrqSei = 1 << 9,
                     kIrqMei = 1 << 11, kIrqLcofi = 1 << 13;
inline constexpr u64 kIrqSupervisor = kIrqSsi | kIrqSti | kIrqSei;
inline constexpr u64 kIrqMachine = kIrqMsi | kIrqMti | kIrqMei;
u64 delegatable_interrupts(const RiscvState& state);  // kIrqSupervisor, and with Sscofpmf the counters' interrupt

// -- exception codes (3.1.15) --
enum Cause : u32 {
  kCauseFetchMisaligned = 0,
  kCauseFetchAccess = 1,
  kCauseIllegal = 2,
  kCauseBreakpoint = 3,
  kCauseLoadMisaligned = 4,
  kCauseLoadAccess = 5,
  kCauseStoreMisaligned = 6,
  kCauseStoreAccess = 7,
  kCauseUserCall = 8,
  kCauseFetchPage = 12,
  kCauseLoadPage = 13,
  kCauseStorePage = 15,
};

// The mode key: what translation looks at. `fp_ready`: FS is Dirty, so that FP instructions need no check (never set in
// S mode, whose trap entry and exit switch FS off and on; there the check is made in line).
struct Mode {
  u64 privilege = kMachine;
  bool fp_ready = false;
  u64 frm = 0;

  u64 pack() const { return privilege | u64(fp_ready) << 2 | frm << 3; }
  static Mode unpack(u64 key) { return {key & 3, bit(key, 2), key >> 3 & 7}; }
};
Mode current_mode(const RiscvState& state);
u32 data_regime(const RiscvState& state);
u64 address_context(const RiscvState& state);  // satp.MODE and ASID

}  // namespace mimus::riscv
