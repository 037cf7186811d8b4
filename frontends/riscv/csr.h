// Control and status registers as a table (csr.def).
#pragma once

#include <string>

#include "frontends/riscv/state.h"

namespace mimus::riscv {

struct CsrDesc {
  using Read = u64 (*)(const RiscvState&, u32 number);
  using Write = void (*)(RiscvState&, u64 value, u32 number);
  using Allowed = bool (*)(const RiscvState&, u32 number);
  enum class Kind : u8 {
    slot,    // no effect but its value: translated in line
    fp,      // fflags, frm, fcsr: translated in line, needs mstatus.FS
    helper,  // by read and write
  };

  std::string name;
  Ext extension = Ext::I;
  Kind kind = Kind::helper;
  u16 slot = 0;               // Kind::slot
  u64 writable = 0;           // Kind::slot: the other bits are 0
  Read read = nullptr;        // every kind
  Write write = nullptr;      // null: writes are ignored
  Allowed allowed = nullptr;  // further condition, or null

  static constexpr unsigned min_privilege(u32 number) { return number >> 8 & 3; }
  // Reading alone is not allowed: seed, whose value is used up (Volume I, "Zkr").
  static constexpr bool write_needed(u32 number) { return number == 0x015; }
  static constexpr bool read_only(u32 number) { return number >> 10 == 3; }
};

// The row of CSR `number` (12 bits), or null.
const CsrDesc* find_csr(u32 number);

// What `number` reads as now, for debuggers and tests (no permission checks); 0 for unknown ones.
u64 peek_csr(const RiscvState& state, u32 number);

// Writes as csrrw does in M mode and tells the run loop through the port; false for an unknown or read-only CSR.
bool poke_csr(RiscvState& state, u32 number, u64 value);

// What an executed CSR instruction consists of. csr_shown: what it returns for a CSR that reads as `value`; `retired`
// are the instructions retired in this block so far, which the counters add.
bool csr_accessible(const RiscvState& state, const CsrDesc& row, u32 number);
u64 csr_shown(const RiscvState& state, u32 number, u64 value, u64 retired);
void csr_assign(RiscvState& state, const CsrDesc& row, u32 number, u64 value);

// fflags, from the sticky flags of guest_mxcsr.
u64 read_fflags(const RiscvState& state);
void write_fflags(RiscvState& state, u64 flags);
void write_frm(RiscvState& state, u64 frm);  // also the rounding control of guest_mxcsr

// Sets the Sstc comparator's level and the board's timer from stimecmp.
void update_stimecmp(RiscvState& state);

}  // namespace mimus::riscv
