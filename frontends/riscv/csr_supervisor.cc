// Supervisor-level CSRs (Volume II, chapter 10, and the Sstc extension).
#include "core/engine/port.h"
#include "frontends/riscv/csr_access.h"
#include "frontends/riscv/trap.h"

namespace mimus::riscv {

void update_stimecmp(RiscvState& s) {
  bool enabled = s.menvcfg & kEnvStce;
  s.stip = enabled && s.port && s.port->timebase() >= s.stimecmp;
  if (s.port) s.port->set_timer(0, enabled && !s.stip ? s.stimecmp : ~u64{0});
}

namespace csr {
namespace {

// Bare, Sv39, Sv48, Sv57
u64 satp_modes(const CpuModel& model) { return 1u | 1u << 8 | 1u << 9 | u64{model.has(Ext::Sv57)} << 10; }

}  // namespace

u64 read_sstatus(const RiscvState& s, u32 number) { return read_mstatus(s, number) & (kSstatusVisible | kStatusSd); }
void write_sstatus(RiscvState& s, u64 value, u32) { assign_status(s, value, kSstatusVisible & ~kStatusUxl); }

u64 read_sie(const RiscvState& s, u32) { return s.mie & s.mideleg; }
void write_sie(RiscvState& s, u64 value, u32) { s.mie = (s.mie & ~s.mideleg) | (value & s.mideleg); }

// Only SSIP and LCOFIP can be written, and only when they are delegated.
u64 read_sip(const RiscvState& s, u32) { return pending_interrupts(s) & s.mideleg; }
void write_sip(RiscvState& s, u64 value, u32) {
  u64 writable = (kIrqSsi | kIrqLcofi) & s.mideleg;
  s.mip = (s.mip & ~writable) | (value & writable);
}

u64 read_stvec(const RiscvState& s, u32) { return s.stvec; }
void write_stvec(RiscvState& s, u64 value, u32) { s.stvec = legal_tvec(s.stvec, value); }

u64 read_senvcfg(const RiscvState& s, u32) { return s.senvcfg; }
void write_senvcfg(RiscvState& s, u64 value, u32) {
  u64 writable = kEnvFiom;
  if (s.model->has(Ext::Zicbom)) writable |= kEnvCbie | kEnvCbcfe;
  if (s.model->has(Ext::Zicboz)) writable |= kEnvCbze;
  s.senvcfg = legal_envcfg(s.senvcfg, value, writable);
}

// A write with an unsupported MODE has no effect (10.1.11). All 16 bits of ASID and all 44 of PPN are there.
u64 read_satp(const RiscvState& s, u32) { return s.satp; }
void write_satp(RiscvState& s, u64 value, u32) {
  if (bit(satp_modes(*s.model), unsigned(value >> 60))) s.satp = value;
}
bool satp_allowed(const RiscvState& s, u32) { return s.privilege == kMachine || !(s.mstatus & kStatusTvm); }

u64 read_stimecmp(const RiscvState& s, u32) { return s.stimecmp; }
void write_stimecmp(RiscvState& s, u64 value, u32) {
  s.stimecmp = value;
  update_stimecmp(s);
}
bool stimecmp_enabled(const RiscvState& s, u32) {
  return s.privilege == kMachine || ((s.menvcfg & kEnvStce) && bit(s.mcounteren, 1));
}

}  // namespace csr
}  // namespace mimus::riscv
