// What M-mode opens to the modes below it: Smstateen (Volume II, chapter "Smstateen/Ssstateen") and the entropy source
// (Volume I, "Zkr"; Volume II, mseccfg).
#include "core/engine/port.h"
#include "frontends/riscv/csr_access.h"

namespace mimus::riscv::csr {
namespace {

constexpr u32 kMstateen0 = 0x30C;
constexpr u64 kStateSe = u64{1} << 63, kStateEnvcfg = u64{1} << 62, kStateAia = u64{7} << 58;
constexpr u64 kSecUseed = 1 << 8, kSecSseed = 1 << 9;
constexpr u64 kSeedEs16 = u64{2} << 30;  // OPST: 16 bits of entropy are there

}  // namespace

u64 read_mstateen(const RiscvState& s, u32 number) { return s.mstateen[number - kMstateen0]; }
// mstateen0 has bits for what this hart has; the other three only the one for sstateen.
void write_mstateen(RiscvState& s, u64 value, u32 number) {
  const u64 first = kStateEnvcfg | (s.model->has(Ext::Ssaia) ? kStateAia : 0);
  s.mstateen[number - kMstateen0] = value & (kStateSe | (number == kMstateen0 ? first : 0));
}
// sstateen is all zero: U-mode has nothing that its bits could close.
bool sstateen_allowed(const RiscvState& s, u32 number) {
  return s.privilege == kMachine || (s.mstateen[number & 3] & kStateSe);
}
bool senvcfg_allowed(const RiscvState& s, u32) {
  return s.privilege == kMachine || !s.model->has(Ext::Smstateen) || (s.mstateen[0] & kStateEnvcfg);
}

u64 read_seed(const RiscvState& s, u32) { return kSeedEs16 | (s.port ? s.port->random() & 0xffff : 0); }
bool seed_allowed(const RiscvState& s, u32) {
  return s.privilege == kMachine || (s.mseccfg & (s.privilege == kSupervisor ? kSecSseed : kSecUseed));
}
u64 read_mseccfg(const RiscvState& s, u32) { return s.mseccfg; }
void write_mseccfg(RiscvState& s, u64 value, u32) { s.mseccfg = value & (kSecUseed | kSecSseed); }

}  // namespace mimus::riscv::csr
