// TLB maintenance and address translation instructions (DDI 0487, D8.14, C5.5 and C5.4).
#pragma once

#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

enum class TlbiKind : u8 {
  all,          // whatever there is: more than asked for, where it is asked for a part
  asid,         // bits 63:48 of the operand
  address,      // page number in bits 43:0, ASID in 63:48; global entries too
  address_all,  // of every ASID
  address_el2,  // of the regimes of EL2 and EL3
  address_el3,
};
// `broadcast`: on all PEs of the Inner Shareable domain, that is, all.
void invalidate_tlb(Aarch64State& state, TlbiKind kind, bool broadcast, u64 operand);

enum class AtKind : u8 {
  s1e1r,
  s1e1w,
  s1e0r,
  s1e0w,
  s1e1rp,
  s1e1wp,
  s1e2r,
  s1e2w,
  s12e1r,
  s12e1w,
  s12e0r,
  s12e0w,
  s1e3r,
  s1e3w
};
// The result is PAR_EL1.
void translate_for_software(Aarch64State& state, AtKind kind, GuestVa va);

}  // namespace mimus::aarch64
