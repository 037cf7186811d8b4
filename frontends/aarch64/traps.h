// Who else has a say in an access to a system register or a SYS instruction: EL1 over EL0, EL2 and EL3 over those
// below.
#pragma once

#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

// Groups of registers that are trapped together.
enum class Trap : u8 {
  none,
  ctr,                // SCTLR_EL1.UCT, HCR_EL2.TID2
  daif,               // SCTLR_EL1.UMA
  id1,                // HCR_EL2.TID1
  id2,                // HCR_EL2.TID2
  id3,                // HCR_EL2.TID3
  actlr,              // HCR_EL2.TACR
  cpacr,              // CPTR_EL2.TCPAC, CPTR_EL3.TCPAC
  vm,                 // HCR_EL2.TVM, TRVM
  frequency,          // CNTKCTL_EL1: either count may be read
  physical_count,     // CNTKCTL_EL1.EL0PCTEN, CNTHCTL_EL2.EL1PCTEN
  virtual_count,      // CNTKCTL_EL1.EL0VCTEN
  physical_timer,     // CNTKCTL_EL1.EL0PTEN, CNTHCTL_EL2.EL1PCEN
  virtual_timer,      // CNTKCTL_EL1.EL0VTEN
  secure_timer,       // SCR_EL3.ST
  debug,              // MDSCR_EL1.TDCC, MDCR_EL2.TDA, MDCR_EL3.TDA
  os_lock,            // MDCR_EL2.TDOSA, MDCR_EL3.TDOSA
  gic,                // undefined without such registers
  cache_user,         // SCTLR_EL1.UCI
  cache_coherency,    // HCR_EL2.TPC
  cache_unification,  // SCTLR_EL1.UCI, HCR_EL2.TPU
  set_way,            // HCR_EL2.TSW
  tlb,                // HCR_EL2.TTLB
  highest_el1,        // undefined where there is a higher level than EL1
  highest_el2,        // or EL2
};

inline constexpr unsigned kUndefined = 8;  // instead of a level: the instruction is undefined
// The level that the access traps to, 0 if it goes ahead.
unsigned trap_level(const Aarch64State& state, Trap trap, bool write);
// WFI and WFE: SCTLR_EL1.nTWI, HCR_EL2.TWI, SCR_EL3.TWI and their like.
unsigned wait_trap_level(const Aarch64State& state, bool wfe);

}  // namespace mimus::aarch64
