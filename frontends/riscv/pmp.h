// Physical memory protection (Volume II, 3.7): 16 entries, granularity 4 bytes.
#pragma once

#include "frontends/riscv/state.h"

namespace mimus::riscv {

struct PmpAccess {
  bool readable = false, writable = false, executable = false;
  bool uniform = true;  // the same answer for the whole 4 KiB page
};

// What an access of `mode` to the byte at `pa` may do.
PmpAccess check_pmp(const RiscvState& state, GuestPa pa, u64 mode);

// CSR writes with their locking and WARL rules; update_pmp must follow.
void assign_pmpcfg(RiscvState& state, unsigned entry, u8 value);
void assign_pmpaddr(RiscvState& state, unsigned entry, u64 value);
void update_pmp(RiscvState& state);  // rebuilds RiscvState::pmp

}  // namespace mimus::riscv
