// Floating-point CSRs (Volume I, chapter "F", 20.2).
#include "frontends/riscv/csr_access.h"

namespace mimus::riscv {
namespace {

// MXCSR sticky flags IE DE ZE OE UE PE (bits 0-5) against fflags NX UF OF DZ NV (bits 0-4).
struct FlagPair {
  u8 mxcsr, fflags;
};
constexpr FlagPair kFlags[] = {{0, 4}, {2, 3}, {3, 2}, {4, 1}, {5, 0}};
// frm to MXCSR.RC. RMM has no host mode; translated code names it, so RC does not matter then.
constexpr u8 kRoundingControl[8] = {0, 3, 1, 2, 0, 0, 0, 0};

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

}  // namespace csr
}  // namespace mimus::riscv
