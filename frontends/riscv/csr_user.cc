// Floating-point CSRs (Volume I, chapter "F", 20.2) and the counters (Volume I, Zicntr; Volume II, 3.1.10 to 3.1.12).
//
// mcycle and minstret: when the run loop counts instructions (CpuState::insn_count), both count them exactly.
// Otherwise nothing is counted, and both advance with the board's timer as a hart of kNominalIpt instructions per tick
// would. Hardware performance counters 3 to 31 are read-only zero.
#include "core/engine/port.h"
#include "frontends/riscv/csr_access.h"

namespace mimus::riscv {
namespace {

constexpr u64 kNominalIpt = 100;

// MXCSR sticky flags IE DE ZE OE UE PE (bits 0-5) against fflags NX UF OF DZ NV (bits 0-4).
struct FlagPair {
  u8 mxcsr, fflags;
};
constexpr FlagPair kFlags[] = {{0, 4}, {2, 3}, {3, 2}, {4, 1}, {5, 0}};
// frm to MXCSR.RC. RMM has no host mode; translated code names it, so RC does not matter then.
constexpr u8 kRoundingControl[8] = {0, 3, 1, 2, 0, 0, 0, 0};

u64 running_count(const RiscvState& s) {
  if (s.insn_count != 0 || !s.port) return s.insn_count;
  return s.port->timebase() * kNominalIpt;
}

}  // namespace

u64 read_fflags(const RiscvState& s) {
  u64 flags = 0;
  for (FlagPair p : kFlags) flags |= u64(bit(s.guest_mxcsr, p.mxcsr)) << p.fflags;
  return flags;
}
void write_fflags(RiscvState& s, u64 flags) {
  s.guest_mxcsr &= ~u32{0x3f};
  for (FlagPair p : kFlags) s.guest_mxcsr |= u32(bit(flags, p.fflags)) << p.mxcsr;
}
void write_frm(RiscvState& s, u64 frm) {
  s.frm = frm & 7;
  s.guest_mxcsr = (s.guest_mxcsr & ~u32{0x6000}) | u32{kRoundingControl[s.frm]} << 13;
}

namespace csr {

u64 read_fflags_csr(const RiscvState& s, u32) { return read_fflags(s); }
void write_fflags_csr(RiscvState& s, u64 value, u32) { write_fflags(s, value); }
u64 read_frm_csr(const RiscvState& s, u32) { return s.frm; }
void write_frm_csr(RiscvState& s, u64 value, u32) { write_frm(s, value); }
u64 read_fcsr(const RiscvState& s, u32) { return s.frm << 5 | read_fflags(s); }
void write_fcsr(RiscvState& s, u64 value, u32) {
  write_fflags(s, value);
  write_frm(s, value >> 5);
}

// A counter's value is the running count plus its offset, or the offset alone while it is inhibited.
u64 read_cycle(const RiscvState& s, u32) { return s.mcycle_offset + (bit(s.mcountinhibit, 0) ? 0 : running_count(s)); }
void write_mcycle(RiscvState& s, u64 value, u32) {
  s.mcycle_offset = value - (bit(s.mcountinhibit, 0) ? 0 : running_count(s));
}
u64 read_instret(const RiscvState& s, u32) {
  return s.minstret_offset + (bit(s.mcountinhibit, 2) ? 0 : running_count(s));
}
void write_minstret(RiscvState& s, u64 value, u32) {
  s.minstret_offset = value - (bit(s.mcountinhibit, 2) ? 0 : running_count(s));
}
u64 read_time(const RiscvState& s, u32) { return s.port ? s.port->timebase() : 0; }

u64 read_mcountinhibit(const RiscvState& s, u32) { return s.mcountinhibit; }
void write_mcountinhibit(RiscvState& s, u64 value, u32) {
  u64 cycle = read_cycle(s, 0), instret = read_instret(s, 0);
  s.mcountinhibit = value & 5;  // CY and IR
  write_mcycle(s, cycle, 0);
  write_minstret(s, instret, 0);
}

u64 read_mcounteren(const RiscvState& s, u32) { return s.mcounteren; }
void write_mcounteren(RiscvState& s, u64 value, u32) { s.mcounteren = u32(value); }
u64 read_scounteren(const RiscvState& s, u32) { return s.scounteren; }
void write_scounteren(RiscvState& s, u64 value, u32) { s.scounteren = u32(value); }

bool counter_enabled(const RiscvState& s, u32 number) {
  unsigned index = number & 31;
  if (s.privilege == kMachine) return true;
  if (!bit(s.mcounteren, index)) return false;
  return s.privilege == kSupervisor || bit(s.scounteren, index);
}

}  // namespace csr
}  // namespace mimus::riscv
