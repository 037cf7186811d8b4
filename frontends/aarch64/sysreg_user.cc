// System registers for programs, and the parts of PSTATE that are read and written as such.
#include "core/engine/port.h"
#include "frontends/aarch64/sysreg_access.h"

namespace mimus::aarch64::sysreg {

u64 read_dczid(Aarch64State& s) {
  constexpr u64 kProhibited = 1 << 4;
  const bool trapped = s.current_el < 2 && !s.user_process && current_mode(s).zva_trapped;
  return u64(std::countr_zero(kZeroBlock / 4)) | (trapped ? kProhibited : 0);
}

u64 read_nzcv_register(Aarch64State& s) { return read_nzcv(s); }
void write_nzcv_register(Aarch64State& s, u64 value) { write_nzcv(s, value); }
// Translated code does both in line.
u64 read_daif(Aarch64State& s) { return s.daif; }
void write_daif(Aarch64State& s, u64 value) {
  const Watch before(s);
  s.daif = value & kDaif;
  before.tell_changes(s);
  s.resync = 1;
}
u64 read_dit(Aarch64State& s) { return s.pstate_dit ? kPstateDit : 0; }
void write_dit(Aarch64State& s, u64 value) { s.pstate_dit = (value & kPstateDit) != 0; }
u64 read_ssbs(Aarch64State& s) { return s.pstate_ssbs ? kPstateSsbs : 0; }
void write_ssbs(Aarch64State& s, u64 value) { s.pstate_ssbs = (value & kPstateSsbs) != 0; }
u64 read_fpcr(Aarch64State& s) { return s.fpcr; }
void write_fpcr_register(Aarch64State& s, u64 value) {
  const Watch before(s);
  write_fpcr(s, value);
  before.tell_changes(s);
}
u64 read_fpsr_register(Aarch64State& s) { return read_fpsr(s); }
void write_fpsr_register(Aarch64State& s, u64 value) { write_fpsr(s, value); }
// Translated code takes the helper `random` instead, and sets the flags.
u64 read_random(Aarch64State& s) { return s.port ? s.port->random() : 0; }

}  // namespace mimus::aarch64::sysreg
