// The self-hosted debug registers (DDI 0487, D2 and D24.3).
#include "frontends/aarch64/debug.h"
#include "frontends/aarch64/sysreg_access.h"

namespace mimus::aarch64::sysreg {

constexpr u64 kOslk = 2;

u64 read_mdscr(Aarch64State& s) { return s.mdscr_el1; }
void write_mdscr(Aarch64State& s, u64 value) {
  const Watch before(s);
  s.mdscr_el1 = value & (kMdscrSs | kMdscrTdcc | kMdscrKde | kMdscrMde);
  before.tell_changes(s);
}
void write_oslar(Aarch64State& s, u64 value) {
  const Watch before(s);
  s.oslsr_el1 = (s.oslsr_el1 & ~kOslk) | (value & 1 ? kOslk : 0);
  before.tell_changes(s);
}
void assign_breakpoint_control(Aarch64State& s, unsigned n, u64 value) {
  const Watch before(s);
  s.breakpoints[n].control = value;
  before.tell_changes(s);
}

// DBGCLAIMSET reads as which bits there are.
u64 read_claim(Aarch64State& s) { return s.dbgclaim; }
u64 read_claim_set(Aarch64State&) { return 0xff; }
void write_claim_set(Aarch64State& s, u64 value) { s.dbgclaim |= value & 0xff; }
void write_claim_clear(Aarch64State& s, u64 value) { s.dbgclaim &= ~value; }

}  // namespace mimus::aarch64::sysreg
