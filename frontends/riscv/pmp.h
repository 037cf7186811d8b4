// Physical memory protection (Volume II, 3.7): 16 entries, granularity 4 bytes.
#pragma once

#include "frontends/riscv/state.h"

namespace mimus::riscv {

struct PmpAccess {
  bool readable = false, writable = false, executable = false;
  bool uniform = true;          // the same answer for the whole 4 KiB page
  GuestPa first = 0, last = 0;  // the part of the page around the address that the same entry (or none) decides
};

// What an access of `mode` to the byte at `pa` may do. One that reaches beyond `last` fails whatever the entries say
// (3.7.1: the matching entry must match all bytes of an access).
PmpAccess check_pmp(const RiscvState& state, GuestPa pa, u64 mode);

// CSR writes with their locking and WARL rules; update_pmp must follow.
void assign_pmpcfg(RiscvState& state, unsigned entry, u8 value);
void assign_pmpaddr(RiscvState& state, unsigned entry, u64 value);
void update_pmp(RiscvState& state);  // rebuilds RiscvState::pmp

}  // namespace mimus::riscv
